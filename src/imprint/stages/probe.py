"""probe: measures a solution."""

import importlib

from imprint import store
from imprint.plugins import FUNCTIONS
from imprint.solution import Solution
from imprint.stages.common import job


def main(argv: list[str]) -> None:
    """Write the measurements of one probe on one solution."""
    work = job("probe", argv)
    solution = Solution(work.read("train"))
    modules = [name for name in work.spec["code"]["modules"] if not name.startswith("imprint.models")]
    name, _, function = work.spec["probe"].partition(":")
    measure = getattr(importlib.import_module(modules[0]), function or FUNCTIONS["probes"])
    measured = measure(solution, work.task(), **work.spec["options"])
    store.write(measured.assign(role=solution.data["role"]), work.out, **work.provenance())

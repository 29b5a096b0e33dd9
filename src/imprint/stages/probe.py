"""probe: measures a solution."""

import traceback

from imprint import store
from imprint.solution import Solution
from imprint.stages.common import StageError, job


def main(argv: list[str]) -> None:
    """Write the measurements of one probe on one solution."""
    work = job("probe", argv)
    solution = Solution(work.read("train"))
    measure = work.plugin(work.spec["probe"], "measure")
    try:
        measured = measure(solution, work.task(), **work.spec["options"])
    except ValueError as error:
        traceback.print_exc()
        raise StageError(f"probe {work.spec['probe']} ({work.label}): {error}") from error
    store.write(measured.assign(role=solution.data["role"]), work.out, **work.provenance())

"""probe: measures a solution."""

import traceback

import xarray as xr

from imprint import store
from imprint.solution import PREFIX, Solution
from imprint.stages.common import Job, StageError, job


def main(argv: list[str]) -> None:
    """Write the measurements of one probe on one solution; those of a search have no roles."""
    work = job("probe", argv)
    solution = Solution(work.read("train"))
    measure = work.plugin(work.spec["probe"], "measure")
    across = {"others": others(work)} if "others" in work.spec else {}
    try:
        measured = measure(solution, work.task(), **across, **work.spec["options"])
    except ValueError as error:
        traceback.print_exc()
        raise StageError(f"probe {work.spec['probe']} ({work.label}): {error}") from error
    roles = {name: solution.data[name] for name in ("role",) if name in solution.data}
    store.write(measured.assign(roles), work.out, **work.provenance())


def others(work: Job) -> dict[str, Solution]:
    """Return the solutions of all recipes, each of all its blocks of seeds."""
    blocks: dict[str, list[xr.Dataset]] = {}
    for recipe, path in zip(work.spec["others"], work.inputs["others"], strict=True):
        data = store.read(path)
        kept = [name for name in data if str(name).startswith(PREFIX) or name in ("role", "status")]
        blocks.setdefault(recipe, []).append(data[kept])
    return {name: Solution(_joined(parts)) for name, parts in blocks.items()}


def _joined(parts: list[xr.Dataset]) -> xr.Dataset:
    return xr.concat(parts, "seed", data_vars="minimal", coords="minimal", compat="override", join="exact")

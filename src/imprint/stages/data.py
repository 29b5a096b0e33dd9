"""data: builds a task's data."""

import xarray as xr

from imprint import store
from imprint.stages.common import Job, StageError, job
from imprint.streams import seed_of


def main(argv: list[str]) -> None:
    """Write the data of a task, with a leading ``seed`` if they are drawn per seed."""
    work = job("data", argv)
    name = work.spec["task"]["name"]
    try:
        data = build(work)
    except (ValueError, OSError) as error:
        raise StageError(f"task {name}: {error}") from error
    store.write(data, work.out, **work.provenance())


def build(work: Job) -> xr.Dataset:
    """Return the data that a job's spec describes."""
    spec, options = work.spec, dict(work.spec["task"])
    draw = work.plugin(options.pop("name"), "build")
    if "seeds" not in spec:
        return draw(**options)
    drawn = [draw(**options, seed=seed_of(seed, "data")) for seed in spec["seeds"]]
    # labels of a view, which are flags, are the same for every seed
    varying = [name for name, value in drawn[0].data_vars.items() if "flag_values" not in value.attrs]
    stacked = xr.concat(
        drawn, "seed", data_vars=varying, coords="minimal", compat="override", join="exact", combine_attrs="override"
    )
    return stacked.assign_coords(seed=spec["seeds"])

"""data: builds a task's data."""

import importlib

import xarray as xr

from imprint import store
from imprint.stages.common import job
from imprint.streams import seed_of


def main(argv: list[str]) -> None:
    """Write the data of a task, with a leading ``seed`` if they are drawn per seed."""
    work = job("data", argv)
    options = dict(work.spec["task"])
    build = importlib.import_module(f"imprint.tasks.{options.pop('name')}").build
    if "seeds" in work.spec:
        drawn = [build(**options, seed=seed_of(seed, "data")) for seed in work.spec["seeds"]]
        # labels of a view, which are flags, are the same for every seed
        varying = [name for name, value in drawn[0].data_vars.items() if "flag_values" not in value.attrs]
        data = xr.concat(
            drawn,
            "seed",
            data_vars=varying,
            coords="minimal",
            compat="override",
            join="exact",
            combine_attrs="override",
        )
        data = data.assign_coords(seed=work.spec["seeds"])
    else:
        data = build(**options)
    store.write(data, work.out, **work.provenance())

"""train: trains the chosen settings of a recipe on one block of evaluation seeds."""

import numpy as np
import xarray as xr

from imprint import store
from imprint.fleet.resume import Checkpoint
from imprint.fleet.train import train
from imprint.stages.common import Job, job

FIXED = "fixed"


def main(argv: list[str]) -> None:
    """Write the solution of one seed block."""
    work = job("train", argv)
    settings, roles = chosen(work)
    solution = train(work.task(), work.spec, settings, work.spec["seeds"], Checkpoint(work.resume / "fleet"))
    about = {"long_name": "rules that chose the setting", "units": "1"}
    solution["role"] = ("setting", np.array(roles, dtype=str), about)
    store.write(solution, work.out, **work.provenance())
    work.forget()


def chosen(work: Job) -> tuple[list[dict], list[str]]:
    """Return the settings to train and for each the rules that chose it, separated by spaces.

    Where no setting meets any rule, the middle of the grid is trained for the record, chosen by none.
    """
    if "select" not in work.inputs:
        return [{"lr": work.spec["recipe"]["hyper"]["lr"]}], [FIXED]
    table: xr.Dataset = work.read("select")
    names = [str(name) for name in table if str(name).startswith("hyper.")]
    settings: list[dict] = []
    roles: list[str] = []
    places = sorted({place for place in table["chosen"].values.tolist() if place >= 0})
    for place in places or [table.sizes["setting"] // 2]:
        settings.append({name.removeprefix("hyper."): float(table[name].values[place]) for name in names})
        roles.append(" ".join(table["select"].values[table["chosen"].values == place].tolist()))
    return settings, roles

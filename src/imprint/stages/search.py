"""search: trains all settings of a recipe on the tuning seeds."""

import numpy as np
import xarray as xr

from imprint import store
from imprint.fleet import selection
from imprint.fleet.resume import Checkpoint
from imprint.fleet.train import train
from imprint.stages.common import Job, job
from imprint.task import Task


def main(argv: list[str]) -> None:
    """Write the search fleet: the declared grid, extended and refined by the same rule for every recipe.

    Where a chosen setting lies at the grid's edge, a setting is added beyond it, up to ``extend`` per side. Where a
    target falls between two settings, one is added between them, up to ``extend`` times.
    """
    work = job("search", argv)
    store.write(search(work), work.out, **work.provenance())
    work.forget()


def search(work: Job) -> xr.Dataset:
    """Train the grid and what is added to it."""
    task, spec = work.task(), work.spec
    ((name, (low, high)),) = spec["recipe"]["search"].items()
    grid = np.geomspace(low, high, spec["settings"])
    fleets = [_train(work, task, name, grid.tolist(), 0)]
    room = dict.fromkeys(("low", "high", "between"), spec["extend"])
    while True:
        merged = _sorted(fleets, name)
        added = _added(merged, spec["select"], merged[f"hyper.{name}"].values, grid[1] / grid[0])
        added = {place: value for place, value in added.items() if room[place]}
        if not added:
            return merged
        fleets.append(_train(work, task, name, sorted(set(added.values())), len(fleets)))
        for place in added:
            room[place] -= 1


def _added(merged: xr.Dataset, rules: dict, values: np.ndarray, ratio: float) -> dict[str, float]:
    """Return the settings to add, by place: ``low``, ``high``, ``between``."""
    beyond = {"low": float(values[0] / ratio), "high": float(values[-1] * ratio)}
    added = {side: beyond[side] for side in selection.edges(merged, rules)}
    crossings = selection.crossings(merged, rules)
    if crossings:
        added["between"] = float(np.sqrt(values[crossings[0]] * values[crossings[0] + 1]))
    return added


def _train(work: Job, task: Task, name: str, values: list[float], number: int) -> xr.Dataset:
    settings = [{name: value} for value in values]
    return train(task, work.spec, settings, work.spec["seeds"], Checkpoint(work.resume / f"fleet_{number}"))


def _sorted(fleets: list[xr.Dataset], name: str) -> xr.Dataset:
    """Return fleets as one, sorted by the searched hyper-parameter; early ends are padded with NaN."""
    steps = sorted({step for fleet in fleets for step in fleet["step"].values.tolist()})
    indexed = [fleet.set_index(evaluation="step").reindex(evaluation=steps) for fleet in fleets]
    merged = xr.concat(indexed, "setting", coords="minimal", compat="override", join="exact", data_vars="all")
    merged = merged.sortby(f"hyper.{name}")
    merged = merged.assign_coords(setting=range(merged.sizes["setting"]))
    steps = merged["evaluation"].values
    return merged.drop_vars("evaluation").assign_coords(step=("evaluation", steps))

"""search: trains all settings of a recipe on the tuning seeds."""

import numpy as np
import xarray as xr

from imprint import store
from imprint.fleet import selection
from imprint.fleet.train import train
from imprint.stages.common import Job, job


def main(argv: list[str]) -> None:
    """Write the search fleet: the declared grid, extended where a chosen setting lies at its edge."""
    work = job("search", argv)
    store.write(search(work), work.out, **work.provenance())


def search(work: Job) -> xr.Dataset:
    """Train the grid; while a rule chooses a setting at an edge, add one there, up to ``extend`` per side."""
    task, spec = work.task(), work.spec
    ((name, (low, high)),) = spec["recipe"]["search"].items()
    grid = np.geomspace(low, high, spec["settings"])
    ratio = grid[1] / grid[0]
    fleets = [_train(task, spec, name, grid.tolist())]
    room = {"low": spec["extend"], "high": spec["extend"]}
    while True:
        merged = _sorted(fleets, name)
        edges = selection.edges(merged, spec["select"])
        wanted = [side for side in ("low", "high") if side in edges and room[side]]
        if not wanted:
            return merged
        values = merged[f"hyper.{name}"].values
        new = {"low": values[0] / ratio, "high": values[-1] * ratio}
        fleets.append(_train(task, spec, name, [float(new[side]) for side in wanted]))
        for side in wanted:
            room[side] -= 1


def _train(task, spec: dict, name: str, values: list[float]) -> xr.Dataset:
    return train(task, spec, [{name: value} for value in values], spec["seeds"])


def _sorted(fleets: list[xr.Dataset], name: str) -> xr.Dataset:
    """Return fleets as one, sorted by the searched hyper-parameter; early ends are padded with NaN."""
    steps = sorted({step for fleet in fleets for step in fleet["step"].values.tolist()})
    indexed = [fleet.set_index(evaluation="step").reindex(evaluation=steps) for fleet in fleets]
    merged = xr.concat(indexed, "setting", coords="minimal", compat="override", join="exact", data_vars="all")
    merged = merged.sortby(f"hyper.{name}")
    merged = merged.assign_coords(setting=range(merged.sizes["setting"]))
    steps = merged["evaluation"].values
    return merged.drop_vars("evaluation").assign_coords(step=("evaluation", steps))

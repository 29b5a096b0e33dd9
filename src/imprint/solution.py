"""A solution, the snapshots and the trace of a fleet, as probes see it."""

from collections.abc import Callable, Iterator
from functools import cached_property

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from imprint.task import Task

PREFIX = "weight."
REPLICA_DIMS = ("setting", "seed")


class Replicas:
    """The replicas of a solution that have finite weights at one snapshot.

    Attributes:
        weights: by parameter name, ``[R, *shape]``.
        cells: ``[R, 2]``, the index of each replica's setting and seed.
        snapshot: the snapshot's name.
        task: the task they were trained on.
    """

    def __init__(self, solution: "Solution", task: Task, snapshot: str):
        self.solution, self.task, self.snapshot = solution, task, snapshot
        values = {name: solution.values(name, snapshot) for name in solution.parameters}
        finite = np.logical_and.reduce(
            [np.isfinite(value).all(axis=tuple(range(2, value.ndim))) for value in values.values()]
        )
        self.cells = torch.as_tensor(np.argwhere(finite))
        self.weights = {name: self._tensor(value[finite]) for name, value in values.items()}

    def __len__(self) -> int:
        return len(self.cells)

    def _tensor(self, value: np.ndarray) -> Tensor:
        return torch.as_tensor(value).to(self.task.device, self.task.precision)

    @cached_property
    def initial(self) -> dict[str, Tensor]:
        """The same replicas' weights at the snapshot ``init``."""
        rows, columns = self.cells.T.numpy()
        return {
            name: self._tensor(self.solution.values(name, "init")[rows, columns]) for name in self.solution.parameters
        }

    def _own(self, value: Tensor) -> Tensor:
        if not self.task.seeded:
            return value
        seeds = self.solution.data["seed"].values[self.cells[:, 1].numpy()].tolist()
        return value[self.task.seed_index(seeds)]

    def x(self, split: str) -> Tensor:
        """Inputs ``[N, D]``, or ``[R, N, D]`` where data are drawn per seed."""
        return self._own(self.task.tensor(f"x_{split}"))

    def y(self, split: str) -> Tensor:
        """Targets ``[N]``, or ``[R, N]`` where data are drawn per seed."""
        return self._own(self.task.tensor(f"y_{split}"))

    def view(self, name: str) -> Tensor:
        """A variable of one of the task's views, with a leading ``[R]`` where data are drawn per seed."""
        value = self.task.tensor(name)
        return self._own(value) if "seed" in self.task.data[name].dims else value

    def logits(self, split: str) -> Tensor:
        """Logits ``[R, N, C]`` on a split."""
        return self.task.logits(self.weights, self.x(split))

    def activations(self, split: str) -> dict[str, Tensor]:
        """Hidden activations ``{layer: [R, N, H]}`` on a split."""
        return self.task.activations(self.weights, self.x(split))

    def loss(self, split: str) -> Tensor:
        """Loss of every example, ``[R, N]``."""
        return self.task.loss(self.logits(split), self.y(split))

    def trace(self, name: str) -> Tensor:
        """The value ``[R]`` of a trace variable at the evaluation of this snapshot (NaN before the first)."""
        rows, columns = self.cells.T.numpy()
        reached = self.solution.data["snapshot_step"].sel(snapshot=self.snapshot).values[rows, columns]
        steps = self.solution.data["step"].values
        values = self.solution.data[name].values[rows, columns]
        place = np.searchsorted(steps, reached)
        known = (place < len(steps)) & (steps[np.minimum(place, len(steps) - 1)] == reached)
        picked = values[np.arange(len(rows)), np.minimum(place, len(steps) - 1)]
        return torch.as_tensor(np.where(known, picked, np.nan))


class Solution:
    """The stored result of a fleet: dims ``(setting, seed, snapshot, ...)``."""

    def __init__(self, data: xr.Dataset):
        self.data = data
        self.parameters = [str(name)[len(PREFIX) :] for name in data if str(name).startswith(PREFIX)]

    def values(self, parameter: str, snapshot: str) -> np.ndarray:
        """Return one parameter at one snapshot, ``[setting, seed, *shape]``."""
        return self.data[PREFIX + parameter].sel(snapshot=snapshot).values

    def snapshots(self, task: Task) -> Iterator[Replicas]:
        """Yield the replicas at each snapshot in turn."""
        for snapshot in self.data["snapshot"].values.tolist():
            yield Replicas(self, task, snapshot)

    def each(
        self,
        task: Task,
        kernel: Callable[[Replicas], dict[str, Tensor]],
        measures: dict[str, dict],
        coords: dict[str, list] | None = None,
    ) -> xr.Dataset:
        """Measure every snapshot and label the result.

        Args:
            task: the task of this solution.
            kernel: from replicas to ``{measure: [R, *dims]}``, with every measure of ``measures``.
            measures: the probe's ``MEASURES``.
            coords: labels of the dims that measures have beyond setting, seed and snapshot.

        Returns:
            Dataset with dims ``(setting, seed, snapshot, *dims)``; NaN where a replica has no finite weights.
        """
        names = self.data["snapshot"].values.tolist()
        shape = (self.data.sizes["setting"], self.data.sizes["seed"], len(names))
        coords = coords or {}
        arrays = {
            name: np.full(shape + tuple(len(coords[dim]) for dim in entry["dims"]), np.nan)
            for name, entry in measures.items()
        }
        for index, replicas in enumerate(self.snapshots(task)):
            if not len(replicas):
                continue
            with torch.no_grad():
                results = kernel(replicas)
            rows, columns = replicas.cells.T.numpy()
            for name, array in arrays.items():
                array[rows, columns, index] = results[name].detach().cpu().numpy()
        variables = {
            name: ((*REPLICA_DIMS, "snapshot", *measures[name]["dims"]), array, _attributes(measures[name]))
            for name, array in arrays.items()
        }
        labels = {dim: self.data[dim].values for dim in (*REPLICA_DIMS, "snapshot")}
        return xr.Dataset(variables, coords={**labels, **coords})


def _attributes(entry: dict) -> dict:
    kept = {key: entry[key] for key in ("long_name", "units", "source")}
    return {**kept, "prefer": entry.get("prefer") or "none"}

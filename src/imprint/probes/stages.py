"""Sequences of tasks: which examples and which snapshots belong to which task; what their probes share."""

import torch
from torch import Tensor

from imprint.probes.dynamics.accuracy_matrix import history
from imprint.solution import Replicas, Solution
from imprint.task import Task


def check_snapshots(probe: str, solution: Solution, task: Task) -> None:
    """Check that a solution has the weights at the end of every task.

    Raises:
        ValueError: naming the probe and the snapshots that are missing.
    """
    names = solution.data["snapshot"].values.tolist()
    missing = [name for name in history("final", task.stages) if name not in names]
    if missing:
        raise ValueError(f"{probe} needs the snapshots {missing}; the solution has {names}; keep them in training")


def places(task: Task, split: str, stage: int, most: int | None = None) -> Tensor:
    """Return where the examples of a stage, counted from 0, are in a split, ``[N]``; at most the first ``most``."""
    stage_N = task.stage_of(split)
    return torch.nonzero((stage_N[0] if stage_N.dim() > 1 else stage_N) == stage).flatten()[:most]


def examples(replicas: Replicas, split: str, stage: int, most: int | None = None) -> tuple[Tensor, Tensor]:
    """Return ``x, y`` of a stage's examples in a split: ``[N, ...], [N]``, after ``R`` if drawn per seed."""
    chosen_N = places(replicas.task, split, stage, most)
    x, y = replicas.x(split), replicas.y(split)
    return x.index_select(int(replicas.task.seeded), chosen_N), y.index_select(-1, chosen_N)


def weights_at(replicas: Replicas, snapshot: str) -> dict[str, Tensor]:
    """Return the same replicas' weights at another snapshot, by name, ``[R, *shape]``."""
    rows, columns = replicas.cells.T.numpy()
    return {
        name: torch.as_tensor(replicas.solution.values(name, snapshot)[rows, columns]).to(weight)
        for name, weight in replicas.weights.items()
    }

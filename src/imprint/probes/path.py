"""Snapshots along the training of each replica, in the order of their steps."""

import torch
from torch import Tensor

from imprint.probes.dynamics.accuracy_matrix import history
from imprint.solution import PREFIX, Replicas, Solution
from imprint.task import Task

ASIDE = "branch_"


def on_path(solution: Solution) -> list[str]:
    """Return the names of the snapshots of the training itself: all but those of copies that branched off it."""
    return [name for name in solution.data["snapshot"].values.tolist() if not name.startswith(ASIDE)]


def ends(solution: Solution, task: Task) -> list[str]:
    """Return the snapshots between which a change counts: the ends of a sequence's tasks, else all on the path."""
    if task.stages == 1:
        return on_path(solution)
    kept = solution.data["snapshot"].values.tolist()
    return [name for name in ["init", *history("final", task.stages)] if name in kept]


def steps(replicas: Replicas, names: list[str]) -> Tensor:
    """Return the step of each named snapshot of the replicas, ``[R, S]``; negative for one not reached."""
    rows, columns = replicas.cells.T.numpy()
    return torch.as_tensor(replicas.solution.data["snapshot_step"].sel(snapshot=names).values[rows, columns])


def latest_before(step_RS: Tensor, now_R: Tensor) -> Tensor:
    """Return the place of the latest snapshot before a step, ``[R]``; -1 where there is none.

    >>> latest_before(torch.tensor([[0, 50, 20, -1], [0, 50, 20, -1]]), torch.tensor([50, 0]))
    tensor([ 2, -1])
    """
    earlier_RS = (step_RS >= 0) & (step_RS < now_R.unsqueeze(-1))
    place_R = step_RS.where(earlier_RS, -1).argmax(-1)
    return place_R.where(earlier_RS.any(-1), -1)


def weights_before(replicas: Replicas, names: list[str]) -> dict[str, Tensor]:
    """Return the weights at each replica's latest named snapshot before this one, NaN without one, ``[R, *shape]``."""
    place_R = latest_before(steps(replicas, names), steps(replicas, [replicas.snapshot]).squeeze(-1))
    rows, columns = replicas.cells.T.numpy()
    found = {}
    for name, weight in replicas.weights.items():
        kept = replicas.solution.data[PREFIX + name].sel(snapshot=names).values[rows, columns, place_R.numpy()]
        known = (place_R >= 0).view(-1, *[1] * (weight.dim() - 1))
        found[name] = torch.as_tensor(kept).where(known, torch.nan).to(weight)
    return found

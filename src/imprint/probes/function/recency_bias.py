"""Does the network take old examples for those of the newest task?"""

import torch
import xarray as xr
from torch import Tensor

from imprint.probes.dynamics.accuracy_matrix import history, stage_classes, stage_means
from imprint.probes.stages import check_snapshots
from imprint.solution import Replicas, Solution
from imprint.task import Task

NEEDS = ("stages",)
MEASURES = {
    "claimed": {
        "long_name": "share of the earlier tasks' test examples given to a class that only the newest task has",
        "units": "1",
        "dims": (),
        "prefer": "low",
        "source": "Wu et al. 2019, arXiv 1905.13260",
    },
    "logit_gap": {
        "long_name": "mean over earlier tasks' examples of the newest task's largest logit minus their own task's",
        "units": "1",
        "dims": (),
        "prefer": "low",
        "source": "Wu et al. 2019, arXiv 1905.13260",
    },
    "accuracy_gap": {
        "long_name": "accuracy on the task just learned minus mean accuracy on the tasks before",
        "units": "1",
        "dims": (),
        "prefer": "low",
        "source": "definition",
    },
}


def largest(logits_RNC: Tensor, allowed: Tensor) -> Tensor:
    """Return the largest logit among allowed classes, ``[R, N]``; -inf where none is.

    Args:
        logits_RNC: ``[R, N, C]``.
        allowed: ``[N, C]`` or ``[R, N, C]``.

    >>> largest(torch.tensor([[[3.0, 1.0, 2.0]]]), torch.tensor([[False, True, True]]))
    tensor([[2.]])
    """
    return logits_RNC.masked_fill(~allowed, -torch.inf).amax(-1)


def mean_where(values_RN: Tensor, chosen: Tensor) -> Tensor:
    """Return the mean over the chosen examples, ``[R]``; NaN where there is none.

    >>> mean_where(torch.tensor([[1.0, 2.0, 9.0]]), torch.tensor([True, True, False]))
    tensor([1.5000])
    """
    return values_RN.masked_fill(~chosen, torch.nan).nanmean(-1)


def measure(solution: Solution, task: Task) -> xr.Dataset:
    """Measure how far the newest task's classes have taken over, on the test examples of the tasks before.

    A class counts as the newest task's if no earlier task has it; where there is none (tasks that share their
    classes), ``claimed`` and ``logit_gap`` are NaN.

    Returns:
        ``claimed`` in [0, 1], ``logit_gap`` in the unit of logits, ``accuracy_gap`` in [-1, 1]; dims ``(setting,
        seed, snapshot)``: at ``task_k`` task k is the newest, at ``final`` the last; NaN at other snapshots and at
        ``task_1``.

    Raises:
        ValueError: if the solution lacks the snapshot at the end of a task.
    """
    check_snapshots("recency_bias", solution, task)

    def kernel(replicas: Replicas) -> dict[str, Tensor]:
        newest = len(history(replicas.snapshot, task.stages)) - 1
        if newest < 1:
            return {name: torch.full((len(replicas),), torch.nan) for name in MEASURES}
        stage, y = replicas.view("stage_test"), replicas.y("test")
        has_TC = stage_classes(replicas.y("train"), replicas.view("stage_train"), task.stages, task.classes)
        only_newest = has_TC[..., newest, :] & ~has_TC[..., :newest, :].any(-2)
        own = has_TC.gather(-2, stage.unsqueeze(-1).expand(*stage.shape, task.classes))
        logits_RNC = replicas.logits("test").double()
        predicted_RN = logits_RNC.argmax(-1)
        takes = only_newest.unsqueeze(-2)
        gap_RN = largest(logits_RNC, takes) - largest(logits_RNC, own)
        taken_RN = takes.expand(logits_RNC.shape).gather(-1, predicted_RN.unsqueeze(-1)).squeeze(-1).double()
        old = (stage < newest) & only_newest.any(-1, keepdim=True)
        accuracy_RT = stage_means((predicted_RN == y).double(), stage, task.stages)
        return {
            "claimed": mean_where(taken_RN, old),
            "logit_gap": mean_where(gap_RN, old),
            "accuracy_gap": accuracy_RT[:, newest] - accuracy_RT[:, :newest].mean(-1),
        }

    return solution.each(task, kernel, MEASURES)

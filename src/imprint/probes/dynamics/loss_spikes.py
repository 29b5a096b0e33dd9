"""How often, and how far, did the training loss go up on the way?"""

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from imprint.solution import Replicas, Solution
from imprint.task import Task

NEEDS = ()
MEASURES = {
    "spikes": {
        "long_name": "number of spikes of the training loss up to the snapshot",
        "units": "1",
        "dims": (),
        "prefer": "low",
        "source": "after Rosenfeld and Risteski 2023, arXiv 2311.04163; the rule is declared here",
    },
    "total": {
        "long_name": "sum over the spikes of the rise of the training loss over the loss before it",
        "units": "1",
        "dims": (),
        "prefer": "low",
        "source": "definition",
    },
    "highest": {
        "long_name": "largest of the spikes' rises of the training loss over the loss before",
        "units": "1",
        "dims": (),
        "prefer": "low",
        "source": "definition",
    },
    "rose": {
        "long_name": "share of the evaluations at which the training loss was higher than at the one before",
        "units": "1",
        "dims": (),
        "prefer": "low",
        "source": "definition",
    },
}
NORMAL = 1.4826  # a normal's standard deviation over its median absolute deviation


def deviation(change_RE: Tensor) -> Tensor:
    """Return the scaled median absolute deviation ``1.4826 median |d - median d|`` of what is not NaN, ``[R]``.

    >>> deviation(torch.tensor([[1.0, 2.0, 3.0, 100.0, 4.0, torch.nan]]))
    tensor([1.4826])
    """
    middle_R1 = torch.nanquantile(change_RE, 0.5, dim=-1, keepdim=True)
    return NORMAL * torch.nanquantile((change_RE - middle_R1).abs(), 0.5, dim=-1)


def latest(marked_RE: Tensor) -> Tensor:
    """Return for each place the latest marked one that is not after it, ``[R, E]``; -1 where there is none.

    >>> latest(torch.tensor([[False, True, False, True]]))
    tensor([[-1,  1,  1,  3]])
    """
    place_E = torch.arange(marked_RE.shape[-1], device=marked_RE.device)
    return torch.where(marked_RE, place_E, -1).cummax(-1).values


def spikes(loss_RE: Tensor, apart_RE: Tensor, times: float) -> dict[str, Tensor]:
    """Return what the losses ``[R, E]`` of successive evaluations say about spikes, each ``[R]``.

    A spike is a run of evaluations, each with a higher loss than the one before, in which at least one rise is more
    than ``times`` the scaled median absolute deviation of all changes, see :func:`deviation`. Its height is
    ``(L_top - L_0) / L_0``, with ``L_0`` the loss before the run and ``L_top`` at its end; from a loss of 0 there is
    none.

    Args:
        loss_RE: NaN are evaluations not made.
        apart_RE: evaluations whose change from the one before does not count.
        times: how many deviations.

    Returns:
        ``spikes``, their number; ``total`` and ``highest``, the sum and the largest of their heights, 0 without any;
        ``rose``, the share of the changes that are rises. NaN without a change.

    >>> loss = torch.tensor([[9.0, 8.0, 7.0, 6.0, 8.0, 9.0, 5.0, 4.0, 3.0]])
    >>> {name: value.item() for name, value in spikes(loss, torch.zeros(1, 9).bool(), 3.0).items()}
    {'spikes': 1.0, 'total': 0.5, 'highest': 0.5, 'rose': 0.25}
    """
    if loss_RE.shape[-1] < 2:
        return {name: loss_RE.new_full((len(loss_RE),), torch.nan) for name in MEASURES}
    change_RE = loss_RE.diff(dim=-1)
    change_RE = change_RE.where(change_RE.isfinite() & ~apart_RE[:, 1:], torch.nan)
    rises_RE = change_RE > 0
    jumps_RE = rises_RE & (change_RE > times * deviation(change_RE).unsqueeze(-1))
    edge_R1 = torch.zeros_like(rises_RE[:, :1])
    begins_RE = rises_RE & ~torch.cat([edge_R1, rises_RE[:, :-1]], -1)
    ends_RE = rises_RE & ~torch.cat([rises_RE[:, 1:], edge_R1], -1)
    begun_RE = latest(begins_RE)
    tops_RE = ends_RE & (latest(jumps_RE) >= begun_RE)
    # change e is from evaluation e to e + 1, so that a run which begins with it has L_0 at evaluation e
    bottom_RE = loss_RE.gather(-1, begun_RE.clamp(min=0))
    height_RE = ((loss_RE[:, 1:] - bottom_RE) / bottom_RE).where(tops_RE & (bottom_RE > 0), 0)
    found = {
        "spikes": tops_RE.sum(-1).to(loss_RE),
        "total": height_RE.sum(-1),
        "highest": height_RE.amax(-1),
        "rose": rises_RE.double().sum(-1) / change_RE.isfinite().sum(-1),
    }
    return {name: value.where(change_RE.isfinite().any(-1), torch.nan) for name, value in found.items()}


def measure(solution: Solution, task: Task, *, times: float = 3.0) -> xr.Dataset:
    """Measure spikes of the loss on all training examples up to each snapshot, from the trace.

    The trace has the loss every ``evaluate_every`` steps: what happens between is not seen, and only fleets with the
    same cadence compare. From the end of a task of a sequence to the first evaluation on the next nothing counts.

    Args:
        solution: the solution.
        task: its task.
        times: scaled median absolute deviations of the changes so far by which the loss must rise at once.

    Returns:
        The measures of :func:`spikes`, dims ``(setting, seed, snapshot)``; NaN at ``init``.

    Raises:
        ValueError: if ``times`` is negative.
    """
    if times < 0:
        raise ValueError(f"loss_spikes: times={times} deviations; at least 0")
    steps_E = solution.data["step"].values

    def kernel(replicas: Replicas) -> dict[str, Tensor]:
        rows, columns = replicas.cells.T.numpy()
        reached_R = solution.data["snapshot_step"].sel(snapshot=replicas.snapshot).values[rows, columns]
        loss_RE = solution.data["train_loss"].values[rows, columns].astype(float)
        past_RE = torch.as_tensor(np.where(steps_E <= reached_R[:, None], loss_RE, np.nan))
        apart_RE = torch.zeros_like(past_RE, dtype=torch.bool)
        if task.stages > 1:
            stage_RE = torch.as_tensor(solution.data["stage"].values[rows, columns])
            apart_RE[:, 1:] = stage_RE.diff(dim=-1) != 0
        return spikes(past_RE, apart_RE, times)

    return solution.each(task, kernel, MEASURES)

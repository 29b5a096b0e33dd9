"""Do the weights fill a box? Sign methods with decoupled decay are confined to one."""

import torch
import xarray as xr
from torch import Tensor

from imprint.solution import Replicas, Solution
from imprint.task import Task

NEEDS = ()
MEASURES = {
    "reach": {
        "long_name": "largest absolute weight over the bound 1 / decay",
        "units": "1",
        "dims": (),
        "prefer": None,
        "source": "Chen et al. 2024, arXiv 2310.05898",
    },
    "at_bound": {
        "long_name": "share of weights in the outermost part of the box or beyond it",
        "units": "1",
        "dims": (),
        "prefer": None,
        "source": "Chen et al. 2024, arXiv 2310.05898",
    },
}


def measure_box(weights_RP: Tensor, bound: float, near: float) -> dict[str, Tensor]:
    """Return ``max |w| / bound`` and the share of ``|w| >= (1 - near) bound``, ``[R]`` from ``[R, P]``.

    >>> measure_box(torch.tensor([[2.0, -1.96, 0.5, 0.0]]), bound=2.0, near=0.05)
    {'reach': tensor([1.]), 'at_bound': tensor([0.5000])}
    """
    size_RP = weights_RP.abs()
    return {
        "reach": size_RP.amax(-1) / bound,
        "at_bound": (size_RP >= (1 - near) * bound).to(weights_RP.dtype).mean(-1),
    }


def measure(solution: Solution, task: Task, *, weight_decay: float = 1.0, near: float = 0.05) -> xr.Dataset:
    r"""Measure all weights against the box :math:`\|w\|_\infty \le 1/\lambda`.

    A step of size at most 1 per weight with decoupled decay, :math:`w - \eta (u + \lambda w)` with
    :math:`|u| \le 1` and :math:`\eta \lambda \le 1`, never leaves the box and enters it from outside. Weights
    spread evenly over the box would have the share ``near`` at the bound.

    Args:
        solution: the solution.
        task: its task.
        weight_decay: lambda, as in the recipe's decay.
        near: how much of the box, from the bound inwards, counts as at the bound.

    Returns:
        ``reach`` and ``at_bound``, dims ``(setting, seed, snapshot)``.

    Raises:
        ValueError: if the decay is not positive.
    """
    if weight_decay <= 0:
        raise ValueError(f"box: weight_decay is {weight_decay}; the box 1 / weight_decay needs a positive one")

    def kernel(replicas: Replicas) -> dict[str, Tensor]:
        flat = [weight.double().flatten(1) for weight in replicas.weights.values()]
        return measure_box(torch.cat(flat, -1), 1 / weight_decay, near)

    return solution.each(task, kernel, MEASURES)

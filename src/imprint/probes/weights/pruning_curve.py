"""How many weights can be removed at once, the smallest first, and what is the accuracy then?"""

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from imprint.probes.function.performance import accuracy
from imprint.solution import Replicas, Solution
from imprint.task import Task

NEEDS = ()
MEASURES = {
    "accuracy": {
        "long_name": "test accuracy with a fraction of each layer's largest weights kept",
        "units": "1",
        "dims": ("kept",),
        "prefer": "high",
        "source": "Schwarz et al. 2021, arXiv 2110.00296",
    },
    "accuracy_at": {
        "long_name": "test accuracy with a percentage of each layer's largest weights kept",
        "units": "1",
        "dims": ("percent",),
        "prefer": "high",
        "source": "Schwarz et al. 2021, arXiv 2110.00296",
    },
    "area": {
        "long_name": "mean test accuracy over the logarithm of the fraction kept, from 1 % to all",
        "units": "1",
        "dims": (),
        "prefer": "high",
        "source": "definition",
    },
}
PERCENT = (1, 2, 3, 5, 10, 20, 50, 100)


def fractions(count: int) -> list[float]:
    """Return ``count`` fractions from 0.01 to 1, evenly in the logarithm."""
    return np.geomspace(0.01, 1.0, count).tolist()


def largest(size_RP: Tensor, kept: float) -> Tensor:
    """Return which entries are among the ``round(kept * P)`` largest (at least 1), ``[R, P]``; ties all are.

    >>> largest(torch.tensor([[0.5, 3.0, 1.0, 2.0]]), 0.5)
    tensor([[False,  True, False,  True]])
    """
    count = max(round(kept * size_RP.shape[-1]), 1)
    return size_RP >= size_RP.kthvalue(size_RP.shape[-1] - count + 1, -1, keepdim=True).values


def pruned(weights: dict[str, Tensor], kept: float) -> dict[str, Tensor]:
    """Return the weights with the smallest of every layer set to 0.

    Every weight with at least two axes is a layer of its own; vectors, the biases, stay. The last layer, that of the
    outputs, keeps ``min(1, 2 kept)``, as in the paper's code.

    Args:
        weights: by name in the order of the layers, ``[R, *shape]``.
        kept: fraction of each layer that stays.
    """
    layers = [name for name, weight in weights.items() if weight.dim() > 2]
    found = dict(weights)
    for name in layers:
        share = min(1.0, 2 * kept) if name == layers[-1] else kept
        flat_RP = weights[name].flatten(1)
        found[name] = flat_RP.where(largest(flat_RP.abs(), share), 0).view_as(weights[name])
    return found


def measure(solution: Solution, task: Task, *, points: int = 20, examples: int = 2000) -> xr.Dataset:
    """Measure the accuracy after one-shot magnitude pruning, per layer, without training afterwards.

    What is pruned are the weights of the network, whatever was trained in their place.

    Args:
        solution: the solution.
        task: its task.
        points: of the curve, at least 2.
        examples: how many of the first test examples (all, if there are fewer).

    Returns:
        ``accuracy``, dims ``(setting, seed, snapshot, kept)``, ``accuracy_at``, dims ``(setting, seed, snapshot,
        percent)``, and ``area``, dims ``(setting, seed, snapshot)``, by the trapezoidal rule; all in [0, 1].
    """
    shares = fractions(points)
    names = [name for name, _ in task.model.named_parameters()]

    def kernel(replicas: Replicas) -> dict[str, Tensor]:
        weights = {name: replicas.weights[name] for name in names}
        x, y = replicas.x("test"), replicas.y("test")[..., :examples]
        x = x.narrow(int(task.seeded), 0, y.shape[-1])

        def curve(kept: list[float]) -> Tensor:
            return torch.stack([accuracy(task.logits(pruned(weights, share), x), y) for share in kept], -1)

        accuracy_RK = curve(shares)
        return {
            "accuracy": accuracy_RK,
            "accuracy_at": curve([percent / 100 for percent in PERCENT]),
            "area": ((accuracy_RK[:, 1:] + accuracy_RK[:, :-1]) / 2).mean(-1),
        }

    return solution.each(task, kernel, MEASURES, {"kept": shares, "percent": list(PERCENT)})

"""Flatness: how much the training loss rises under random noise on the weights."""

from collections.abc import Callable, Mapping, Sequence

import torch
import xarray as xr
from torch import Tensor

from imprint.solution import Replicas, Solution
from imprint.streams import generator
from imprint.task import Task

NEEDS = ()
MEASURES = {
    "rise": {
        "long_name": "mean rise of the training loss under filter-normalized Gaussian noise on the weights",
        "units": "1",
        "dims": ("size",),
        "prefer": None,
        "source": "Li et al. 2018, arXiv 1712.09913; Scimeca et al. 2022, arXiv 2110.03095",
    },
    "rise_error": {
        "long_name": "standard error of the mean rise over the draws of the noise",
        "units": "1",
        "dims": ("size",),
        "prefer": "low",
        "source": "definition",
    },
}


def filter_normalized(noise: Tensor, weight: Tensor) -> Tensor:
    r"""Return noise in which every unit's incoming weights have the norm of its weights.

    :math:`d_i \|w_i\| / \|d_i\|` for each output i (row of a matrix, kernel of a convolution) of each replica;
    0 where the weight has no more than one axis beside the replicas', as biases do.

    Args:
        noise: Gaussian, of one replica's shape, the same for all.
        weight: ``[R, *shape]``.

    >>> filter_normalized(torch.tensor([[0.0, 2.0], [3.0, 0.0]]), torch.tensor([[[3.0, 4.0], [0.0, 1.0]]]))
    tensor([[[0., 5.],
             [1., 0.]]])
    """
    if noise.dim() < 2:
        return torch.zeros_like(weight)
    axes = tuple(range(1, noise.dim()))
    length = torch.linalg.vector_norm(noise, dim=axes, keepdim=True)
    return noise / length * torch.linalg.vector_norm(weight, dim=[axis + 1 for axis in axes], keepdim=True)


def rises(
    loss: Callable[[dict[str, Tensor]], Tensor],
    weights: Mapping[str, Tensor],
    noises: Sequence[Mapping[str, Tensor]],
    sizes: Sequence[float],
) -> Tensor:
    """Return ``(L(w + s d) + L(w - s d)) / 2 - L(w)`` for every noise d and size s, ``[M, S, R]``.

    d is :func:`filter_normalized`; both signs are equally likely, and together they are free of the slope at w.

    Args:
        loss: from weights by name to one loss per replica, ``[R]``.
        weights: by name, ``[R, *shape]``.
        noises: M times, by name, of one replica's shape.
        sizes: S relative sizes.
    """
    start_R = loss(dict(weights))
    rows = []
    for noise in noises:
        direction = {name: filter_normalized(noise[name], weight) for name, weight in weights.items()}
        both = [[loss(along(weights, direction, side * size)) for side in (1, -1)] for size in sizes]
        rows.append(torch.stack([(plus + minus) / 2 - start_R for plus, minus in both]))
    return torch.stack(rows)


def along(weights: Mapping[str, Tensor], direction: Mapping[str, Tensor], step: float) -> dict[str, Tensor]:
    """Return the weights after a step along a direction, by name."""
    return {name: weight + step * direction[name] for name, weight in weights.items()}


def measure(
    solution: Solution,
    task: Task,
    *,
    sizes: Sequence[float] = (0.05, 0.1, 0.2, 0.4),
    draws: int = 10,
    examples: int = 500,
    seed: int = 0,
) -> xr.Dataset:
    """Measure the rise of the mean loss of the first training examples.

    A size of 0.1 moves every unit's incoming weights by a tenth of their norm, in a uniformly random direction;
    biases stay. The draws are the same for all replicas, so differences between replicas are paired.

    Args:
        solution: the solution.
        task: its task.
        sizes: of the noise, relative to the weights; the labels of ``size`` are these numbers as text.
        draws: of the noise, each taken with both signs; at least 2.
        examples: how many of the first training examples (all, if there are fewer).
        seed: of the draws.

    Returns:
        ``rise`` and ``rise_error`` in the loss's unit, dims ``(setting, seed, snapshot, size)``.

    Raises:
        ValueError: fewer than 2 draws, or sizes that are not positive and different.
    """
    if draws < 2:
        raise ValueError(f"loss_perturbation: draws={draws}; at least 2 are needed for a standard error")
    if not sizes or min(sizes) <= 0 or len(set(sizes)) < len(sizes):
        raise ValueError(f"loss_perturbation: sizes={list(sizes)}; give positive numbers, each once")
    stream = generator(seed, "loss_perturbation")
    noises = [
        {
            name: torch.randn(weight.shape, generator=stream, dtype=torch.float64).to(task.device, task.precision)
            for name, weight in task.model.named_parameters()
        }
        for _ in range(draws)
    ]

    def kernel(replicas: Replicas) -> dict[str, Tensor]:
        x, y = replicas.x("train")[..., :examples, :], replicas.y("train")[..., :examples]

        def loss(weights: dict[str, Tensor]) -> Tensor:
            return task.loss(task.logits(weights, x), y).double().mean(-1)

        rise_MSR = rises(loss, replicas.weights, noises, sizes)
        return {"rise": rise_MSR.mean(0).T, "rise_error": rise_MSR.std(0).T / draws**0.5}

    return solution.each(task, kernel, MEASURES, {"size": [f"{size:g}" for size in sizes]})

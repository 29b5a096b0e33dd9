"""How many directions does each weight matrix use?"""

import torch
import xarray as xr
from torch import Tensor

from imprint.solution import Replicas, Solution
from imprint.task import Task

NEEDS = ()
MEASURES = {
    "effective_rank": {
        "long_name": "entropy effective rank of each weight matrix",
        "units": "1",
        "dims": ("layer",),
        "prefer": None,
        "source": "Roy and Vetterli 2007",
    },
    "stable_rank": {
        "long_name": "stable rank of each weight matrix",
        "units": "1",
        "dims": ("layer",),
        "prefer": None,
        "source": "Rudelson and Vershynin 2007, arXiv math/0503442",
    },
}


def entropy_rank(sigma: Tensor) -> Tensor:
    """Return ``exp(-sum_i p_i log p_i)``, ``p = sigma / sum(sigma)``, from singular values ``[..., K]``.

    Between 1 and K, and K for K equal values; unchanged by scaling; NaN if all values are zero.

    >>> entropy_rank(torch.tensor([3.0, 3.0, 0.0]))
    tensor(2.)
    """
    share = sigma / sigma.sum(-1, keepdim=True)
    return torch.special.entr(share).sum(-1).exp()


def stable_rank(sigma: Tensor) -> Tensor:
    """Return ``||A||_F^2 / ||A||_2^2 = sum_i sigma_i^2 / max_i sigma_i^2``, from 1 to the rank; NaN if 0.

    >>> stable_rank(torch.tensor([2.0, 1.0, 1.0]))
    tensor(1.5000)
    """
    return torch.square(sigma).sum(-1) / torch.square(sigma.amax(-1))


def matrices(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the weight matrices, ``[R, outputs, inputs]`` in float64: kernels unfolded, biases left out."""
    return {name: weight.double().flatten(2) for name, weight in weights.items() if weight.dim() > 2}


def measure(solution: Solution, task: Task) -> xr.Dataset:
    """Measure the rank family of every weight matrix.

    Returns:
        ``effective_rank`` and ``stable_rank``, dims ``(setting, seed, snapshot, layer)``, where a
        layer is labelled by the name of its parameter.
    """

    def kernel(replicas: Replicas) -> dict[str, Tensor]:
        sigma = [torch.linalg.svdvals(matrix) for matrix in matrices(replicas.weights).values()]
        return {
            "effective_rank": torch.stack([entropy_rank(s) for s in sigma], -1),
            "stable_rank": torch.stack([stable_rank(s) for s in sigma], -1),
        }

    shapes = {name: weight.unsqueeze(0) for name, weight in task.model.named_parameters()}
    return solution.each(task, kernel, MEASURES, {"layer": list(matrices(shapes))})

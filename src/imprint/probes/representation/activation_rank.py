"""How many directions do the hidden activations use?"""

import torch
import xarray as xr
from torch import Tensor

from imprint.probes.weights.effective_rank import entropy_rank, stable_rank
from imprint.solution import Replicas, Solution
from imprint.task import Task

NEEDS = ()
MEASURES = {
    "effective_rank": {
        "long_name": "entropy effective rank of the centred test activations of each hidden layer",
        "units": "1",
        "dims": ("layer",),
        "prefer": None,
        "source": "Roy and Vetterli 2007",
    },
    "participation_ratio": {
        "long_name": "participation ratio of the centred test activations of each hidden layer",
        "units": "1",
        "dims": ("layer",),
        "prefer": None,
        "source": "Gao et al. 2017",
    },
    "components": {
        "long_name": "principal components for 99 % of the variance of each hidden layer's test activations",
        "units": "1",
        "dims": ("layer",),
        "prefer": None,
        "source": "Andriushchenko et al. 2023, arXiv 2305.16292",
    },
    "stable_rank": {
        "long_name": "stable rank of the centred test activations of each hidden layer",
        "units": "1",
        "dims": ("layer",),
        "prefer": None,
        "source": "Rudelson and Vershynin 2007, arXiv math/0503442",
    },
}


def centred_singular_values(activations_RNH: Tensor) -> Tensor:
    """Return the singular values ``[R, K]``, falling, of the activations minus their mean over examples."""
    centred_RNH = activations_RNH.double() - activations_RNH.double().mean(-2, keepdim=True)
    return torch.linalg.svdvals(centred_RNH)


def participation_ratio(sigma: Tensor) -> Tensor:
    """Return ``(sum_i v_i)^2 / sum_i v_i^2`` with variances ``v = sigma^2``, from 1 to K; NaN if all are 0.

    >>> participation_ratio(torch.tensor([1.0, 1.0, 0.0]))
    tensor(2.)
    """
    variance = torch.square(sigma)
    return torch.square(variance.sum(-1)) / torch.square(variance).sum(-1)


def components(sigma: Tensor, share: float) -> Tensor:
    """Return the smallest k with ``sum_{i<=k} sigma_i^2 >= share * sum_i sigma_i^2``; NaN if all are zero.

    >>> components(torch.tensor([3.0, 1.0, 0.0]), share=0.95)
    tensor(2., dtype=torch.float64)
    """
    variance = torch.square(sigma.double())
    total = variance.sum(-1)
    missing = variance.cumsum(-1) < share * total.unsqueeze(-1)
    return (missing.sum(-1) + 1).double().where(total > 0, torch.nan)


def measure(solution: Solution, task: Task, *, share: float = 0.99) -> xr.Dataset:
    """Measure the rank family of every hidden layer's activations on the test examples.

    Returns:
        ``effective_rank``, ``participation_ratio``, ``components`` (for ``share`` of the variance) and
        ``stable_rank``; dims ``(setting, seed, snapshot, layer)``.
    """
    layers = hidden_layers(task)

    def kernel(replicas: Replicas) -> dict[str, Tensor]:
        hidden = replicas.activations("test")
        sigma = [centred_singular_values(hidden[layer]) for layer in layers]
        return {
            "effective_rank": torch.stack([entropy_rank(s) for s in sigma], -1),
            "participation_ratio": torch.stack([participation_ratio(s) for s in sigma], -1),
            "components": torch.stack([components(s, share) for s in sigma], -1),
            "stable_rank": torch.stack([stable_rank(s) for s in sigma], -1),
        }

    return solution.each(task, kernel, MEASURES, {"layer": layers})


def hidden_layers(task: Task) -> list[str]:
    """Return the names of the hidden layers of the task's model, in order.

    Raises:
        ValueError: if the model has none to show.
    """
    weights = {name: weight.unsqueeze(0) for name, weight in task.model.named_parameters()}
    x = task.tensor("x_test")
    layers = list(task.activations(weights, (x[0] if task.seeded else x)[:1]))
    if not layers:
        raise ValueError(
            f"model {type(task.model).__name__} shows no hidden activations; take this probe out of the "
            "experiment, give the model hidden layers, or give its file a function `stacked`"
        )
    return layers

"""How far from its initialization is the solution?"""

import torch
import xarray as xr
from torch import Tensor

from imprint.solution import Replicas, Solution
from imprint.task import Task

NEEDS = ()
MEASURES = {
    "distance": {
        "long_name": "Euclidean distance of all parameters from their initialization",
        "units": "1",
        "dims": (),
        "prefer": None,
        "source": "definition",
    },
    "relative_distance": {
        "long_name": "distance from initialization over the norm at initialization",
        "units": "1",
        "dims": (),
        "prefer": None,
        "source": "definition",
    },
    "cosine": {
        "long_name": "cosine between the parameters and their initialization",
        "units": "1",
        "dims": (),
        "prefer": None,
        "source": "definition",
    },
}


def flat(weights: dict[str, Tensor]) -> Tensor:
    """Return all parameters of each replica as one vector, ``[R, P]`` in float64."""
    return torch.cat([weight.double().flatten(1) for weight in weights.values()], -1)


def distances(weights_RP: Tensor, initial_RP: Tensor) -> dict[str, Tensor]:
    """Return ``||w - w0||``, ``||w - w0|| / ||w0||`` and ``<w, w0> / (||w|| ||w0||)``, each ``[R]``.

    What divides by a zero norm is NaN.

    >>> distances(torch.tensor([[3.0, 4.0]]), torch.tensor([[3.0, 0.0]]))["distance"]
    tensor([4.])
    """
    distance_R, initial_norm_R = (weights_RP - initial_RP).norm(dim=-1), initial_RP.norm(dim=-1)
    initial_norm_R = initial_norm_R.where(initial_norm_R > 0, torch.nan)
    return {
        "distance": distance_R,
        "relative_distance": distance_R / initial_norm_R,
        "cosine": (weights_RP * initial_RP).sum(-1) / (weights_RP.norm(dim=-1) * initial_norm_R),
    }


def measure(solution: Solution, task: Task) -> xr.Dataset:
    """Measure the distance of every snapshot from the snapshot ``init``, over all parameters.

    Returns:
        ``distance``, ``relative_distance``, ``cosine``; dims ``(setting, seed, snapshot)``.
    """

    def kernel(replicas: Replicas) -> dict[str, Tensor]:
        return distances(flat(replicas.weights), flat(replicas.initial))

    return solution.each(task, kernel, MEASURES)

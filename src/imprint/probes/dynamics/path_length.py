"""How long was the way to the solution, and how straight?"""

import xarray as xr
from torch import Tensor

from imprint.probes.weights.distance import flat
from imprint.solution import Replicas, Solution
from imprint.task import Task

NEEDS = ()
MEASURES = {
    "path_length": {
        "long_name": "sum of the lengths of all updates up to the snapshot",
        "units": "1",
        "dims": (),
        "prefer": None,
        "source": "definition",
    },
    "passes": {
        "long_name": "forward-backward passes up to the snapshot",
        "units": "1",
        "dims": (),
        "prefer": None,
        "source": "definition",
    },
    "straightness": {
        "long_name": "distance from initialization over path length",
        "units": "1",
        "dims": (),
        "prefer": None,
        "source": "definition",
    },
}


def straightness(weights_RP: Tensor, initial_RP: Tensor, path_R: Tensor) -> Tensor:
    """Return ``||w - w0|| / path length``, ``[R]`` in [0, 1], 1 on a straight line; NaN where nothing moved.

    >>> import torch
    >>> straightness(torch.tensor([[3.0, 4.0]]), torch.tensor([[0.0, 0.0]]), torch.tensor([10.0]))
    tensor([0.5000])
    """
    return (weights_RP - initial_RP).norm(dim=-1) / path_R


def measure(solution: Solution, task: Task) -> xr.Dataset:
    """Measure the path to each snapshot, from the trace; NaN where the trace has no value at its step.

    Returns:
        ``path_length``, ``passes``, ``straightness``; dims ``(setting, seed, snapshot)``.
    """

    def kernel(replicas: Replicas) -> dict[str, Tensor]:
        path_R = replicas.trace("path_length").to(task.device)
        return {
            "path_length": path_R,
            "passes": replicas.trace("passes"),
            "straightness": straightness(flat(replicas.weights), flat(replicas.initial), path_R),
        }

    return solution.each(task, kernel, MEASURES)

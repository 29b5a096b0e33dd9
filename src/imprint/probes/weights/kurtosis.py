"""How heavy are the tails of each layer's weights?"""

import torch
import xarray as xr
from torch import Tensor

from imprint.probes.weights.effective_rank import matrices
from imprint.probes.weights.sparsity import fraction_below
from imprint.probes.weights.sparsity import kurtosis as kurtosis_of
from imprint.solution import Replicas, Solution
from imprint.task import Task

NEEDS = ()
MEASURES = {
    "kurtosis": {
        "long_name": "kurtosis of the entries of each weight matrix (3 for a Gaussian)",
        "units": "1",
        "dims": ("layer",),
        "prefer": None,
        "source": "Pearson 1905",
    },
    "max_to_mean": {
        "long_name": "largest over mean absolute entry of each weight matrix",
        "units": "1",
        "dims": ("layer",),
        "prefer": None,
        "source": "Vlassis et al. 2025, arXiv 2509.23500",
    },
    "near_zero": {
        "long_name": "fraction of the entries of each weight matrix smaller than 0.001",
        "units": "1",
        "dims": ("layer",),
        "prefer": None,
        "source": "Schwarz et al. 2021, arXiv 2110.00296",
    },
}


def max_to_mean(weights_RP: Tensor) -> Tensor:
    """Return ``max |w| / mean |w|``, ``[R]``, from 1 (equal sizes) to P (a single entry); NaN if all are zero.

    >>> max_to_mean(torch.tensor([[3.0, -1.0, 0.0, 0.0]]))
    tensor([3.])
    """
    size_RP = weights_RP.abs()
    return size_RP.amax(-1) / size_RP.mean(-1)


def measure(solution: Solution, task: Task, *, threshold: float = 1e-3) -> xr.Dataset:
    """Measure the shape of the distribution of each weight matrix's entries.

    Args:
        solution: the solution.
        task: its task.
        threshold: for ``near_zero``, in units of the weights.

    Returns:
        ``kurtosis``, ``max_to_mean`` and ``near_zero``, dims ``(setting, seed, snapshot, layer)``, where a layer is
        labelled by the name of its parameter.
    """

    def kernel(replicas: Replicas) -> dict[str, Tensor]:
        layers_RP = [matrix.flatten(1) for matrix in matrices(replicas.weights).values()]
        bound_R = torch.full((len(replicas),), threshold, dtype=torch.float64, device=task.device)
        return {
            "kurtosis": torch.stack([kurtosis_of(layer_RP) for layer_RP in layers_RP], -1),
            "max_to_mean": torch.stack([max_to_mean(layer_RP) for layer_RP in layers_RP], -1),
            "near_zero": torch.stack([fraction_below(layer_RP, bound_R) for layer_RP in layers_RP], -1),
        }

    shapes = {name: weight.unsqueeze(0) for name, weight in task.model.named_parameters()}
    return solution.each(task, kernel, MEASURES, {"layer": list(matrices(shapes))})

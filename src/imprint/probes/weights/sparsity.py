"""How much of the weight is in how few entries?"""

import torch
import xarray as xr
from torch import Tensor

from imprint.probes.weights.effective_rank import matrices
from imprint.solution import Replicas, Solution
from imprint.task import Task

NEEDS = ()
MEASURES = {
    "near_zero": {
        "long_name": "fraction of matrix entries smaller than 0.001",
        "units": "1",
        "dims": (),
        "prefer": None,
        "source": "Schwarz et al. 2021, arXiv 2110.00296",
    },
    "negligible": {
        "long_name": "fraction of matrix entries smaller than 1 % of their root mean square",
        "units": "1",
        "dims": (),
        "prefer": None,
        "source": "definition",
    },
    "kurtosis": {
        "long_name": "kurtosis of the matrix entries (3 for a Gaussian)",
        "units": "1",
        "dims": (),
        "prefer": None,
        "source": "Pearson 1905",
    },
    "hoyer": {
        "long_name": "Hoyer sparsity of the matrix entries (0 for equal sizes, 1 for a single one)",
        "units": "1",
        "dims": (),
        "prefer": None,
        "source": "Hoyer 2004",
    },
}


def fraction_below(weights_RP: Tensor, threshold_R: Tensor) -> Tensor:
    """Return the share ``[R]`` of entries with ``|w| < threshold``.

    >>> fraction_below(torch.tensor([[0.5, -2.0, 0.0, 1.0]]), torch.tensor([1.0]))
    tensor([0.5000], dtype=torch.float64)
    """
    return (weights_RP.abs() < threshold_R.unsqueeze(-1)).double().mean(-1)


def kurtosis(weights_RP: Tensor) -> Tensor:
    """Return ``mean((w - mean w)^4) / mean((w - mean w)^2)^2``, ``[R]``, at least 1; NaN if constant.

    >>> kurtosis(torch.tensor([[1.0, -1.0, 1.0, -1.0]]))
    tensor([1.])
    """
    square_RP = torch.square(weights_RP - weights_RP.mean(-1, keepdim=True))
    return torch.square(square_RP).mean(-1) / torch.square(square_RP.mean(-1))


def hoyer(weights_RP: Tensor) -> Tensor:
    """Return ``(sqrt(P) - ||w||_1 / ||w||_2) / (sqrt(P) - 1)``, ``[R]`` in [0, 1]; NaN if all are zero.

    >>> hoyer(torch.tensor([[0.0, 3.0, 0.0, 0.0], [1.0, -1.0, 1.0, 1.0]]))
    tensor([1., 0.])
    """
    root = weights_RP.shape[-1] ** 0.5
    return (root - weights_RP.abs().sum(-1) / weights_RP.norm(dim=-1)) / (root - 1)


def measure(solution: Solution, task: Task, *, threshold: float = 1e-3, share: float = 0.01) -> xr.Dataset:
    """Measure sparsity over the entries of all weight matrices together.

    Args:
        solution: the solution.
        task: its task.
        threshold: for ``near_zero``, in units of the weights.
        share: for ``negligible``, a fraction of the entries' root mean square.

    Returns:
        ``near_zero``, ``negligible``, ``kurtosis``, ``hoyer``; dims ``(setting, seed, snapshot)``.
    """

    def kernel(replicas: Replicas) -> dict[str, Tensor]:
        weights_RP = torch.cat([matrix.flatten(1) for matrix in matrices(replicas.weights).values()], -1)
        rms_R = torch.square(weights_RP).mean(-1).sqrt()
        return {
            "near_zero": fraction_below(weights_RP, torch.full_like(rms_R, threshold)),
            "negligible": fraction_below(weights_RP, share * rms_R),
            "kurtosis": kurtosis(weights_RP),
            "hoyer": hoyer(weights_RP),
        }

    return solution.each(task, kernel, MEASURES)

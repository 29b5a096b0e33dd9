"""Did training change the singular values of the weight matrices, or turn their singular vectors?"""

import torch
import xarray as xr
from torch import Tensor

from imprint.probes.weights.effective_rank import matrices
from imprint.solution import Replicas, Solution
from imprint.task import Task

NEEDS = ()
MEASURES = {
    "change": {
        "long_name": "change of the sorted singular values of each weight matrix over their norm at initialization",
        "units": "1",
        "dims": ("layer",),
        "prefer": None,
        "source": "definition; evolution of spectra: Yunis et al. 2024, arXiv 2408.11804",
    },
    "left_overlap": {
        "long_name": "mean squared cosine of the angles between the leading left singular subspaces then and now",
        "units": "1",
        "dims": ("layer",),
        "prefer": None,
        "source": "principal angles: Björck and Golub 1973, doi 10.1090/S0025-5718-1973-0348991-3",
    },
    "right_overlap": {
        "long_name": "mean squared cosine of the angles between the leading right singular subspaces then and now",
        "units": "1",
        "dims": ("layer",),
        "prefer": None,
        "source": "principal angles: Björck and Golub 1973, doi 10.1090/S0025-5718-1973-0348991-3",
    },
    "left_excess": {
        "long_name": "overlap of the leading left singular subspaces beyond that of random ones",
        "units": "1",
        "dims": ("layer",),
        "prefer": None,
        "source": "definition",
    },
    "right_excess": {
        "long_name": "overlap of the leading right singular subspaces beyond that of random ones",
        "units": "1",
        "dims": ("layer",),
        "prefer": None,
        "source": "definition",
    },
}


def spectrum_change(now_RK: Tensor, before_RK: Tensor) -> Tensor:
    """Return ``||s - s0|| / ||s0||`` of singular values in falling order, ``[R]``; NaN for a matrix that was zero.

    >>> spectrum_change(torch.tensor([[3.0, 4.0]]), torch.tensor([[3.0, 0.0]])).round(decimals=4)
    tensor([1.3333])
    """
    norm_R = before_RK.norm(dim=-1)
    return (now_RK - before_RK).norm(dim=-1) / norm_R.where(norm_R > 0, torch.nan)


def overlap(one_RNK: Tensor, other_RNK: Tensor) -> Tensor:
    r"""Return the mean squared cosine of the principal angles of two subspaces, ``[R]`` in [0, 1].

    .. math:: \frac1k \sum_{i=1}^k \cos^2\theta_i = \frac1k \|U_0^\top U\|_F^2

    1 for the same subspace, 0 for orthogonal ones. For a subspace of k of n dimensions in a uniformly random position
    the expectation is k / n.

    Args:
        one_RNK: k orthonormal columns, ``[R, n, k]``.
        other_RNK: the same of the other subspace.

    >>> axes = torch.eye(3).unsqueeze(0)
    >>> overlap(axes[..., :2], axes[..., 1:])
    tensor([0.5000])
    """
    return torch.square(one_RNK.mT @ other_RNK).sum((-2, -1)) / one_RNK.shape[-1]


def drift(now_RMN: Tensor, before_RMN: Tensor, k: int) -> dict[str, Tensor]:
    """Return how the singular values and the leading singular subspaces of matrices differ, each ``[R]``.

    Args:
        now_RMN: ``[R, m, n]``.
        before_RMN: the same at initialization.
        k: leading dimensions; at most ``min(m, n)`` are taken.

    Returns:
        ``change``, see :func:`spectrum_change`; ``left_overlap`` and ``right_overlap``, see :func:`overlap`, NaN where
        the rank of either matrix is less than k, so that there is no such subspace; ``left_excess =
        left_overlap - k/m`` and ``right_excess = right_overlap - k/n``, 0 in expectation for random subspaces.
    """
    k = min(k, *now_RMN.shape[-2:])
    (now_u, now_s, now_v), (before_u, before_s, before_v) = (
        torch.linalg.svd(matrix, full_matrices=False) for matrix in (now_RMN, before_RMN)
    )
    known_R = _full(now_s, k, now_RMN.shape) & _full(before_s, k, now_RMN.shape)
    found = {"change": spectrum_change(now_s, before_s)}
    sides = {"left": (now_u, before_u), "right": (now_v.mT, before_v.mT)}
    for side, (now, before) in sides.items():
        shared_R = overlap(now[..., :k], before[..., :k]).where(known_R, torch.nan)
        found |= {f"{side}_overlap": shared_R, f"{side}_excess": shared_R - k / now.shape[-2]}
    return found


def _full(sigma_RK: Tensor, k: int, shape: torch.Size) -> Tensor:
    """Whether the k-th singular value is more than rounding of the largest, ``[R]``."""
    rounding = max(shape[-2:]) * torch.finfo(sigma_RK.dtype).eps
    return sigma_RK[:, k - 1] > rounding * sigma_RK[:, 0]


def measure(solution: Solution, task: Task, *, k: int = 5) -> xr.Dataset:
    """Measure how far every weight matrix's singular values and leading singular subspaces are from initialization.

    Args:
        solution: the solution.
        task: its task.
        k: leading singular vectors on each side; of a matrix with a smaller side all, whose overlap there is 1 and
            whose excess is 0. Subspaces of equal size k are compared, never single vectors, which the small gaps in the
            spectrum of random weights would mix.

    Returns:
        The measures of :func:`drift`, dims ``(setting, seed, snapshot, layer)``, where a layer is labelled by the name
        of its parameter.

    Raises:
        ValueError: if ``k`` is not positive.
    """
    if k < 1:
        raise ValueError(f"spectral_drift: k={k} leading singular vectors; at least 1")

    def kernel(replicas: Replicas) -> dict[str, Tensor]:
        now, before = matrices(replicas.weights), matrices(replicas.initial)
        layers = [drift(now[name], before[name], k) for name in now]
        return {name: torch.stack([layer[name] for layer in layers], -1) for name in MEASURES}

    shapes = {name: weight.unsqueeze(0) for name, weight in task.model.named_parameters()}
    return solution.each(task, kernel, MEASURES, {"layer": list(matrices(shapes))})

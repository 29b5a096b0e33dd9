"""Orthogonal equivalence (Qiu et al. 2025, arXiv 2506.08001: POET): training turns a weight and keeps its spectrum."""

import torch
from torch import Tensor


def split(weight: Tensor) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Return the angles ``left`` ``[R, m(m-1)/2]`` and ``right`` ``[R, n(n-1)/2]``, all 0, and ``W0``, fixed."""
    count, rows, columns = weight.shape
    angles = {
        "left": weight.new_zeros(count, rows * (rows - 1) // 2),
        "right": weight.new_zeros(count, columns * (columns - 1) // 2),
    }
    return angles, {"start": weight.clone()}


def weight(parameters: dict[str, Tensor], fixed: dict[str, Tensor]) -> Tensor:
    """Return ``W = R W0 P``, ``[R, m, n]``, with orthogonal ``R`` and ``P``: its singular values are those of ``W0``.

    ``R`` and ``P`` are Cayley transforms of the skew matrices that hold the angles. The paper's method for large models
    differs: it trains random blocks of the angles at a time, merges them into ``W0`` and begins anew at fixed
    intervals, cuts the inverse of the Cayley transform to a short series, and draws ``W0`` in a way of its own. Here
    all angles are trained from the beginning to the end, the transform is exact, and ``W0`` is the model's own initial
    weight. Rotations by half a turn are out of reach.

    Args:
        parameters: ``left`` ``[R, m(m-1)/2]`` and ``right`` ``[R, n(n-1)/2]``.
        fixed: ``start``, ``W0`` ``[R, m, n]``.
    """
    start = fixed["start"]
    left = cayley(parameters["left"], start.shape[1])
    return left @ start @ cayley(parameters["right"], start.shape[2])


def cayley(angles: Tensor, size: int) -> Tensor:
    """Return ``(I - Q)^-1 (I + Q)`` ``[R, size, size]``; ``Q = -Q'`` has the angles above its diagonal, row by row."""
    above = torch.triu_indices(size, size, offset=1, device=angles.device)
    upper = angles.new_zeros(len(angles), size, size)
    upper[:, above[0], above[1]] = angles
    skew = upper - upper.mT
    identity = torch.eye(size, dtype=angles.dtype, device=angles.device)
    return torch.linalg.solve(identity - skew, identity + skew)

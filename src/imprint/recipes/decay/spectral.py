"""Spectral regularization (Lewandowski et al. 2024, arXiv 2406.06811): the largest singular values stay near 1."""

import math

import torch
from torch import Tensor

from imprint.fleet.layout import Layout
from imprint.recipes.product import product
from imprint.recipes.unit import norm, unit


def regularize(weights: Tensor, gradient: Tensor, layout: Layout, *, strength: float, k: int = 2) -> Tensor:
    """Return ``g`` plus the gradient of ``strength (sum_W (s(W)^k - 1)^2 + sum_b ||b||^(2k))``.

    ``s(W)`` is the largest singular value of a matrix, or of a convolution kernel as the matrix ``[out, in*h*w]``; the
    vectors ``b`` are drawn to 0, as in ``(||b||^k - 0)^2``. Its gradient is ``2k (s^k - 1) s^(k-1) u v'``. The singular
    vectors are exact; the paper estimates them by power iteration. Gains of normalization layers, which the paper draws
    to 1, are not told apart from other vectors.

    Args:
        weights: ``[R, P]``.
        gradient: of the loss, ``[R, P]``.
        layout: of the weights.
        strength: of the penalty.
        k: exponent.

    Raises:
        ValueError: if the exponent is less than 1.
    """
    if k < 1:
        raise ValueError(f"spectral: k {k} is less than 1")
    parts = [_slope(tensor, k) for tensor in layout.unflatten(weights).values()]
    return gradient + strength * torch.cat(parts, dim=1)


def _slope(tensor: Tensor, k: int) -> Tensor:
    """Return the penalty's gradient for one tensor of every replica, ``[R, *shape]`` to ``[R, n]``."""
    if tensor.dim() < 3:
        vector = tensor.reshape(len(tensor), -1)
        return 2 * k * _power(norm(vector), 2 * k - 2) * vector
    value, left, right = largest(tensor.flatten(2))
    slope = 2 * k * (_power(value, k) - 1) * _power(value, k - 1)
    return (slope * left * right.mT).flatten(1)


def largest(matrices: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return ``s`` ``[R, 1, 1]``, ``u`` ``[R, m, 1]`` and ``v`` ``[R, n, 1]`` of matrices ``[R, m, n]``.

    From the eigenvectors of the smaller of ``W W'`` and ``W' W``; NaN where a matrix is not finite, and a vector of
    zeros for one of the two where it is 0.
    """
    if matrices.shape[1] > matrices.shape[2]:
        value, right, left = largest(matrices.mT)
        return value, left, right
    finite = torch.isfinite(matrices).all(-1).all(-1)[:, None, None]
    clean = torch.where(finite, matrices, 0)
    # the squares of a scaled matrix neither overflow nor vanish
    scaled = unit(clean.flatten(1)).view_as(clean)
    left = torch.linalg.eigh(product(scaled, scaled.mT)).eigenvectors[:, :, -1:]
    image = product(clean.mT, left).mT
    return torch.where(finite, norm(image), torch.nan), left, unit(image).mT


def _power(base: Tensor, exponent: int) -> Tensor:
    # not `pow`: its result for an element may depend on the element's place in the tensor
    return math.prod([base] * exponent, start=torch.ones_like(base))

"""Powerpropagation (Schwarz et al. 2021, arXiv 2110.00296): weights as powers of what is trained."""

import functools

import torch
from torch import Tensor


def split(weight: Tensor, *, alpha: float = 2.0) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Return ``phi = sign(w) |w|^(1/alpha)`` of a weight ``[R, m, n]``; nothing is fixed.

    Raises:
        ValueError: if alpha is less than 1.
    """
    if alpha < 1:
        raise ValueError(f"power: alpha {alpha} is less than 1")
    return {"phi": weight * _power(weight, 1 / alpha - 1)}, {}


def weight(parameters: dict[str, Tensor], fixed: dict[str, Tensor], *, alpha: float = 2.0) -> Tensor:
    """Return ``w = phi |phi|^(alpha-1)``, ``[R, m, n]``.

    Its derivative ``alpha |phi|^(alpha-1)`` makes large weights learn faster and keeps those at 0 there. ``alpha = 1``
    is the weight itself, bit for bit.

    Args:
        parameters: ``phi``, ``[R, m, n]``.
        fixed: nothing.
        alpha: exponent, at least 1; the paper uses 2 to 5.
    """
    return parameters["phi"] * _power(parameters["phi"], alpha - 1)


def _power(base: Tensor, exponent: float) -> Tensor:
    """Return ``|base|^exponent``, with 1 in the place of 0 raised to an exponent of at most 0."""
    # not `pow`: its result for an element depends on the element's place in the tensor
    size = base.abs()
    if exponent in (1, 2, 3):
        return functools.reduce(torch.mul, [size] * int(exponent))
    zero = size == 0
    value = torch.exp(exponent * torch.log(torch.where(zero, torch.ones_like(size), size)))
    return torch.where(zero, 0.0, value) if exponent > 0 else value

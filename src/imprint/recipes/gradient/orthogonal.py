"""The gradient without its component along the weights (Prieto et al. 2025, arXiv 2501.04697: perpGrad)."""

import torch
from torch import Tensor

from imprint.fleet.layout import Layout
from imprint.fleet.oracle import Oracle
from imprint.recipes.unit import norm, unit


def gradient(oracle: Oracle, weights: Tensor, layout: Layout) -> tuple[Tensor, Tensor]:
    """Return the loss ``[R]`` and, for each weight tensor, ``||g|| p / ||p||`` with ``p = g - (<w,g>/<w,w>) w``.

    The paper writes the projection for all weights together; its authors' optimizer applies it to each tensor and
    restores the norm of ``g``, and so does this. Where ``w`` is 0 the gradient stays as it is; where ``g`` is parallel
    to ``w``, as always in a tensor of one element, nothing is left and the result is 0.

    Args:
        oracle: the batch.
        weights: ``[R, P]``.
        layout: of the weights.
    """
    loss, plain = oracle.gradient(weights)
    pairs = zip(weights.split(layout.sizes, dim=1), plain.split(layout.sizes, dim=1), strict=True)
    return loss, torch.cat([_without(w, g) for w, g in pairs], dim=1)


def _without(weights: Tensor, gradient: Tensor) -> Tensor:
    """Return the part of ``gradient`` ``[R, n]`` that is orthogonal to ``weights`` ``[R, n]``, with its whole norm."""
    along, left = unit(weights), gradient
    # the second projection removes what rounding left of a gradient that is nearly parallel to the weights
    for _ in range(2):
        left = left - (along * left).sum(1, keepdim=True) * along
    before, after = norm(gradient), norm(left)
    rounding = after <= 10 * torch.finfo(weights.dtype).eps * before
    return torch.where(rounding, 0, left * (before / after))

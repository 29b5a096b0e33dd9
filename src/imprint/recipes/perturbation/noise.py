"""Gaussian weight noise of the size of a quantizer's rounding errors."""

import math

import torch
from torch import Tensor

from imprint.fleet.layout import Layout
from imprint.recipes.draw import Draw


def perturb(weights: Tensor, layout: Layout, draw: Draw, *, bits: int) -> Tensor:
    """Return ``w_l + z d_l / sqrt(12)`` for each weight tensor ``l``, with ``d_l = 2 max|w_l| / (2^bits - 1)``.

    ``d_l`` is the step of a uniform quantizer with ``2^bits`` levels over ``[-max|w_l|, max|w_l|]``; its rounding
    error, if uniform over a step, has the standard deviation ``d_l / sqrt(12)`` (Bennett 1948). ``z`` is standard
    normal.

    Args:
        weights: ``[R, P]``.
        layout: of the weights.
        draw: each replica's own noise, new at every step.
        bits: of the quantizer.

    Raises:
        ValueError: if there is no bit.
    """
    if bits < 1:
        raise ValueError(f"noise: bits {bits} is less than 1")
    ranges = [w.abs().amax(1, keepdim=True).expand_as(w) for w in weights.split(layout.sizes, dim=1)]
    deviation = torch.cat(ranges, dim=1) * (2 / (2**bits - 1) / math.sqrt(12))
    return weights + deviation * draw.normal(1)[:, 0]

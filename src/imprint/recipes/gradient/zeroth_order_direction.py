"""Finite differences along random directions (Nesterov and Spokoiny 2017; with signs, Spall 1992)."""

import torch
from torch import Tensor

from imprint.fleet.oracle import Oracle
from imprint.recipes.draw import Draw


def gradient(
    oracle: Oracle,
    weights: Tensor,
    draw: Draw,
    *,
    directions: int = 1,
    step: float = 1e-3,
    distribution: str = "normal",
) -> tuple[Tensor, Tensor]:
    """Return the loss ``[R]`` and the mean over k directions ``u`` of ``u (L(w + step u) - L(w - step u)) / (2 step)``.

    Unbiased for a quadratic loss, because ``E[u u'] = I`` for both distributions and the difference is central. The
    loss returned is that at ``weights``. Costs ``2k + 1`` forward passes.

    Args:
        oracle: the batch.
        weights: ``[R, P]``.
        draw: each replica's own directions, new at every step.
        directions: ``k``.
        step: size of the difference, in units of the weights.
        distribution: of the directions' elements: ``normal`` (standard normal, not normalized) or ``signs`` (-1 or 1).

    Raises:
        ValueError: for another distribution, no direction, or a step that is not positive.
    """
    if distribution not in ("normal", "signs"):
        raise ValueError(f"zeroth_order_direction: distribution {distribution!r} is not 'normal' or 'signs'")
    if directions < 1:
        raise ValueError(f"zeroth_order_direction: directions {directions} is less than 1")
    if step <= 0:
        raise ValueError(f"zeroth_order_direction: step {step} is not positive")
    drawn = draw.normal(directions) if distribution == "normal" else draw.signs(directions)
    estimate = torch.zeros_like(weights)
    for direction in drawn.unbind(1):
        rise = oracle.loss(weights + step * direction) - oracle.loss(weights - step * direction)
        estimate += (rise / (2 * step * directions)).unsqueeze(1) * direction
    return oracle.loss(weights), estimate

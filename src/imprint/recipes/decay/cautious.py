"""Cautious weight decay (Chen et al. 2025, arXiv 2510.12402): no decay where it fights the update."""

import torch
from torch import Tensor


def decay(weights: Tensor, change: Tensor, rate: Tensor, *, weight_decay: float) -> Tensor:
    """Return ``dw - lr weight_decay w`` where ``dw w <= 0``, element by element, and ``dw`` elsewhere.

    With the update ``u = -dw / lr`` that is algorithm 1 of the paper, ``w <- w - lr (u + weight_decay [u w >= 0] w)``.
    Where the update is 0 the weight decays.

    Args:
        weights: before the step, ``[R, P]``.
        change: the update's own change of the weights, ``[R, P]``.
        rate: learning rate of each replica, ``[R, 1]``.
        weight_decay: the decay per unit of learning rate.
    """
    # signs, not the product itself, which vanishes where both are small
    agree = change.sign() * weights.sign() <= 0
    return change - torch.where(agree, rate * weight_decay * weights, 0)

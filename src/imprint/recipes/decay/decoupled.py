"""Decoupled weight decay (Loshchilov and Hutter 2019): the decay does not pass through the update's preconditioner."""

from torch import Tensor


def decay(weights: Tensor, change: Tensor, rate: Tensor, *, weight_decay: float) -> Tensor:
    """Return ``dw - lr * weight_decay * w``.

    Args:
        weights: before the step, ``[R, P]``.
        change: the update's own change of the weights, ``[R, P]``.
        rate: learning rate of each replica, ``[R, 1]``.
        weight_decay: the decay per unit of learning rate.
    """
    return change - rate * weight_decay * weights

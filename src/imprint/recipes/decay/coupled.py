"""Coupled weight decay, or L2 regularization: the decay passes through the update with the gradient."""

from torch import Tensor


def regularize(weights: Tensor, gradient: Tensor, *, weight_decay: float) -> Tensor:
    """Return ``g + weight_decay w``, the gradient of the loss plus ``weight_decay ||w||^2 / 2``.

    Args:
        weights: ``[R, P]``.
        gradient: of the loss, ``[R, P]``.
        weight_decay: strength of the penalty.
    """
    return gradient + weight_decay * weights

"""L1 regularization by its proximal step after the update (soft thresholding; Daubechies et al. 2004)."""

from torch import Tensor


def decay(weights: Tensor, change: Tensor, rate: Tensor, *, penalty: float) -> Tensor:
    """Return the change to ``sign(v) max(|v| - lr penalty, 0)`` with ``v = w + dw``.

    After gradient descent this is the proximal gradient method (ISTA) for the loss plus ``penalty ||w||_1``, and
    weights become exactly 0. After an update with a metric of its own (Adam, Muon) the threshold stays Euclidean: the
    decoupled variant, as in decoupled weight decay.

    Args:
        weights: before the step, ``[R, P]``.
        change: the update's own change of the weights, ``[R, P]``.
        rate: learning rate of each replica, ``[R, 1]``.
        penalty: strength of the L1 norm; what a weight loses per unit of learning rate.
    """
    moved = weights + change
    return moved.sign() * (moved.abs() - rate * penalty).clamp_min(0) - weights

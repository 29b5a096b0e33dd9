"""L1 regularization by its subgradient, which passes through the update with the gradient."""

from torch import Tensor


def regularize(weights: Tensor, gradient: Tensor, *, penalty: float) -> Tensor:
    """Return ``g + penalty sign(w)``, a subgradient of the loss plus ``penalty ||w||_1``; the sign of 0 is 0.

    With a constant learning rate the weights step over 0 instead of staying there.

    Args:
        weights: ``[R, P]``.
        gradient: of the loss, ``[R, P]``.
        penalty: strength of the L1 norm.
    """
    return gradient + penalty * weights.sign()

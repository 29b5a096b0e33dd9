"""The gradient of the loss by backpropagation."""

from torch import Tensor

from imprint.fleet.oracle import Oracle


def gradient(oracle: Oracle, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean loss ``[R]`` of the batch at weights ``[R, P]`` and its gradient ``[R, P]``."""
    return oracle.gradient(weights)

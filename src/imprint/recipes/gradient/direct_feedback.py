"""Direct feedback alignment (Nøkland 2016, arXiv 1609.01596): fixed random feedback instead of backpropagation."""

import math

from torch import Tensor

from imprint.fleet.oracle import Oracle
from imprint.recipes.draw import Draw


def gradient(oracle: Oracle, weights: Tensor, draw: Draw, *, scale: float = 1.0) -> tuple[Tensor, Tensor]:
    """Return the loss ``[R]`` and the change of the weights ``[R, P]`` that stands for the gradient.

    The error at the logits ``e`` ``[R, B, C]`` reaches hidden layer ``l`` as ``e B_l``, times the activation's own
    derivative; ``B_l`` ``[R, C, H]`` is drawn once from each replica's seed, normal with standard deviation
    ``scale / sqrt(C)``. The last layer has its true gradient.
    """

    def teach(name: str, activations: Tensor, error: Tensor) -> Tensor:
        classes, width = error.shape[-1], activations.shape[-1]
        return error @ draw.fixed_normal(name, (classes, width)) * (scale / math.sqrt(classes))

    return oracle.local_gradient(weights, teach)

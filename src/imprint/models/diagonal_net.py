"""Diagonal linear network: linear regression whose every weight is a difference of two squares."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from imprint.recipes.product import product

EXECUTOR = {"cpu": "stacked", "cuda": "stacked"}


class DiagonalNet(nn.Module):
    """``f(x) = <a * a - b * b, x>`` with two vectors a and b of trained parameters."""

    def __init__(self, inputs: int, classes: int, scale: float):
        super().__init__()
        self.initial_scale = scale
        self.positive = nn.Linear(inputs, classes, bias=False)
        self.negative = nn.Linear(inputs, classes, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map inputs ``[N, D]`` to outputs ``[N, C]``."""
        return functional.linear(x, torch.square(self.positive.weight) - torch.square(self.negative.weight))


def build(*, inputs: int, classes: int, scale: float = 1.0) -> DiagonalNet:
    """Return the module (Woodworth et al. 2020, arXiv 2002.09277, depth 2), one pair of vectors for each output.

    Args:
        inputs: number of features of an example.
        classes: number of outputs.
        scale: factor of the initial weights, drawn by :mod:`imprint.models.initialize` for ``inputs`` inputs.
    """
    return DiagonalNet(inputs, classes, scale)


def stacked(
    module: DiagonalNet, weights: Mapping[str, Tensor], x: Tensor, cut: bool = False
) -> tuple[Tensor, dict[str, Tensor]]:
    """Forward pass of R replicas at once.

    Args:
        module: the architecture; its own weights are not used.
        weights: by parameter name, ``[R, *shape]``.
        x: ``[N, D]`` shared by the replicas, or ``[R, N, D]``.
        cut: nothing is hidden, so that nothing is cut.

    Returns:
        Outputs ``[R, N, C]``, and no hidden activations.
    """
    slope_RCD = torch.square(weights["positive.weight"]) - torch.square(weights["negative.weight"])
    x_RND = x.expand(len(slope_RCD), *x.shape[-2:])
    return product(slope_RCD, x_RND.mT).mT, {}

"""One hidden layer of rectified units under a head of fixed signs: only the first layer is trained."""

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from imprint.models import mlp

EXECUTOR = {"cpu": "stacked", "cuda": "stacked"}


class TwoLayer(mlp.MLP):
    r"""Score :math:`f(x) = \sum_j s_j \max(0, w_j x) / \sqrt{H}` with signs :math:`s_j = 1, -1, 1, -1, \dots`.

    The logits are ``-f / 2`` and ``f / 2``, so that their cross-entropy is the logistic loss of ``f``.
    """

    def __init__(self, inputs: int, hidden: int, scale: float):
        super().__init__([inputs, hidden, 2], "relu", bias=False, scale=scale)
        signs = torch.ones(hidden)
        signs[1::2] = -1
        del self.layers[1].weight
        self.layers[1].register_buffer("weight", torch.stack([-signs, signs]) / (2 * math.sqrt(hidden)))

    def initialize(self, generator: torch.Generator) -> dict[str, Tensor]:
        """Return a first layer of normal weights with mean 0 and standard deviation ``scale / sqrt(inputs)``."""
        weight = self.layers[0].weight
        drawn = torch.empty(weight.shape, dtype=weight.dtype).normal_(generator=generator)
        return {"layers.0.weight": drawn * (self.initial_scale / math.sqrt(weight.shape[1]))}


def build(*, inputs: int, classes: int, hidden: int = 64, scale: float = 1.0) -> TwoLayer:
    """Return the module, with weights still to be drawn by its own ``initialize`` (Vasudeva et al. 2025, 2505.24022).

    Args:
        inputs: number of features of an example.
        classes: 2.
        hidden: number of units H.
        scale: of the initial weights, whose standard deviation is ``scale / sqrt(inputs)``.

    Raises:
        ValueError: if there are not two classes, or no pair of units with both signs.
    """
    if classes != 2:
        raise ValueError(f"model two_layer has one score for 2 classes; the task has {classes}, take model mlp")
    if hidden < 2:
        raise ValueError(f"model two_layer: hidden {hidden} gives no unit of each sign; choose 2 or more")
    return TwoLayer(inputs, hidden, scale)


def stacked(
    module: TwoLayer, weights: Mapping[str, Tensor], x: Tensor, cut: bool = False
) -> tuple[Tensor, dict[str, Tensor]]:
    """Forward pass of R replicas at once; arguments and results are those of :func:`imprint.models.mlp.stacked`."""
    head = module.layers[1].weight.expand(weights["layers.0.weight"].shape[0], -1, -1)
    if cut:  # the logits then depend on nothing that is trained, and still the error at them is asked for
        head = head.detach().requires_grad_()
    return mlp.stacked(module, {**weights, "layers.1.weight": head}, x, cut)

"""Linear model whose examples bring their own offset: least squares with any real target."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from imprint.recipes.product import product

EXECUTOR = {"cpu": "stacked", "cuda": "stacked"}


class OffsetLinear(nn.Module):
    """``f(x) = b + W a`` of an example ``x = (b, a)`` with one offset for each output."""

    def __init__(self, features: int, classes: int, scale: float):
        super().__init__()
        self.initial_scale = scale
        self.layer = nn.Linear(features, classes, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map inputs ``[N, C + D]`` to outputs ``[N, C]``."""
        offset, features = split(x, self.layer.out_features)
        return offset + self.layer(features)


def split(x: Tensor, classes: int) -> tuple[Tensor, Tensor]:
    """Return the offsets ``[..., C]`` and the features ``[..., D]`` of examples ``[..., C + D]``."""
    return x[..., :classes], x[..., classes:]


def build(*, inputs: int, classes: int, scale: float = 1.0) -> OffsetLinear:
    """Return the module.

    Args:
        inputs: ``C + D`` for D features.
        classes: C, the number of outputs.
        scale: factor of the initial weights, drawn by :mod:`imprint.models.initialize`.

    Raises:
        ValueError: if the offsets leave no feature.
    """
    if inputs <= classes:
        raise ValueError(
            f"model offset_linear: {inputs} inputs are an offset for each of {classes} outputs and no feature; take "
            "the task least_squares"
        )
    return OffsetLinear(inputs - classes, classes, scale)


def stacked(
    module: OffsetLinear, weights: Mapping[str, Tensor], x: Tensor, cut: bool = False
) -> tuple[Tensor, dict[str, Tensor]]:
    """Forward pass of R replicas at once.

    Args:
        module: the architecture; its own weights are not used.
        weights: by parameter name, ``[R, *shape]``.
        x: ``[N, C + D]`` shared by the replicas, or ``[R, N, C + D]``.
        cut: nothing is hidden, so that nothing is cut.

    Returns:
        Outputs ``[R, N, C]``, and no hidden activations.
    """
    slope_RCD = weights["layer.weight"]
    offset_RNC, features_RND = split(x.expand(len(slope_RCD), *x.shape[-2:]), slope_RCD.shape[1])
    return torch.add(offset_RNC, product(slope_RCD, features_RND.mT).mT), {}

"""Multilayer perceptron on flat inputs; with no hidden layer, a linear classifier."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from imprint.models.activations import ACTIVATIONS, check_activation

EXECUTOR = {"cpu": "stacked", "cuda": "stacked"}


class MLP(nn.Module):
    """``logits = W_L a(... a(W_1 x + b_1) ...) + b_L``."""

    def __init__(self, widths: Sequence[int], activation: str, bias: bool, scale: float):
        super().__init__()
        self.initial_scale = scale
        self.layers = nn.ModuleList(
            nn.Linear(inputs, outputs, bias=bias) for inputs, outputs in zip(widths[:-1], widths[1:], strict=True)
        )
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        """Map inputs ``[N, D]`` to logits ``[N, C]``."""
        activate = ACTIVATIONS[self.activation]
        for layer in self.layers[:-1]:
            x = activate(layer(x))
        return self.layers[-1](x)


def build(
    *,
    inputs: int,
    classes: int,
    hidden: Sequence[int] = (),
    activation: str = "relu",
    bias: bool = True,
    scale: float = 1.0,
) -> MLP:
    """Return the module, with weights still to be drawn by :mod:`imprint.models.initialize`, times ``scale``.

    Raises:
        ValueError: if the activation is not known.
    """
    check_activation("mlp", activation)
    return MLP([inputs, *hidden, classes], activation, bias, scale)


def stacked(
    module: MLP, weights: Mapping[str, Tensor], x: Tensor, cut: bool = False
) -> tuple[Tensor, dict[str, Tensor]]:
    """Forward pass of R replicas at once.

    Args:
        module: the architecture; its own weights are not used.
        weights: by parameter name, ``[R, *shape]``.
        x: ``[N, D]`` shared by the replicas, or ``[R, N, D]``.
        cut: detach every hidden activation before the next layer reads it, so that a gradient by what is returned
            reaches the weights of one layer only.

    Returns:
        Logits ``[R, N, C]`` and the hidden activations ``{"hidden_1": [R, N, H], ...}``.
    """
    activate = ACTIVATIONS[module.activation]
    hidden = {}
    replicas = weights["layers.0.weight"].shape[0]
    # examples last: then the gradient by a weight is laid out as the weight is, and no copy turns it
    x = x.expand(replicas, *x.shape[-2:]).mT
    last = len(module.layers) - 1
    for index in range(last + 1):
        x = _affine(weights[f"layers.{index}.weight"], x, weights.get(f"layers.{index}.bias"))
        if index < last:
            hidden[f"hidden_{index + 1}"] = activate(x).mT
            x = hidden[f"hidden_{index + 1}"].mT
            x = x.detach() if cut else x
    return x.mT, hidden


def _affine(weight: Tensor, x: Tensor, bias: Tensor | None) -> Tensor:
    """Return ``W x + b`` ``[R, O, N]`` of ``[R, O, D]``, ``[R, D, N]`` and ``[R, O]``.

    An axis of length 1 is padded with zeros to 2: with it the library multiplies a matrix by a vector, and the order of
    its sums then depends on how many replicas there are.
    """
    rows, inner, columns = *weight.shape[1:], x.shape[2]
    if min(rows, inner, columns) == 1:
        weight = functional.pad(weight, (0, inner == 1, 0, rows == 1))
        x = functional.pad(x, (0, columns == 1, 0, inner == 1))
        product = torch.bmm(weight, x)[:, :rows, :columns]
        return product if bias is None else product + bias.unsqueeze(-1)
    return torch.bmm(weight, x) if bias is None else torch.baddbmm(bias.unsqueeze(-1), weight, x)

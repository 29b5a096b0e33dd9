"""Multilayer perceptron on flat inputs; with no hidden layer, a linear classifier."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

EXECUTOR = {"cpu": "stacked", "cuda": "stacked"}
ACTIVATIONS = {"relu": torch.relu, "tanh": torch.tanh, "gelu": nn.functional.gelu}


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
    if activation not in ACTIVATIONS:
        raise ValueError(f"model mlp: activation {activation!r} is not one of {sorted(ACTIVATIONS)}")
    return MLP([inputs, *hidden, classes], activation, bias, scale)


def stacked(module: MLP, weights: Mapping[str, Tensor], x: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    """Forward pass of R replicas at once.

    Args:
        module: the architecture; its own weights are not used.
        weights: by parameter name, ``[R, *shape]``.
        x: ``[N, D]`` shared by the replicas, or ``[R, N, D]``.

    Returns:
        Logits ``[R, N, C]`` and the hidden activations ``{"hidden_1": [R, N, H], ...}``.
    """
    activate = ACTIVATIONS[module.activation]
    hidden = {}
    replicas = weights["layers.0.weight"].shape[0]
    x = x.expand(replicas, *x.shape[-2:])
    last = len(module.layers) - 1
    for index in range(last + 1):
        weight, bias = weights[f"layers.{index}.weight"], weights.get(f"layers.{index}.bias")
        x = torch.bmm(x, weight.mT) if bias is None else torch.baddbmm(bias.unsqueeze(1), x, weight.mT)
        if index < last:
            x = hidden[f"hidden_{index + 1}"] = activate(x)
    return x, hidden

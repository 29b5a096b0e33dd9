"""Draws a replica's initial weights from its own generator."""

import math

import torch
from torch import Tensor, nn


def initialize(model: nn.Module, generator: torch.Generator) -> dict[str, Tensor]:
    """Return fresh weights for every parameter, in the model's order.

    Weights of a layer with fan-in ``f`` and its bias are uniform on ``[-1/sqrt(f), 1/sqrt(f)]``, PyTorch's own
    default for linear and convolution layers (He et al. 2015 with ``a = sqrt(5)``), times the model's own
    ``initial_scale`` if it has one. An embedding reads one row, so its fan-in is 1. A model with a method
    ``initialize(generator)`` draws its weights by itself.

    Raises:
        TypeError: if a parameter belongs to a layer without a rule; nothing is left at a value nobody chose.
    """
    if hasattr(model, "initialize"):
        return model.initialize(generator)
    weights = {}
    for path, layer in model.named_modules():
        own = dict(layer.named_parameters(recurse=False))
        if not own:
            continue
        if not isinstance(layer, nn.Linear | nn.Conv2d | nn.Embedding):
            raise TypeError(f"model layer {path!r} of type {type(layer).__name__} has no rule for its initial weights")
        fan_in = 1 if isinstance(layer, nn.Embedding) else layer.weight[0].numel()
        bound = getattr(model, "initial_scale", 1.0) / math.sqrt(fan_in)
        for name, parameter in own.items():
            drawn = torch.empty(parameter.shape, dtype=parameter.dtype).uniform_(-bound, bound, generator=generator)
            weights[f"{path}.{name}" if path else name] = drawn
    return {name: weights[name] for name, _ in model.named_parameters()}

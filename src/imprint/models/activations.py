"""Activation functions that models share, by name; the result for a number depends on nothing else in its tensor."""

import math

import torch
from torch import Tensor


def gelu(x: Tensor) -> Tensor:
    """Return ``x Phi(x)`` with the normal distribution function ``Phi`` (Hendrycks and Gimpel 2016, 1606.08415).

    ``torch.nn.functional.gelu`` rounds the last numbers of a float64 tensor, those that fill no vector register, in
    another way than the rest, so that a replica's result would depend on how many replicas lie before it.
    """
    return x / 2 * (1 + torch.erf(x * math.sqrt(0.5)))


ACTIVATIONS = {"relu": torch.relu, "tanh": torch.tanh, "gelu": gelu}


def check_activation(model: str, name: str) -> None:
    """Refuse an activation that is not known.

    Raises:
        ValueError: naming the model, what was found and what is allowed.
    """
    if name not in ACTIVATIONS:
        raise ValueError(f"model {model}: activation {name!r} is not one of {sorted(ACTIVATIONS)}")

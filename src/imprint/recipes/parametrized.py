"""Weights as functions of the parameters that are trained in their place."""

import functools
from collections.abc import Callable

import torch
from torch import Tensor

from imprint.fleet.layout import Layout


class Parametrized:
    """A parametrization of every weight with at least two axes; vectors are trained as they are.

    Args:
        split: from weights ``[R, m, n]`` to what is trained in their place and what stays fixed.
        weight: back to the weights, differentiable.
        options: of both.
        layout: of the weights.
        weights: where training starts, ``[R, P]``.

    Attributes:
        inner: layout of the trained parameters ``[R, Q]``.
        start: the trained parameters of ``weights``.
        fixed: what stays as it is, ``{name: [R, ...]}``.
    """

    def __init__(self, split: Callable, weight: Callable, options: dict, layout: Layout, weights: Tensor):
        self.layout = layout
        self.weight = functools.partial(weight, **options)
        self.fixed: dict[str, Tensor] = {}
        trained = {}
        for name, value in layout.unflatten(weights).items():
            if value.dim() < 3:
                trained[name] = value
                continue
            parameters, fixed = split(value.flatten(2), **options)
            trained |= {f"{name}/{key}": part for key, part in parameters.items()}
            self.fixed |= {f"{name}/{key}": part for key, part in fixed.items()}
        self.inner = Layout({name: tuple(value.shape[1:]) for name, value in trained.items()})
        self.start = self.inner.join(trained)

    def weights(self, trained: Tensor, rows: slice = slice(None)) -> Tensor:
        """Return the weights ``[R, P]`` of trained parameters ``[R, Q]``; ``rows`` says whose they are."""
        parts = self.inner.unflatten(trained)
        weights = {}
        for name, shape in self.layout.shapes.items():
            if name in parts:
                weights[name] = parts[name]
                continue
            own = {key.rpartition("/")[2]: value for key, value in parts.items() if key.rpartition("/")[0] == name}
            fixed = {
                key.rpartition("/")[2]: value[rows]
                for key, value in self.fixed.items()
                if key.rpartition("/")[0] == name
            }
            weights[name] = self.weight(own, fixed).reshape(len(trained), *shape)
        return self.layout.join(weights)

    @torch.enable_grad()
    def pull(self, trained: Tensor, gradient: Tensor, rows: slice = slice(None)) -> Tensor:
        """Return the gradient by the trained parameters ``[R, Q]`` from the gradient by the weights ``[R, P]``."""
        leaf = trained.detach().requires_grad_()
        (pulled,) = torch.autograd.grad(self.weights(leaf, rows), leaf, gradient)
        return pulled

    def leave(self, keep: Tensor) -> None:
        """Drop the replicas that are not marked in ``keep`` ``[R]``."""
        self.fixed = {name: value[keep] for name, value in self.fixed.items()}

"""The weights of R replicas as one matrix ``[R, P]``, and each parameter as a view of it."""

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn


class Layout:
    """Where each parameter lies in a replica's row: matrices first, then the rest, each in the order given."""

    def __init__(self, shapes: Mapping[str, tuple[int, ...]]):
        self.shapes = dict(sorted(shapes.items(), key=lambda item: len(item[1]) != 2))
        self.sizes = [math.prod(shape) for shape in self.shapes.values()]
        self.matrix_columns = sum(math.prod(shape) for shape in shapes.values() if len(shape) == 2)
        self.columns = sum(self.sizes)

    @classmethod
    def of(cls, model: nn.Module) -> "Layout":
        """Return the layout of a model's parameters."""
        return cls({name: tuple(parameter.shape) for name, parameter in model.named_parameters()})

    def flatten(self, weights: list[dict[str, Tensor]]) -> Tensor:
        """Return ``[R, P]`` from one dict of weights per replica."""
        return torch.stack([torch.cat([row[name].flatten() for name in self.shapes]) for row in weights])

    def join(self, weights: Mapping[str, Tensor]) -> Tensor:
        """Return ``[*leading, P]`` from ``{name: [*leading, *shape]}``."""
        parts = [
            weights[name].flatten(-len(shape)) if shape else weights[name].unsqueeze(-1)
            for name, shape in self.shapes.items()
        ]
        return torch.cat(parts, -1)

    def unflatten(self, flat: Tensor) -> dict[str, Tensor]:
        """Return views ``{name: [*leading, *shape]}`` of ``[*leading, P]``."""
        parts = flat.split(self.sizes, dim=-1)
        return {
            name: part.view(*flat.shape[:-1], *shape)
            for (name, shape), part in zip(self.shapes.items(), parts, strict=True)
        }

"""The weights of R replicas as one matrix ``[R, P]``, and each parameter as a view of it."""

import math

import torch
from torch import Tensor, nn


class Layout:
    """Where each parameter lies in a replica's row: matrices first, then the rest, each in the model's order."""

    def __init__(self, model: nn.Module):
        shapes = {name: tuple(parameter.shape) for name, parameter in model.named_parameters()}
        self.shapes = dict(sorted(shapes.items(), key=lambda item: len(item[1]) != 2))
        self.sizes = [math.prod(shape) for shape in self.shapes.values()]
        self.matrix_columns = sum(math.prod(shape) for shape in shapes.values() if len(shape) == 2)
        self.columns = sum(self.sizes)

    def flatten(self, weights: list[dict[str, Tensor]]) -> Tensor:
        """Return ``[R, P]`` from one dict of weights per replica."""
        return torch.stack([torch.cat([row[name].flatten() for name in self.shapes]) for row in weights])

    def unflatten(self, flat: Tensor) -> dict[str, Tensor]:
        """Return views ``{name: [*leading, *shape]}`` of ``[*leading, P]``."""
        parts = flat.split(self.sizes, dim=-1)
        return {
            name: part.view(*flat.shape[:-1], *shape)
            for (name, shape), part in zip(self.shapes.items(), parts, strict=True)
        }

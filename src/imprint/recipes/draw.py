"""Random numbers of a recipe's parts: each replica's own, functions of its seed and the step."""

import torch
from torch import Tensor

from imprint.streams import generator


class Draw:
    """What the replicas draw at one step for one purpose.

    Args:
        seeds: of each replica, length R.
        step: the step's number.
        purpose: a word; other words are independent streams.
        like: a tensor ``[R, P]`` with the device, precision and number of columns of what is drawn.
    """

    def __init__(self, seeds: list[int], step: int, purpose: str, like: Tensor):
        self.seeds, self.step, self.purpose, self.like = seeds, step, purpose, like
        self._generators: list[torch.Generator] = []

    @property
    def generators(self) -> list[torch.Generator]:
        """Each replica's generator; a second call to any method goes on where the first ended."""
        if not self._generators:
            self._generators = [generator(seed, "noise", self.purpose, self.step) for seed in self.seeds]
        return self._generators

    def normal(self, count: int) -> Tensor:
        """Return standard normal numbers ``[R, count, P]``."""
        shape = (count, self.like.shape[1])
        rows = [torch.randn(shape, generator=own, dtype=self.like.dtype) for own in self.generators]
        return torch.stack(rows).to(self.like.device)

    def signs(self, count: int) -> Tensor:
        """Return -1 or 1 with equal chances, ``[R, count, P]``."""
        shape = (count, self.like.shape[1])
        rows = [torch.randint(2, shape, generator=own, dtype=self.like.dtype) for own in self.generators]
        return (2 * torch.stack(rows) - 1).to(self.like.device)

    def choose(self, count: int) -> Tensor:
        """Return the numbers of ``count`` different columns, ``[R, count]``."""
        rows = [torch.randperm(self.like.shape[1], generator=own)[:count] for own in self.generators]
        return torch.stack(rows).to(self.like.device)

    def fixed_normal(self, name: str, shape: tuple[int, ...]) -> Tensor:
        """Return standard normal numbers ``[R, *shape]`` that are the same at every step."""
        rows = [
            torch.randn(shape, generator=generator(seed, "noise", self.purpose, name), dtype=self.like.dtype)
            for seed in self.seeds
        ]
        return torch.stack(rows).to(self.like.device)

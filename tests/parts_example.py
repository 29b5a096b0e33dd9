"""A quadratic loss and random numbers for tests of recipe parts."""

import torch

from imprint.fleet.layout import Layout
from imprint.recipes.draw import Draw

SHAPES = {"first": (4, 3), "kernel": (2, 3, 2, 2), "bias": (5,), "gain": (1,)}
LAYOUT = Layout(SHAPES)


def numbers(*shape, seed=0, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def drawn(like, step=1):
    """Return the draws of replicas with the seeds 0, 1, ... ."""
    return Draw(list(range(len(like))), step, "test", like)


class Quadratic:
    """``L(w) = w' H w / 2 + b' w`` of each replica, its own ``b`` ``[R, P]``; counts what it is asked."""

    def __init__(self, matrix, slope):
        self.matrix, self.slope = matrix, slope
        self.losses = self.gradients = 0

    def loss(self, weights):
        self.losses += 1
        # one product per element and a sum within each row, so that a row does not depend on how many there are
        return (((weights.unsqueeze(1) * self.matrix).sum(2) / 2 + self.slope) * weights).sum(1)

    def gradient(self, weights):
        self.gradients += 1
        self.losses -= 1
        return self.loss(weights), self.slope_at(weights)

    def slope_at(self, weights):
        return (weights.unsqueeze(1) * self.matrix).sum(2) + self.slope


def quadratic(replicas=3, columns=6, seed=0, curved=True):
    """Return a quadratic loss with a symmetric matrix, or a linear one, and weights ``[R, P]``."""
    matrix = numbers(columns, columns, seed=seed) * curved
    return Quadratic(matrix + matrix.mT, numbers(replicas, columns, seed=seed + 1)), numbers(
        replicas, columns, seed=seed + 2
    )

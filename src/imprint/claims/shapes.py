"""Shapes of values whose mean is known, on which the coverage of intervals is measured."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Shape:
    """A distribution with mean 0 and standard deviation 1.

    Attributes:
        draw: values of a size.
        mark: the word of a row's flag that says its values may look like this; empty if the shape is symmetric and
            the test is exact.
    """

    draw: Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]
    mark: str = ""


def _exponential(rng: np.random.Generator, size: tuple[int, ...]) -> np.ndarray:
    return rng.exponential(size=size) - 1.0


def _lognormal(rng: np.random.Generator, size: tuple[int, ...]) -> np.ndarray:
    mean, variance = np.exp(0.5), np.exp(1) * (np.exp(1) - 1)
    return (rng.lognormal(size=size) - mean) / np.sqrt(variance)


def _rare(rng: np.random.Generator, size: tuple[int, ...]) -> np.ndarray:
    share = 0.2
    return ((rng.random(size) < share) - share) / np.sqrt(share * (1 - share))


SHAPES = {
    "normal": Shape(lambda rng, size: rng.normal(size=size)),
    "uniform": Shape(lambda rng, size: rng.uniform(-np.sqrt(3), np.sqrt(3), size)),
    "Laplace": Shape(lambda rng, size: rng.laplace(scale=np.sqrt(0.5), size=size)),
    "Student's t, 3 degrees of freedom": Shape(lambda rng, size: rng.standard_t(3, size) / np.sqrt(3)),
    "exponential": Shape(_exponential, "skewed"),
    "lognormal": Shape(_lognormal, "skewed"),
    "tied: one in five differs": Shape(_rare, "ties"),
}

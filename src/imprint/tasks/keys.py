"""Classes that occur unequally often, each with a key, and examples drawn around the keys."""

from collections.abc import Sequence

import numpy as np


def power_law(classes: int, exponent: float, rarest: int) -> np.ndarray:
    """Return how many examples each class has, ``round(rarest (classes / k)^exponent)`` for ``k = 1..classes``.

    >>> power_law(4, 1.0, 1).tolist()
    [4, 2, 1, 1]
    """
    return np.rint(rarest * (classes / np.arange(1, classes + 1)) ** exponent).astype(np.int64)


def orthogonal(count: int, dimensions: int, length: float, rotated: bool, generator: np.random.Generator) -> np.ndarray:
    """Return orthogonal keys of equal length, ``(count, dimensions)``.

    They are the first axes, or these turned by a rotation that is Haar-distributed on the orthogonal group.
    """
    axes_KD = length * np.eye(count, dimensions)
    if not rotated:
        return axes_KD
    q_DD, r_DD = np.linalg.qr(generator.standard_normal((dimensions, dimensions)))
    return axes_KD @ (q_DD * np.sign(np.diagonal(r_DD)))


def around(
    key_KD: np.ndarray, counts: Sequence[int], noise: float, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return ``counts[k]`` points around every key, normal with deviation ``noise`` per feature, and their k."""
    k_B = np.repeat(np.arange(len(counts)), counts)
    x_BD = key_KD[k_B]
    return (x_BD + noise * generator.standard_normal(x_BD.shape) if noise else x_BD), k_B


def check(count: int, dimensions: int, length: float, noise: float) -> None:
    """Refuse keys that do not exist.

    Raises:
        ValueError: an option outside its range.
    """
    if dimensions < count:
        raise ValueError(f"dimensions={dimensions}: {count} orthogonal keys need at least as many")
    if length <= 0:
        raise ValueError(f"length={length}: a key has a positive length")
    if noise < 0:
        raise ValueError(f"noise={noise}: a standard deviation is at least 0")


def check_power_law(classes: int, exponent: float, rarest: int) -> None:
    """Refuse a power law without two classes or with a class that has no example.

    Raises:
        ValueError: an option outside its range.
    """
    if classes < 2:
        raise ValueError(f"{classes} classes: at least 2 are needed")
    if exponent < 0:
        raise ValueError(f"exponent={exponent}: at least 0, where all classes are equally frequent")
    if rarest < 1:
        raise ValueError(f"rarest={rarest}: the rarest class has at least one example")

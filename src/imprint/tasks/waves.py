"""Two classes on the square, divided by the zero line of a few plane waves."""

from collections.abc import Sequence

import numpy as np
import xarray as xr

from imprint.tasks.labelled import labelled

SEEDED = True
VIEWS = ()
LOSS = "cross_entropy"
EXAMPLE = {"cycles": (1, 2), "train": 100, "validation": 50, "test": 80}

SOURCE = "drawn; a target with declared frequencies, after Rahaman et al. 2019, arXiv 1806.08734"


def build(
    *,
    cycles: Sequence[int | float] = (1.0, 2.0),
    train: int = 300,
    validation: int = 1000,
    test: int = 2000,
    seed: int,
) -> xr.Dataset:
    r"""Uniform points of :math:`[-1, 1]^2` with class 1 where a sum of waves is positive.

    .. math:: y = 1\left[\sum_j \sin(\pi m_j\, u_j^\top x + \varphi_j) > 0\right]

    with :math:`m_j` the number of cycles of wave j along a path of the length of a side, :math:`u_j` a unit vector of
    random direction and :math:`\varphi_j` a random phase.

    Args:
        cycles: of each wave, above 0.
        train: number of training points.
        validation: number of validation points.
        test: number of test points.
        seed: of directions, phases and points; the sizes of the splits do not change one another's points.

    Returns:
        Dataset of :func:`imprint.tasks.labelled.labelled` with two features, float32.

    Raises:
        ValueError: no wave, one without cycles, or an empty split.
    """
    if not len(cycles) or min(cycles) <= 0:
        raise ValueError(f"cycles={list(cycles)}: give at least one wave, each with more than 0 cycles")
    sizes = {"train": train, "validation": validation, "test": test}
    for split, size in sizes.items():
        if size < 1:
            raise ValueError(f"{split}={size}: at least one point is needed")
    first, *streams = np.random.default_rng(seed).spawn(4)
    waves = drawn_waves(cycles, first)
    parts = {}
    for (split, size), stream in zip(sizes.items(), streams, strict=True):
        x_ND = stream.uniform(-1, 1, (size, 2)).astype(np.float32)
        parts[split] = {"x": x_ND, "y": height(x_ND, *waves) > 0}
    return labelled(parts, classes=2, x="coordinates in the square from -1 to 1", source=SOURCE)


def drawn_waves(cycles: Sequence[int | float], generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return wave vectors ``(wave, 2)``, in radians per unit, and phases ``(wave)``."""
    angle_W = generator.uniform(0, 2 * np.pi, len(cycles))
    vector_WD = np.pi * np.asarray(cycles)[:, None] * np.stack([np.cos(angle_W), np.sin(angle_W)], axis=1)
    return vector_WD, generator.uniform(0, 2 * np.pi, len(cycles))


def height(x_ND: np.ndarray, vector_WD: np.ndarray, phase_W: np.ndarray) -> np.ndarray:
    """Return the sum of the waves at each point, ``(N)``.

    >>> height(np.array([[0.5, 0.3]]), np.array([[np.pi, 0.0]]), np.array([0.0]))
    array([1.])
    """
    return np.sin(x_ND @ vector_WD.T + phase_W).sum(1)

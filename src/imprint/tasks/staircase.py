"""Boolean functions: a staircase of core bits gives the class, a simpler one of spurious bits mostly agrees."""

import itertools

import numpy as np
import xarray as xr

from imprint.tasks.labelled import labelled

SEEDED = True
VIEWS = ("features",)
LOSS = "cross_entropy"
EXAMPLE = {"dimensions": 24, "core": 3, "train": 300, "validation": 100, "test": 200, "free": 400}

MOST_SPURIOUS = 16
FREE = 0.5
SOURCE = "Boolean staircases as in Qiu et al. 2024, arXiv 2403.03375"


def build(
    *,
    dimensions: int = 30,
    core: int = 5,
    spurious: int = 1,
    agreement: float = 0.9,
    train: int = 5000,
    validation: int = 2000,
    test: int = 5000,
    free: int = 5000,
    seed: int,
) -> xr.Dataset:
    r"""Points of :math:`\{-1, 1\}^d` whose class is a threshold staircase of their first bits.

    The staircase of n bits is :math:`f_n(b) = \mathrm{sign}(b_1 + b_1 b_2 + \dots + b_1 b_2 \cdots b_n)` with
    :math:`\mathrm{sign}(0) = 1`. The class is 1 where that of the ``core`` first bits is 1. The ``spurious`` bits
    after them are drawn so that their own staircase agrees with the class with probability ``agreement``, uniformly
    among the patterns that do or do not. All other bits are fair coins. For one spurious bit the staircase is the bit.

    Args:
        dimensions: number of bits d, at least ``core + spurious``.
        core: number of core bits.
        spurious: number of spurious bits, from 1 to 16.
        agreement: probability lambda that the two staircases agree, from 0 to 1.
        train: number of training points.
        validation: number of validation points.
        test: number of test points.
        free: number of points of the view, in which the two staircases are independent.
        seed: of the points; the sizes of the splits do not change one another's points.

    Returns:
        Dataset of :func:`imprint.tasks.labelled.labelled`, and the view ``features``: ``features_x (free, feature)``,
        further points with agreement 1/2, ``features_core (free)`` and ``features_spurious (free)``, their
        staircases, 0 or 1. float32.

    Raises:
        ValueError: an option outside its range.
    """
    sizes = {"train": train, "validation": validation, "test": test, "free": free}
    _check(dimensions, core, spurious, agreement, sizes)
    parts = {}
    for (split, size), stream in zip(sizes.items(), np.random.default_rng(seed).spawn(4), strict=True):
        share = FREE if split == "free" else agreement
        parts[split] = _points(size, dimensions, core, spurious, share, stream)
    view = parts.pop("free")
    splits = {split: {"x": x_BD, "y": core_B} for split, (x_BD, core_B, _) in parts.items()}
    about = {"units": "1", "source": SOURCE}
    return labelled(splits, classes=2, x="bits", source=SOURCE).assign(
        features_x=(("free", "feature"), view[0], {"long_name": "points with independent staircases", **about}),
        features_core=("free", view[1], {"long_name": "staircase of the core bits", **about}),
        features_spurious=("free", view[2], {"long_name": "staircase of the spurious bits", **about}),
    )


def staircase(bits_BN: np.ndarray) -> np.ndarray:
    """Return 1 where the sum of the products of the first 1, 2, ..., N bits is not negative, else 0.

    >>> staircase(np.array([[1, -1, 1], [-1, 1, 1]]))
    array([0, 0])
    """
    return (np.cumprod(bits_BN, axis=1).sum(1) >= 0).astype(np.int64)


def _check(dimensions: int, core: int, spurious: int, agreement: float, sizes: dict[str, int]) -> None:
    if core < 1 or not 1 <= spurious <= MOST_SPURIOUS:
        raise ValueError(f"core={core}, spurious={spurious}: give at least 1 core bit and 1 to {MOST_SPURIOUS} others")
    if dimensions < core + spurious:
        raise ValueError(f"dimensions={dimensions}: {core} core and {spurious} spurious bits need {core + spurious}")
    if not 0 <= agreement <= 1:
        raise ValueError(f"agreement={agreement}: a probability lies in [0, 1]")
    for split, size in sizes.items():
        if size < 1:
            raise ValueError(f"{split}={size}: at least one point is needed")


def _points(
    size: int, dimensions: int, core: int, spurious: int, agreement: float, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points (B, D) and their core and spurious staircases (B)."""
    bits_BD = generator.choice(np.array([-1.0, 1.0], np.float32), size=(size, dimensions))
    core_B = staircase(bits_BD[:, :core])
    wanted_B = np.where(generator.uniform(size=size) < agreement, core_B, 1 - core_B)
    patterns_PS = np.array(list(itertools.product((-1, 1), repeat=spurious)), np.float32)
    value_P = staircase(patterns_PS)
    for value in (0, 1):
        rows = wanted_B == value
        drawn = generator.choice(np.flatnonzero(value_P == value), size=rows.sum())
        bits_BD[rows, core : core + spurious] = patterns_PS[drawn]
    return bits_BD, core_B, wanted_B

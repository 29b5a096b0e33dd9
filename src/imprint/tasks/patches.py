"""Digits with a coloured patch: shape and colour both give the class, and the patch can be flipped."""

from collections.abc import Sequence

import numpy as np
import xarray as xr

from imprint.tasks.classification import CLASSES, prepare, share
from imprint.tasks.labelled import labelled

SEEDED = False
VIEWS = ("flipped",)
LOSS = "cross_entropy"
EXAMPLE = {"data": "digits", "limit": 60}

LEVELS = {"digits": 16, "mnist": 255, "fashion_mnist": 255}
CHANNELS = 3
COLOURS = ((1, 0, 0), (0, 1, 0))


def build(
    *,
    data: str = "digits",
    classes: Sequence[Sequence[int]] = ((0,), (1, 2)),
    side: int = 2,
    limit: int | None = None,
    validation: int | None = None,
    test: int | None = None,
    pool: int = 1,
    split_seed: int = 0,
) -> xr.Dataset:
    """Two classes of digits in grey on three channels, with a red patch for class 0 and a green one for class 1.

    The patch is a square of full red or green in the upper left corner (Vasudeva et al. 2025, arXiv 2505.24022).

    Args:
        data: ``digits``, ``mnist`` or ``fashion_mnist``.
        classes: the digits of class 0 and of class 1.
        side: of the patch, in pixels after pooling.
        limit: number of training examples, the same of each digit (the first get the remainder); None is all.
        validation: number of validation examples before those of other digits are left out; as in classification.
        test: the same for test.
        pool: side of the squares of pixels that are averaged.
        split_seed: which examples go where; the same as in classification, so splits agree.

    Returns:
        Dataset of :func:`imprint.tasks.labelled.labelled` with ``x`` in [0, 1], channel by channel and row by row,
        and the view ``flipped``: ``flipped_test (test, feature)``, the test images with the patch of the other class.

    Raises:
        ValueError: classes that are not two disjoint sets of digits, a patch that does not fit, an unknown data set,
            or sizes it does not have.
    """
    _check(classes)
    counts = share(limit, [digit for digits in classes for digit in digits])
    parts, attrs = prepare(data, counts, validation=validation, test=test, pool=pool, split_seed=split_seed)
    mean, std = attrs.pop("pixel_mean"), attrs.pop("pixel_std")
    for columns in parts.values():
        # a mean of pool x pool whole numbers, known to better than half of its last digit: black is exactly 0 again
        levels_BP = np.rint((columns["x"].astype(np.float64) * std + mean) * pool**2)
        columns["grey"] = (levels_BP / (LEVELS[data] * pool**2)).astype(np.float32)
        columns["y"] = np.isin(columns["y"], classes[1]).astype(np.int64)
    _check_side(side, parts["train"]["grey"].shape[1])
    flipped_BD = painted(parts["test"]["grey"], 1 - parts["test"]["y"], side)
    for columns in parts.values():
        columns["x"] = painted(columns.pop("grey"), columns["y"], side)
    about = {"long_name": "test images with the patch of the other class", "units": "1", "source": attrs["source"]}
    attrs["x"] = "red, green and blue, row by row"
    return labelled(parts, classes=2, **attrs).assign(flipped_test=(("test", "feature"), flipped_BD, about))


def painted(grey_BP: np.ndarray, colour_B: np.ndarray, side: int) -> np.ndarray:
    """Return square grey images (B, P) as colour images (B, 3 P), each with a patch of its colour, 0 or 1.

    >>> painted(np.full((1, 4), 0.5), np.array([1]), side=1).reshape(3, 4)
    array([[0. , 0.5, 0.5, 0.5],
           [1. , 0.5, 0.5, 0.5],
           [0. , 0.5, 0.5, 0.5]])
    """
    width = round(grey_BP.shape[1] ** 0.5)
    images_BKHW = np.repeat(grey_BP.reshape(-1, 1, width, width), CHANNELS, axis=1)
    images_BKHW[:, :, :side, :side] = np.array(COLOURS)[colour_B][:, :, None, None]
    return images_BKHW.reshape(len(grey_BP), -1)


def _check(classes: Sequence[Sequence[int]]) -> None:
    digits = [digit for own in classes for digit in own]
    shown = [list(own) for own in classes]
    if len(classes) != 2 or not all(len(own) for own in classes):
        raise ValueError(f"classes={shown} are not two sets of digits, such as [[0], [1, 2]]")
    if len(set(digits)) < len(digits) or not set(digits) <= set(range(CLASSES)):
        raise ValueError(f"classes={shown}: choose different digits from 0 to {CLASSES - 1}")


def _check_side(side: int, pixels: int) -> None:
    width = round(pixels**0.5)
    if not 1 <= side < width:
        raise ValueError(f"side={side}: the patch fits into {width} x {width} pixels with 1 to {width - 1}")

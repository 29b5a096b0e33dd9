"""Image classification on grey levels from 0, black, to 1, without standardization: what is black stays exactly 0."""

import numpy as np
import xarray as xr

from imprint.tasks.classification import CLASSES, prepare, share
from imprint.tasks.labelled import labelled

SEEDED = False
VIEWS = ()
LOSS = "cross_entropy"
EXAMPLE = {"data": "digits", "pool": 2, "limit": 100}

WHITE = {"digits": 16, "mnist": 255, "fashion_mnist": 255}


def build(
    *,
    data: str = "mnist",
    validation: int | None = None,
    test: int | None = None,
    pool: int = 1,
    limit: int | None = None,
    split_seed: int = 0,
) -> xr.Dataset:
    """The splits of :func:`imprint.tasks.classification.build` with ``x`` the grey level over that of white.

    Args:
        data: ``digits``, ``mnist`` or ``fashion_mnist``.
        validation: number of validation examples; as in classification.
        test: the same for test.
        pool: side of the squares of pixels that are averaged.
        limit: number of training examples, the same of each class; None is all.
        split_seed: which examples go where; the same as in classification, so splits agree.

    Returns:
        Dataset of :func:`imprint.tasks.labelled.labelled`, ``x`` in [0, 1].

    Raises:
        ValueError: an unknown data set, or sizes it does not have.
    """
    counts = share(limit, range(CLASSES))
    parts, attrs = prepare(data, counts, validation=validation, test=test, pool=pool, split_seed=split_seed)
    mean, std = attrs.pop("pixel_mean"), attrs.pop("pixel_std")
    for columns in parts.values():
        # a mean of pool x pool whole numbers, known to better than half of its last digit
        levels = np.rint((columns["x"].astype(np.float64) * std + mean) * pool**2)
        columns["x"] = (levels / (WHITE[data] * pool**2)).astype(np.float32)
    return labelled(parts, classes=CLASSES, **{**attrs, "x": "grey levels, row by row"})

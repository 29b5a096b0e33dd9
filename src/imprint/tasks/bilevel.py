"""The upper level of a two-level problem: which of its two residuals an example reads."""

import numpy as np
import xarray as xr

from imprint.tasks.labelled import labelled

SEEDED = False
VIEWS = ()
LOSS = "squared_error"
EXAMPLE = {}

SOURCE = "counter-example of Liu et al. 2020, arXiv 2006.04045"


def build(*, turn: float = 0.5) -> xr.Dataset:
    """Two examples, one for each of the residuals ``x - y_2`` and ``y_1 - 1`` of the model ``bilevel``.

    There is one class, whose one-hot target is 1, so that the mean squared error is half of the upper level's loss.
    Validation and test read the same two residuals, turned in their plane, which leaves the sum of squares.

    Args:
        turn: angle in radians by which the validation examples are turned, and the test examples twice.

    Returns:
        Dataset of :func:`imprint.tasks.labelled.labelled` with x in float64 and one class.

    Raises:
        ValueError: an angle at which examples of two splits are the same.
    """
    if not 0 < turn < np.pi / 4:
        raise ValueError(f"turn={turn}: choose between 0 and pi/4, so that every split has its own examples")
    parts = {}
    for place, split in enumerate(("train", "validation", "test")):
        cosine, sine = np.cos(place * turn), np.sin(place * turn)
        parts[split] = {"x": np.array([[cosine, sine], [-sine, cosine]]), "y": np.zeros(2, np.int64)}
    return labelled(parts, classes=1, x="weights of the residuals", source=SOURCE)

"""Class-incremental learning: pairs of classes in sequence, one head over all classes."""

from collections.abc import Sequence

import numpy as np
import xarray as xr

from imprint.tasks.classification import CLASSES, prepare, share
from imprint.tasks.labelled import labelled

SEEDED = False
VIEWS = ("stages",)
LOSS = "cross_entropy"
EXAMPLE = {"data": "digits", "pairs": ((0, 1), (2, 3), (4, 5)), "per_pair": 40, "pool": 2}


def build(
    *,
    data: str = "digits",
    pairs: Sequence[Sequence[int]] = ((0, 1), (2, 3), (4, 5), (6, 7), (8, 9)),
    per_pair: int | None = None,
    validation: int | None = None,
    test: int | None = None,
    pool: int = 1,
    split_seed: int = 0,
) -> xr.Dataset:
    """A sequence of two-class problems with the labels of one ten-class problem.

    Only examples of the pairs' classes are in it; labels stay those of the data set and the head has an
    output for every class of the data set, seen or not (van de Ven et al. 2022, doi
    10.1038/s42256-022-00568-3).

    Args:
        data: ``digits``, ``mnist`` or ``fashion_mnist``.
        pairs: the classes of each task of the sequence, in order; a class is in at most one pair.
        per_pair: training examples of a pair, half of each class (the first gets the odd one); None is all.
        validation: number of validation examples before those of other classes are left out; as in
            classification.
        test: the same for test.
        pool: side of the squares of pixels that are averaged.
        split_seed: which examples go where; the same as in classification, so splits agree.

    Returns:
        Dataset of :func:`imprint.tasks.classification.build`, with ``stage_<split>``: the position of the
        example's pair, counted from 0, and attribute ``stages``, the number of pairs. The pixels' mean and
        standard deviation are those of all training examples of the sequence.

    Raises:
        ValueError: pairs that are not disjoint pairs of classes, an unknown data set, or sizes it does not
            have.
    """
    _check(pairs)
    counts = {label: count for pair in pairs for label, count in share(per_pair, pair).items()}
    parts, attrs = prepare(data, counts, validation=validation, test=test, pool=pool, split_seed=split_seed)
    stage_C = np.full(CLASSES, -1)
    for stage, pair in enumerate(pairs):
        stage_C[list(pair)] = stage
    for columns in parts.values():
        columns["stage"] = stage_C[columns["y"]]
    return labelled(parts, classes=CLASSES, stages=len(pairs), **attrs)


def _check(pairs: Sequence[Sequence[int]]) -> None:
    if not len(pairs):
        raise ValueError("pairs is empty; give at least one pair of classes, such as [[0, 1], [2, 3]]")
    place = {}
    for position, pair in enumerate(pairs):
        if len(pair) != 2 or pair[0] == pair[1]:
            raise ValueError(f"pairs[{position}]={list(pair)} is not a pair of two different classes")
        for label in pair:
            if label not in range(CLASSES):
                raise ValueError(f"pairs[{position}]={list(pair)}: choose classes from 0 to {CLASSES - 1}")
            if label in place:
                raise ValueError(
                    f"class {label} is in pairs[{place[label]}] and pairs[{position}]; a class is in one pair"
                )
            place[label] = position

"""Domain-incremental learning: the same images in sequence, each time with their pixels in another order."""

import numpy as np
import xarray as xr

from imprint.tasks.classification import CLASSES, prepare, share
from imprint.tasks.labelled import labelled

SEEDED = False
VIEWS = ("stages",)
LOSS = "cross_entropy"
EXAMPLE = {"data": "digits", "tasks": 3, "limit": 60, "validation": 40, "test": 50, "pool": 2}


def build(
    *,
    data: str = "digits",
    tasks: int = 5,
    limit: int | None = None,
    validation: int | None = None,
    test: int | None = None,
    pool: int = 1,
    permutation_seed: int = 0,
    split_seed: int = 0,
) -> xr.Dataset:
    """A sequence of problems that differ in the order of their pixels alone.

    Task k shows every image as ``x[order_k]``; the first order is the identity, the others are uniform random
    permutations (Goodfellow et al. 2014, arXiv 1312.6211). All tasks have all classes and one head.

    Args:
        data: ``digits``, ``mnist`` or ``fashion_mnist``.
        tasks: length of the sequence; a longer one begins with the tasks of a shorter one.
        limit: training images, the same of each class and the same ones in every task; None is all.
        validation: validation images of every task; as in classification.
        test: the same for test.
        pool: side of the squares of pixels that are averaged, before they are permuted.
        permutation_seed: which permutations.
        split_seed: which images go where; the same as in classification, so splits agree.

    Returns:
        Dataset of :func:`imprint.tasks.classification.build` repeated for every task, with ``stage_<split>``: the
        task an example belongs to, counted from 0, and attribute ``stages``, the number of tasks. ``index_<split>``
        is the position of the example's image, the same in every task.

    Raises:
        ValueError: no task, an unknown data set, or sizes it does not have.
    """
    if tasks < 1:
        raise ValueError(f"tasks={tasks}: a sequence has at least one task")
    counts = share(limit, range(CLASSES))
    parts, attrs = prepare(data, counts, validation=validation, test=test, pool=pool, split_seed=split_seed)
    inputs = parts["train"]["x"].shape[1]
    orders = [order(stage, inputs, permutation_seed) for stage in range(tasks)]
    sequence = {split: _repeated(columns, orders) for split, columns in parts.items()}
    return labelled(sequence, classes=CLASSES, stages=tasks, **{**attrs, "x": "standardized pixels, permuted by task"})


def order(stage: int, inputs: int, permutation_seed: int) -> np.ndarray:
    """Which pixel of the image each input of a task is, ``(inputs)``; the identity for the first task."""
    if stage == 0:
        return np.arange(inputs)
    return np.random.default_rng([permutation_seed, stage]).permutation(inputs)


def _repeated(columns: dict[str, np.ndarray], orders: list[np.ndarray]) -> dict[str, np.ndarray]:
    count = len(columns["y"])
    return {
        "x": np.concatenate([columns["x"][:, order_D] for order_D in orders]),
        "y": np.tile(columns["y"], len(orders)),
        "stage": np.repeat(np.arange(len(orders)), count),
        "index": np.tile(columns["index"], len(orders)),
    }

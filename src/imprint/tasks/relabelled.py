"""A long sequence of memorization problems: the same images, each time with new random labels."""

import numpy as np
import xarray as xr

from imprint.tasks.classification import CLASSES, prepare, share
from imprint.tasks.labelled import labelled

SEEDED = False
VIEWS = ("stages",)
LOSS = "cross_entropy"
EXAMPLE = {"data": "digits", "tasks": 3, "images": 60, "shown": 30, "pool": 2}


def build(
    *,
    data: str = "digits",
    tasks: int = 20,
    images: int = 1000,
    shown: int = 300,
    noise: float = 0.1,
    pool: int = 1,
    label_seed: int = 0,
    split_seed: int = 0,
) -> xr.Dataset:
    """A sequence of problems in which every image has a random class, another one in each problem.

    Nothing of a task helps in the next, and all are equally hard, so that a network that learns later tasks less well
    has become worse at learning (Lyle et al. 2023, arXiv 2303.01486; Lewandowski et al. 2025, arXiv 2406.06811). Labels
    are uniform and independent of the images. Every appearance of an image is ``x + noise * e`` with standard normal e,
    so that validation and test examples, new appearances of images of the training set with the same labels, tell
    what was memorized without being training examples.

    Args:
        data: ``digits``, ``mnist`` or ``fashion_mnist``.
        tasks: length of the sequence; a longer one begins with the tasks of a shorter one.
        images: how many images, the same of each class of the data set; each has one training example in every task.
        shown: how many of the images, the same in every task, have a validation and a test example besides.
        noise: standard deviation of what is added to a standardized pixel, above 0.
        pool: side of the squares of pixels that are averaged.
        label_seed: of the labels, of which images are shown, and of the noise.
        split_seed: which images, as in classification.

    Returns:
        Dataset of :func:`imprint.tasks.labelled.labelled`, with ``stage_<split>``: the task an example belongs to,
        counted from 0, attribute ``stages``, the number of tasks, and ``index_<split>``, the position of the image in
        its file of origin.

    Raises:
        ValueError: an option outside its range, an unknown data set, or sizes it does not have.
    """
    if tasks < 1:
        raise ValueError(f"tasks={tasks}: a sequence has at least one task")
    if not 1 <= shown <= images:
        raise ValueError(f"shown={shown}: choose between 1 and images={images}")
    if not noise > 0:
        raise ValueError(f"noise={noise}: it is above 0, else an example would be in several splits")
    counts = share(images, range(CLASSES))
    parts, attrs = prepare(data, counts, validation=None, test=None, pool=pool, split_seed=split_seed)
    pictures = parts["train"]
    chosen_N = np.sort(np.random.default_rng([label_seed, 0]).permutation(images)[:shown])
    rows = {"train": np.arange(images), "validation": chosen_N, "test": chosen_N}
    labels = [labels_of(stage, images, label_seed) for stage in range(tasks)]
    sequence = {
        split: {
            "x": np.concatenate(
                [
                    pictures["x"][chosen] + noise * _noise(stage, place, pictures["x"].shape, label_seed)[chosen]
                    for stage in range(tasks)
                ]
            ),
            "y": np.concatenate([labels_N[chosen] for labels_N in labels]),
            "stage": np.repeat(np.arange(tasks), len(chosen)),
            "index": np.tile(pictures["index"][chosen], tasks),
        }
        for place, (split, chosen) in enumerate(rows.items())
    }
    attrs |= {"x": "standardized pixels, with noise"}
    return labelled(sequence, classes=CLASSES, stages=tasks, **attrs)


def labels_of(stage: int, images: int, label_seed: int) -> np.ndarray:
    """Return the class of every image in a task, ``(images)``."""
    return np.random.default_rng([label_seed, 1, stage]).integers(CLASSES, size=images)


def _noise(stage: int, split: int, shape: tuple[int, ...], label_seed: int) -> np.ndarray:
    """Standard normal noise on all images in one task and split, float32."""
    return np.random.default_rng([label_seed, 2, stage, split]).standard_normal(shape, np.float32)

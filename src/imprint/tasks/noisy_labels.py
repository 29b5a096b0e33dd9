"""Images as in classification, some of which have a wrong label in the training split."""

import numpy as np
import xarray as xr

from imprint.tasks import classification

SEEDED = False
VIEWS = ("true_labels",)
LOSS = "cross_entropy"
EXAMPLE = {"data": "digits", "pool": 2, "limit": 100, "noise": 0.2}


def build(
    *,
    data: str = "digits",
    noise: float = 0.2,
    validation: int | None = None,
    test: int | None = None,
    pool: int = 1,
    limit: int | None = None,
    label_seed: int = 0,
    split_seed: int = 0,
) -> xr.Dataset:
    """The data of :func:`imprint.tasks.classification.build` with wrong labels for a share of the training examples.

    Which examples they are, and which of the other classes each gets, is uniform and independent of the images
    (Zhang et al. 2017, arXiv 1611.03530; Arpit et al. 2017, arXiv 1706.05394), and the same for all replicas. Labels of
    validation and test are as they are: selection by validation sees no wrong label.

    Args:
        data: ``digits``, ``mnist`` or ``fashion_mnist``.
        noise: share of the training examples, rounded to whole ones, with a wrong label: at least one, not all. More
            noise keeps the wrong labels of less.
        validation: number of validation examples, as there.
        test: number of test examples, as there.
        pool: side of the squares of pixels that are averaged.
        limit: number of training examples, the same of each true class.
        label_seed: which labels are wrong, and how.
        split_seed: which examples go where.

    Returns:
        Dataset of :func:`imprint.tasks.labelled.labelled`. The view ``true_labels``: ``true_labels_train (train)``, the
        class of each training image; ``y_train``, its label, differs where it is wrong.

    Raises:
        ValueError: an unknown data set, sizes it does not have, or a noise that leaves no wrong or no right label.
    """
    built = classification.build(
        data=data, validation=validation, test=test, pool=pool, limit=limit, split_seed=split_seed
    )
    true_N = built["y_train"].values
    wrong = round(noise * len(true_N))
    if not 0 < wrong < len(true_N):
        raise ValueError(
            f"noise={noise}: at least one of the {len(true_N)} training examples has a wrong label, and one a right "
            "one; for none take the task classification"
        )
    about = {**built["y_train"].attrs, "long_name": "class of the image, whatever its label"}
    given_N = replaced(true_N, wrong, built.attrs["classes"], np.random.default_rng(label_seed))
    return built.assign(y_train=("train", given_N, built["y_train"].attrs), true_labels_train=("train", true_N, about))


def replaced(true_N: np.ndarray, wrong: int, classes: int, generator: np.random.Generator) -> np.ndarray:
    """Return labels, as many of them wrong as asked, each wrong one uniform over the other classes."""
    order_N = generator.permutation(len(true_N))
    shift_N = generator.integers(1, classes, len(true_N))
    shift_N[order_N[wrong:]] = 0
    return (true_N + shift_N) % classes

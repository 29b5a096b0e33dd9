"""Images as in classification, with squared distance from the one-hot class as the loss."""

import numpy as np
import xarray as xr

from imprint.tasks import classification

SEEDED = False
VIEWS = ()
LOSS = "squared_error"
EXAMPLE = {"data": "digits", "pool": 2, "limit": 50, "noise": 0.2}


def build(
    *,
    data: str = "digits",
    validation: int | None = None,
    test: int | None = None,
    pool: int = 1,
    limit: int | None = None,
    noise: float = 0.0,
    split_seed: int = 0,
) -> xr.Dataset:
    """The data of :func:`imprint.tasks.classification.build` for another loss, with wrong labels where asked.

    Args:
        data: ``digits``, ``mnist`` or ``fashion_mnist``.
        validation: number of validation examples, as there.
        test: number of test examples, as there.
        pool: side of the squares of pixels that are averaged.
        limit: number of training examples, the same of each class.
        noise: share of the training examples, rounded to whole ones, that get another class, each equally likely.
            More noise keeps the wrong labels of less.
        split_seed: which examples go where, and which labels are wrong.

    Returns:
        Dataset of :func:`imprint.tasks.labelled.labelled`; labels of validation and test are as they are.

    Raises:
        ValueError: an unknown data set, sizes it does not have, or a noise outside of [0, 1].
    """
    if not 0 <= noise <= 1:
        raise ValueError(f"noise={noise}: a share lies in [0, 1]")
    built = classification.build(
        data=data, validation=validation, test=test, pool=pool, limit=limit, split_seed=split_seed
    )
    y_N = built["y_train"].values
    generator = np.random.default_rng([split_seed, 2])
    order_N = generator.permutation(len(y_N))
    shift_N = generator.integers(1, built.attrs["classes"], len(y_N))
    wrong = order_N[: round(noise * len(y_N))]
    y_N[wrong] = (y_N[wrong] + shift_N[wrong]) % built.attrs["classes"]
    return built

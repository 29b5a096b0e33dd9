"""Linear regression without noise, with fewer examples than features and a sparse solution."""

import numpy as np
import xarray as xr

from imprint.tasks.labelled import labelled

SEEDED = True
VIEWS = ()
LOSS = "squared_error"
EXAMPLE = {"dimensions": 8, "points": 5, "nonzero": 2, "validation": 10, "test": 12}

SOURCE = "sparse regression after Woodworth et al. 2020, arXiv 2002.09277, with every target 1"


def build(
    *,
    dimensions: int = 40,
    points: int = 20,
    nonzero: int = 5,
    validation: int = 100,
    test: int = 1000,
    seed: int,
) -> xr.Dataset:
    r"""Gaussian inputs under the condition that a sparse linear map gives 1 for each of them.

    With the map :math:`\beta = (1, \dots, 1, 0, \dots, 0)` of k ones, :math:`x = z + (1 - \langle\beta,z\rangle)
    \beta / k` for standard normal z: that is the normal distribution given :math:`\langle\beta,x\rangle = 1`. There is
    one class, whose one-hot target is 1, so that squared error is least squares with target 1.

    Args:
        dimensions: number of features d.
        points: number of training points.
        nonzero: k, the number of features that the sparse map reads.
        validation: number of validation points.
        test: number of test points.
        seed: of the points; the sizes of the splits do not change one another's points.

    Returns:
        Dataset of :func:`imprint.tasks.labelled.labelled` with x in float64 and one class.

    Raises:
        ValueError: an option outside its range.
    """
    sizes = {"train": points, "validation": validation, "test": test}
    if not 1 <= nonzero <= dimensions:
        raise ValueError(f"nonzero={nonzero}: choose between 1 and {dimensions}, the number of features")
    for split, size in sizes.items():
        if size < 1:
            raise ValueError(f"{size} {split} points: at least one is needed")
    beta_D = (np.arange(dimensions) < nonzero).astype(float)
    parts = {}
    for (split, size), stream in zip(sizes.items(), np.random.default_rng(seed).spawn(len(sizes)), strict=True):
        z_BD = stream.standard_normal((size, dimensions))
        x_BD = z_BD + np.outer(1 - z_BD @ beta_D, beta_D) / nonzero
        parts[split] = {"x": x_BD, "y": np.zeros(size, np.int64)}
    return labelled(parts, classes=1, x="features", source=SOURCE)

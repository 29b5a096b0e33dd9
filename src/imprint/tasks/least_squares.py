"""Linear regression on Gaussian features with noise: minima with and without a penalty are known."""

import numpy as np
import xarray as xr

from imprint.tasks.labelled import labelled

SEEDED = True
VIEWS = ()
LOSS = "squared_error"
EXAMPLE = {"dimensions": 6, "points": 9, "nonzero": 2, "validation": 4, "test": 5}

SOURCE = "linear regression with Gaussian features, coefficients and noise"


def build(
    *,
    dimensions: int = 30,
    points: int = 100,
    nonzero: int | None = None,
    noise: float = 0.5,
    unit: float = 1.0,
    validation: int = 100,
    test: int = 100,
    seed: int,
) -> xr.Dataset:
    r"""Examples :math:`y = u (\langle\beta, a\rangle + \sigma e)` of standard normal features a and noise e.

    An example is its offset 1 - y and its features, for the model ``offset_linear``: there is one class, whose one-hot
    target is 1, so that squared error is :math:`(\langle w,a\rangle - y)^2/2`. With u, penalties, weights and the roots
    of losses shrink alike: the Lasso of penalty :math:`u\lambda` is u times that of :math:`\lambda` for u = 1.

    Args:
        dimensions: number of features.
        points: number of training points.
        nonzero: number k of features with the coefficient 1, the first; the others have 0. Left out, every coefficient
            is standard normal.
        noise: sigma, standard deviation of the noise in units of u.
        unit: u, the unit of the targets.
        validation: number of validation points.
        test: number of test points.
        seed: of coefficients and points; the sizes of the splits do not change one another's points.

    Returns:
        Dataset of :func:`imprint.tasks.labelled.labelled` with ``x = (1 - y, a)`` in float64 and one class.

    Raises:
        ValueError: an option outside its range.
    """
    sizes = {"train": points, "validation": validation, "test": test}
    if dimensions < 1 or min(sizes.values()) < 1:
        raise ValueError(f"dimensions={dimensions}, sizes {sizes}: at least one of each is needed")
    if nonzero is not None and not 1 <= nonzero <= dimensions:
        raise ValueError(f"nonzero={nonzero}: choose between 1 and {dimensions}, the number of features")
    if not noise >= 0 or not unit > 0:
        raise ValueError(f"noise={noise}, unit={unit}: one is not negative, the other positive")
    first, *streams = np.random.default_rng(seed).spawn(1 + len(sizes))
    if nonzero is None:
        beta_D = first.standard_normal(dimensions)
    else:
        beta_D = (np.arange(dimensions) < nonzero).astype(float)
    parts = {}
    for (split, size), stream in zip(sizes.items(), streams, strict=True):
        draws_BI = stream.standard_normal((size, 1 + dimensions))
        y_B = unit * (draws_BI[:, 1:] @ beta_D + noise * draws_BI[:, 0])
        parts[split] = {"x": np.column_stack([1 - y_B, draws_BI[:, 1:]]), "y": np.zeros(size, np.int64)}
    return labelled(parts, classes=1, x="offset and features", source=SOURCE)

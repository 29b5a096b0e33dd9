"""A linearly separable problem of many classes, for comparing a margin with the largest one there is."""

import numpy as np
import xarray as xr
from scipy.optimize import linprog

from imprint.tasks.labelled import labelled

SEEDED = True
VIEWS = ("separable",)
LOSS = "cross_entropy"
EXAMPLE = {"classes": 3, "dimensions": 5, "points": 12, "validation": 20, "test": 30}

ATTEMPTS = 100
SMALLEST = 1e-6  # hundred times the feasibility tolerance of the solver, 1e-8 to 1e-7
SOURCE = "Gaussian classes around Gaussian means, after Fan, Schmidt, Thrampoulidis 2025, arXiv 2502.04664"


def build(
    *,
    classes: int = 10,
    dimensions: int = 25,
    points: int = 60,
    noise: float = 0.2,
    validation: int = 200,
    test: int = 1000,
    seed: int,
) -> xr.Dataset:
    r"""Gaussian classes around Gaussian means, redrawn until a linear map separates the training points.

    A point of class y is :math:`\mu_y + \mathrm{noise}\,\epsilon` with standard normal :math:`\mu_c` and
    :math:`\epsilon`. The training points are separable by a linear map without offset: a linear program
    finds the W with the largest margin :math:`\min_{i, c \ne y_i} (w_{y_i} - w_c) \cdot x_i` among those of
    max-norm at most 1. If it is not positive, means and points are drawn anew: attempt 0, 1, 2, ..., 99 is
    the draw of the generator seeded by ``[seed, attempt]``. Validation and test points are fresh draws around
    the same means; they carry the class of their mean, and nothing is promised about their margin. Classes
    are equally frequent, up to one example.

    Args:
        classes: number of classes k, at least 2.
        dimensions: number of features d.
        points: number of training points, at least one for each class.
        noise: standard deviation of a feature around the mean of its class; the means' own is 1.
        validation: number of validation points.
        test: number of test points.
        seed: of means and points.

    Returns:
        Dataset of :func:`imprint.tasks.labelled.labelled` with x in float64, and the view ``separable``, the
        certificate: ``separable_weight (class, feature)`` of max-norm 1, and ``separable_margin ()``, its
        margin, the largest that a weight of max-norm 1 has.

    Raises:
        ValueError: an option outside its range, or no separable draw in 100 attempts.
    """
    sizes = {"train": points, "validation": validation, "test": test}
    _check(classes, dimensions, noise, sizes)
    for attempt in range(ATTEMPTS):
        parts = _draw(classes, dimensions, noise, sizes, [seed, attempt])
        weight_CD, margin = _certificate(**parts["train"], classes=classes)
        if margin > SMALLEST:
            break
    else:
        raise ValueError(
            f"no separable draw in {ATTEMPTS} attempts with classes={classes}, dimensions={dimensions}, "
            f"points={points}, noise={noise}, seed={seed}; lower noise or points, or raise dimensions"
        )
    data = labelled(parts, classes=classes, x="features", source=SOURCE)
    about = {"units": "1", "source": SOURCE}
    return data.assign(
        separable_weight=(
            ("class", "feature"),
            weight_CD,
            {"long_name": "weights of max-norm 1 with the largest margin", **about},
        ),
        separable_margin=((), margin, {"long_name": "largest margin of weights of max-norm 1", **about}),
    )


def _check(classes: int, dimensions: int, noise: float, sizes: dict[str, int]) -> None:
    if classes < 2 or dimensions < 1:
        raise ValueError(f"classes={classes}, dimensions={dimensions}: give at least 2 classes and 1 dimension")
    if noise < 0:
        raise ValueError(f"noise={noise}: a standard deviation is at least 0")
    for split, size in sizes.items():
        if size < classes:
            raise ValueError(f"{size} {split} points for {classes} classes; give at least one for each")


def _draw(classes: int, dimensions: int, noise: float, sizes: dict[str, int], seed: list[int]) -> dict:
    """Columns x and y of each split, each from its own stream, so that sizes do not change other splits."""
    first, *streams = np.random.default_rng(seed).spawn(1 + len(sizes))
    mean_CD = first.standard_normal((classes, dimensions))
    parts = {}
    for (split, size), stream in zip(sizes.items(), streams, strict=True):
        y_B = np.arange(size) % classes
        parts[split] = {"x": mean_CD[y_B] + noise * stream.standard_normal((size, dimensions)), "y": y_B}
    return parts


def _certificate(x: np.ndarray, y: np.ndarray, *, classes: int) -> tuple[np.ndarray, float]:
    """W (C, D) of max-norm at most 1 and its margin m: maximize m with (w_y - w_c) x >= m for all c != y."""
    dimensions = x.shape[1]
    identity_CC = np.eye(classes)
    difference_BCC = identity_CC[y][:, None, :] - identity_CC
    gradient_BCCD = difference_BCC[..., None] * x[:, None, None, :]
    others_BC = np.arange(classes) != y[:, None]
    rows_KP = gradient_BCCD[others_BC].reshape(-1, classes * dimensions)
    result = linprog(
        np.append(np.zeros(classes * dimensions), -1),
        A_ub=np.column_stack([-rows_KP, np.ones(len(rows_KP))]),
        b_ub=np.zeros(len(rows_KP)),
        bounds=[(-1, 1)] * (classes * dimensions) + [(None, None)],
        method="highs",
    )
    if result.status != 0:
        raise RuntimeError(f"the linear program of the margin was not solved: {result.message}")
    return result.x[:-1].reshape(classes, dimensions), -result.fun

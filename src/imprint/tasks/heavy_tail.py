"""Classification with a heavy-tailed distribution of the classes."""

import numpy as np
import xarray as xr

from imprint.tasks import keys
from imprint.tasks.labelled import labelled

SEEDED = True
VIEWS = ()
LOSS = "cross_entropy"
EXAMPLE = {"classes": 5, "dimensions": 6, "rarest": 2, "noise": 0.1}
SOURCE = "Kunstner et al. 2024, arXiv 2402.19449, the linear model with a simple imbalanced setting"


def build(
    *,
    classes: int = 200,
    exponent: float = 1.0,
    rarest: int = 1,
    dimensions: int | None = None,
    length: float = 1.0,
    noise: float = 0.0,
    rotated: bool = False,
    test: int = 1,
    seed: int,
) -> xr.Dataset:
    r"""Classes of frequency :math:`\pi_k \propto k^{-a}` around orthogonal means.

    Training and validation have the same numbers of examples of each class, the test set has equally many of
    each. Without noise all examples of a class are equal, and a linear classifier that starts at 0 has in
    continuous time the class losses :math:`\Theta(1 / (\pi_k t))` under gradient descent, and under sign
    descent, where the means are axes, the same loss for every class. With noise it is a Gaussian mixture.

    Args:
        classes: number of classes K.
        exponent: a; 0 makes the classes equally frequent.
        rarest: training examples of the rarest class; class k has ``round(rarest (K / k)^a)``.
        dimensions: number of features, at least K; None is K.
        length: Euclidean norm of the means.
        noise: standard deviation of a feature around the mean of its class.
        rotated: means are turned by a random rotation, instead of being axes.
        test: test examples of each class.
        seed: of the rotation and of the noise; splits do not change one another's points.

    Returns:
        Dataset of :func:`imprint.tasks.labelled.labelled` with x in float64; class 0 is the most frequent.

    Raises:
        ValueError: an option outside its range.
    """
    features = classes if dimensions is None else dimensions
    keys.check_power_law(classes, exponent, rarest)
    keys.check(classes, features, length, noise)
    if test < 1:
        raise ValueError(f"test={test}: every class needs at least one test example")
    first, *streams = np.random.default_rng(seed).spawn(4)
    mean_KD = keys.orthogonal(classes, features, length, rotated, first)
    frequent = keys.power_law(classes, exponent, rarest)
    counts = {"train": frequent, "validation": frequent, "test": np.full(classes, test)}
    parts = {}
    for (split, count_K), stream in zip(counts.items(), streams, strict=True):
        x_BD, y_B = keys.around(mean_KD, count_K, noise, stream)
        parts[split] = {"x": x_BD, "y": y_B}
    return labelled(parts, classes=classes, x="features", source=SOURCE)

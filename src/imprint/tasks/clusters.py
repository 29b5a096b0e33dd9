"""Three Gaussian clusters, two of one class, that a line separates worse than a line with a corner."""

import numpy as np
import xarray as xr

from imprint.tasks.labelled import labelled

SEEDED = True
VIEWS = ()
LOSS = "cross_entropy"
EXAMPLE = {"dimensions": 5, "train": 300, "validation": 100, "test": 200}

SOURCE = "three Gaussian clusters after Vasudeva et al. 2025, arXiv 2505.24022"


def build(
    *,
    dimensions: int = 20,
    omega: float = 2.0,
    mu: float = 0.3,
    sigma_x: float = 0.2,
    sigma_y: float = 0.15,
    sigma_z: float = 0.15,
    train: int = 5000,
    validation: int = 2000,
    test: int = 20000,
    seed: int,
) -> xr.Dataset:
    r"""Gaussian clusters around three means of equal norm, in units of the deviations: two of class 1, one of class 0.

    The means are :math:`\mu(\omega - 1/\omega, \pm 2\sigma_y/\sigma_x)` for class 1 and
    :math:`-\mu(\omega + 1/\omega, 0)` for class 0. Classes have probability 1/2, and so has each sign within class 1.
    The first two coordinates have standard deviations :math:`\sigma_x, \sigma_y`, all others are noise around 0 with
    :math:`\sigma_z`. In units of these deviations the three means are equally far from 0, so the best boundary passes
    through it: with u, v the first two coordinates in these units and :math:`k = 2\mu/\sigma_x` it is
    :math:`k\omega u + \log\cosh(k v) = 0`, a curve towards two half-lines of slopes :math:`du/dv = \mp 1/\omega`. The
    paper's own formula was not at hand: these means have the properties that it states.

    Args:
        dimensions: number of features, at least 2.
        omega: how sharp the corner is; above 1.
        mu: scale of the means, in units of the inputs.
        sigma_x: standard deviation of the first coordinate.
        sigma_y: standard deviation of the second coordinate.
        sigma_z: standard deviation of the others.
        train: number of training points.
        validation: number of validation points.
        test: number of test points.
        seed: of the points; the sizes of the splits do not change one another's points.

    Returns:
        Dataset of :func:`imprint.tasks.labelled.labelled`; float32.

    Raises:
        ValueError: an option outside its range.
    """
    sizes = {"train": train, "validation": validation, "test": test}
    _check(dimensions, omega, mu, (sigma_x, sigma_y, sigma_z), sizes)
    deviation_D = np.full(dimensions, sigma_z)
    deviation_D[:2] = sigma_x, sigma_y
    mean_KD = np.zeros((3, dimensions))
    mean_KD[:, 0] = mu * np.array([-(omega + 1 / omega), omega - 1 / omega, omega - 1 / omega])
    mean_KD[1:, 1] = 2 * mu * sigma_y / sigma_x * np.array([1, -1])
    parts = {}
    for (split, size), stream in zip(sizes.items(), np.random.default_rng(seed).spawn(3), strict=True):
        y_B = stream.integers(2, size=size)
        cluster_B = y_B * stream.integers(1, 3, size=size)
        x_BD = mean_KD[cluster_B] + deviation_D * stream.standard_normal((size, dimensions))
        parts[split] = {"x": x_BD.astype(np.float32), "y": y_B}
    return labelled(parts, classes=2, x="coordinates", source=SOURCE)


def _check(dimensions: int, omega: float, mu: float, sigmas: tuple[float, ...], sizes: dict[str, int]) -> None:
    if dimensions < 2:
        raise ValueError(f"dimensions={dimensions}: the clusters lie in a plane, give at least 2")
    if omega <= 1:
        raise ValueError(f"omega={omega}: the two classes lie on two sides of 0 only above 1")
    if mu <= 0 or min(sigmas) <= 0:
        raise ValueError(f"mu={mu}, sigmas={list(sigmas)}: a length is above 0")
    for split, size in sizes.items():
        if size < 1:
            raise ValueError(f"{split}={size}: at least one point is needed")

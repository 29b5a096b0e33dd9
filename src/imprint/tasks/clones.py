"""Images, and for every training image two Gaussian stand-ins that share the moments of its class."""

import numpy as np
import xarray as xr

from imprint.tasks import classification

SEEDED = False
VIEWS = ("clones",)
LOSS = "cross_entropy"
EXAMPLE = {"data": "digits", "pool": 2, "limit": 300}

SOURCE = "Gaussian clones as in Refinetti et al. 2023, arXiv 2211.11567"


def build(
    *,
    data: str = "fashion_mnist",
    validation: int | None = None,
    test: int | None = None,
    pool: int = 1,
    limit: int | None = None,
    split_seed: int = 0,
    clone_seed: int = 0,
) -> xr.Dataset:
    r"""The splits of :func:`imprint.tasks.classification.build`, and clones of the training split as a view.

    With mean :math:`\mu_c` and covariance :math:`\Sigma_c` of the n training images of class c, the Gaussian clone of
    the class is a sample of :math:`N(\mu_c, \Sigma_c)` and the isotropic one of :math:`N(\mu_c, \sigma_c^2 I)` with
    :math:`\sigma_c^2 = \mathrm{tr}\,\Sigma_c / D`, both conditioned to have these very moments: the rows of
    :math:`\mu_c + \sqrt n\,U \Sigma_c^{1/2}` with orthonormal columns U that are orthogonal to the vector of ones and
    Haar-distributed. So a clone differs from the images in what is beyond mean and covariance and in nothing else,
    where a free sample would also differ by its sampling error. Clone i has the class of image i: equal orders of
    examples show equal classes.

    Args:
        data: as in classification.
        validation: as in classification; never cloned.
        test: as in classification; never cloned.
        pool: as in classification.
        limit: as in classification.
        split_seed: as in classification.
        clone_seed: of the clones.

    Returns:
        The dataset of classification with the view ``clones``: ``clones_gaussian`` and ``clones_isotropic``, both
        ``(train, feature)``, float32.

    Raises:
        ValueError: as in classification; a class with no more images than features, of which no isotropic sample has
            the covariance of its distribution.
    """
    built = classification.build(
        data=data, validation=validation, test=test, pool=pool, limit=limit, split_seed=split_seed
    )
    x_BD, y_B = built["x_train"].values.astype(np.float64), built["y_train"].values
    gaussian_BD, isotropic_BD = np.empty_like(x_BD), np.empty_like(x_BD)
    for label in range(classification.CLASSES):
        rows = np.flatnonzero(y_B == label)
        if len(rows) <= x_BD.shape[1]:
            raise ValueError(
                f"class {label} has {len(rows)} training images of {x_BD.shape[1]} features; an isotropic clone needs "
                "more images than features: raise limit or pool"
            )
        streams = np.random.default_rng([clone_seed, label]).spawn(2)
        gaussian_BD[rows], isotropic_BD[rows] = cloned(x_BD[rows], *streams)
    views = {}
    for name, values, what in (("gaussian", gaussian_BD, "covariance"), ("isotropic", isotropic_BD, "variance")):
        about = {"long_name": f"Gaussian training inputs with the mean and {what} of each class", "units": "1"}
        views[f"clones_{name}"] = (("train", "feature"), values.astype(np.float32), about | {"source": SOURCE})
    return built.assign(views)


def cloned(x_BD: np.ndarray, first: np.random.Generator, second: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Gaussian and isotropic clone (B, D) of the images of one class, with exactly their moments."""
    count, features = x_BD.shape
    mean_D = x_BD.mean(0)
    spread = np.linalg.svd(x_BD - mean_D, full_matrices=False)
    coloured_BD = frame(count, features, first) @ (spread.S[:, None] * spread.Vh)
    deviation = np.sqrt(np.square(spread.S).sum() / features)
    return mean_D + coloured_BD, mean_D + deviation * frame(count, features, second)


def frame(count: int, columns: int, generator: np.random.Generator) -> np.ndarray:
    """Haar-distributed orthonormal columns (count, columns), orthogonal to the vector of ones."""
    drawn_BK = generator.standard_normal((count, columns))
    q_BK, r_KK = np.linalg.qr(drawn_BK - drawn_BK.mean(0))
    return q_BK * np.sign(np.diagonal(r_KK))

"""Slab data: one linearly separable coordinate and many that need several cuts, all fully predictive."""

import numpy as np
import xarray as xr

from imprint.tasks.labelled import labelled

SEEDED = True
VIEWS = ("blocks",)
LOSS = "cross_entropy"
EXAMPLE = {"slabs": 5, "dimensions": 6, "train": 300, "validation": 100, "test": 200}

# P(band | class) for class 0 and class 1; band 0 is the central slab, band b the two slabs at b steps from it
BANDS = {
    3: ((1, 0), (0, 1)),
    5: ((3 / 4, 0, 1 / 4), (0, 1, 0)),
    7: ((1 / 2, 0, 1 / 2, 0), (0, 7 / 8, 0, 1 / 8)),
}
SOURCE = "Shah et al. 2020, arXiv 2006.07710, LMS-k as in their code"


def build(
    *,
    slabs: int = 5,
    dimensions: int = 50,
    train: int = 20000,
    validation: int = 2000,
    test: int = 10000,
    margin: float = 0.1,
    seed: int,
) -> xr.Dataset:
    r"""LMS-k: points ``x = latent @ rotation`` whose every latent coordinate determines the class.

    Classes are 0 and 1 with probability 1/2, and the coordinates are independent given the class y.
    Coordinate 0 is linear, :math:`(2y-1)\,U[\gamma, 1]`. Each other one is in one of k slabs of width
    :math:`s = (2 - 2(k-1)\gamma)/k`, with gaps :math:`2\gamma` on [-1, 1], of alternating class from the
    centre: for k = 5 class 1 is in the two inner side slabs, class 0 in the centre with probability 3/4, else
    outermost; for k = 7 class 1 is in the inner side slabs with probability 7/8, else outermost, class 0 in
    the centre or a middle side slab with 1/2 each; for k = 3 class 0 is in the centre, class 1 at the sides.
    Sides have probability 1/2, and within its slab a point is uniform. The rotation is Haar-distributed on
    the orthogonal group.

    Args:
        slabs: k, one of 3, 5, 7.
        dimensions: latent coordinates d = input features, at least 2.
        train: number of training points (the authors: 100000).
        validation: number of validation points.
        test: number of test points.
        margin: gamma; above 0, below 1/(k-1).
        seed: of the points and of the rotation; the sizes of the splits do not change one another's points.

    Returns:
        Dataset of :func:`imprint.tasks.labelled.labelled`, and the view ``blocks``: ``blocks_latent (test,
        latent)`` the test points before rotation, ``blocks_rotation (latent, feature)`` with ``x = latent @
        rotation``, and ``blocks_name (latent)``, 0 for linear and 1 for slab. float32; x agrees with the
        product to rounding.

    Raises:
        ValueError: an option outside its range.
    """
    sizes = {"train": train, "validation": validation, "test": test}
    _check(slabs, dimensions, margin, sizes)
    first, *streams = np.random.default_rng(seed).spawn(4)
    rotation_DD = _rotation(dimensions, first).astype(np.float32)
    parts, latents = {}, {}
    for (split, size), stream in zip(sizes.items(), streams, strict=True):
        latent_BD, y_B = _points(size, dimensions, slabs, margin, stream)
        latents[split] = latent_BD.astype(np.float32)
        x_BD = latents[split].astype(np.float64) @ rotation_DD.astype(np.float64)
        parts[split] = {"x": x_BD.astype(np.float32), "y": y_B}
    data = labelled(parts, classes=2, x="rotated slab coordinates", source=SOURCE)
    about = {"units": "1", "source": SOURCE}
    points = {"long_name": "test points before rotation", **about}
    rotation = {"long_name": "rotation from latent coordinates to features", **about}
    kind = {"long_name": "kind of the latent coordinate", **about}
    kind |= {"flag_values": [0, 1], "flag_meanings": "linear slab"}
    return data.assign(
        blocks_latent=(("test", "latent"), latents["test"], points),
        blocks_rotation=(("latent", "feature"), rotation_DD, rotation),
        blocks_name=("latent", np.minimum(np.arange(dimensions), 1), kind),
    )


def _check(slabs: int, dimensions: int, margin: float, sizes: dict[str, int]) -> None:
    if slabs not in BANDS:
        raise ValueError(f"slabs={slabs!r}: a coordinate has 3, 5 or 7 slabs")
    if dimensions < 2:
        raise ValueError(f"dimensions={dimensions}: at least 2 are needed, a linear and a slab coordinate")
    if not 0 < margin < 1 / (slabs - 1):
        raise ValueError(f"margin={margin}: {slabs} slabs need one above 0 and below {1 / (slabs - 1):.4g}")
    for split, size in sizes.items():
        if size < 1:
            raise ValueError(f"{split}={size}: at least one point is needed")


def _rotation(dimensions: int, generator: np.random.Generator) -> np.ndarray:
    """Haar-distributed orthogonal matrix: QR of a Gaussian one with the diagonal of R made positive."""
    q_DD, r_DD = np.linalg.qr(generator.standard_normal((dimensions, dimensions)))
    return q_DD * np.sign(np.diagonal(r_DD))


def _points(
    size: int, dimensions: int, slabs: int, margin: float, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Latent points (B, D) float64 and their classes (B)."""
    y_B = generator.integers(2, size=size)
    linear_B = (2 * y_B - 1) * generator.uniform(margin, 1, size)
    width = (2 - 2 * (slabs - 1) * margin) / slabs
    shape = (size, dimensions - 1)
    band_BD = np.zeros(shape, np.int64)
    for label, probabilities in enumerate(BANDS[slabs]):
        rows = y_B == label
        band_BD[rows] = generator.choice(len(probabilities), size=(rows.sum(), shape[1]), p=probabilities)
    side_BD = generator.choice((-1, 1), size=shape)
    slab_BD = side_BD * band_BD * (width + 2 * margin) + width * generator.uniform(-0.5, 0.5, shape)
    return np.column_stack([linear_B, slab_BD]), y_B

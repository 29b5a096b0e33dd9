"""Slab data: one simple coordinate and many that need more cuts, each of which decides the class."""

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
LINEAR = "linear"


def build(
    *,
    slabs: int = 5,
    first: str | int = "linear",
    noise: float = 0.0,
    dimensions: int = 50,
    train: int = 20000,
    validation: int = 2000,
    test: int = 10000,
    margin: float = 0.1,
    seed: int,
) -> xr.Dataset:
    r"""Points ``x = latent @ rotation`` whose every latent coordinate determines the class.

    Classes are 0 and 1 with probability 1/2, and the coordinates are independent given the class y.
    Coordinate 0 is linear, :math:`(2y-1)\,U[\gamma, 1]` (LMS-k), or in one of fewer slabs than the others (with
    5 and 7: MS-(5,7)), or like them (MS-k). Each other one is in one of k slabs of width
    :math:`s = (2 - 2(k-1)\gamma)/k`, with gaps :math:`2\gamma` on [-1, 1], of alternating class from the
    centre: for k = 5 class 1 is in the two inner side slabs, class 0 in the centre with probability 3/4, else
    outermost; for k = 7 class 1 is in the inner side slabs with probability 7/8, else outermost, class 0 in
    the centre or a middle side slab with 1/2 each; for k = 3 class 0 is in the centre, class 1 at the sides.
    Sides have probability 1/2, and within its slab a point is uniform. With noise p (noisy LMS-k) the linear
    coordinate of a share p of the points is :math:`U[-\gamma, \gamma]` instead, whatever their class: by its
    sign alone at most :math:`1 - p/2` of the classes can be told. The rotation is Haar-distributed on the
    orthogonal group.

    Args:
        slabs: k, one of 3, 5, 7.
        first: what coordinate 0 is: ``linear``, or a number of slabs, 3, 5 or 7.
        noise: p, from 0 to 1; of each split ``p * size`` points, rounded, have it.
        dimensions: latent coordinates d = input features, at least 2.
        train: number of training points (the authors: 100000).
        validation: number of validation points.
        test: number of test points.
        margin: gamma; above 0, below 1/(k-1) for the larger number of slabs.
        seed: of the points and of the rotation; the sizes of the splits do not change one another's points.

    Returns:
        Dataset of :func:`imprint.tasks.labelled.labelled`, and the view ``blocks``: ``blocks_latent (test,
        latent)`` the test points before rotation, ``blocks_rotation (latent, feature)`` with ``x = latent @
        rotation``, and ``blocks_name (latent)``, the kind of each coordinate: ``linear`` and ``slab``, or
        ``slab_5`` and ``slab_7``. float32; x agrees with the product to rounding.

    Raises:
        ValueError: an option outside its range.
    """
    sizes = {"train": train, "validation": validation, "test": test}
    _check(slabs, first, noise, dimensions, margin, sizes)
    family, kinds = _names(slabs, first, noise)
    source = f"Shah et al. 2020, arXiv 2006.07710, {family} as in their code"
    root, *streams = np.random.default_rng(seed).spawn(4)
    rotation_DD = _rotation(dimensions, root).astype(np.float32)
    parts, latents = {}, {}
    for (split, size), stream in zip(sizes.items(), streams, strict=True):
        latent_BD, y_B = _points(size, dimensions, slabs, first, noise, margin, stream)
        latents[split] = latent_BD.astype(np.float32)
        x_BD = latents[split].astype(np.float64) @ rotation_DD.astype(np.float64)
        parts[split] = {"x": x_BD.astype(np.float32), "y": y_B}
    data = labelled(parts, classes=2, x="rotated slab coordinates", source=source)
    about = {"units": "1", "source": source}
    points = {"long_name": "test points before rotation", **about}
    rotation = {"long_name": "rotation from latent coordinates to features", **about}
    kind = {"long_name": "kind of the latent coordinate", **about}
    kind |= {"flag_values": list(range(len(kinds))), "flag_meanings": " ".join(kinds)}
    return data.assign(
        blocks_latent=(("test", "latent"), latents["test"], points),
        blocks_rotation=(("latent", "feature"), rotation_DD, rotation),
        blocks_name=("latent", np.minimum(np.arange(dimensions), len(kinds) - 1), kind),
    )


def _check(slabs: int, first: str | int, noise: float, dimensions: int, margin: float, sizes: dict[str, int]) -> None:
    if slabs not in BANDS:
        raise ValueError(f"slabs={slabs!r}: a coordinate has 3, 5 or 7 slabs")
    if first != LINEAR and first not in BANDS:
        raise ValueError(f"first={first!r}: coordinate 0 is {LINEAR!r} or has 3, 5 or 7 slabs")
    if not 0 <= noise <= 1:
        raise ValueError(f"noise={noise}: a share of the points is from 0 to 1")
    if noise and first != LINEAR:
        raise ValueError(f"noise={noise} with first={first}: only a linear coordinate has noise; set noise to 0")
    if dimensions < 2:
        raise ValueError(f"dimensions={dimensions}: at least 2 are needed, the first coordinate and another")
    most = max(slabs, 0 if first == LINEAR else first)
    if not 0 < margin < 1 / (most - 1):
        raise ValueError(f"margin={margin}: {most} slabs need one above 0 and below {1 / (most - 1):.4g}")
    for split, size in sizes.items():
        if size < 1:
            raise ValueError(f"{split}={size}: at least one point is needed")


def _names(slabs: int, first: str | int, noise: float) -> tuple[str, list[str]]:
    """Name of the family of data, and of the kinds of its coordinates."""
    if first == LINEAR:
        return ("noisy " if noise else "") + "LMS-k", ["linear", "slab"]
    kinds = [f"slab_{count}" for count in dict.fromkeys((first, slabs))]
    return ("MS-(k,l)" if len(kinds) == 2 else "MS-k"), kinds


def _rotation(dimensions: int, generator: np.random.Generator) -> np.ndarray:
    """Haar-distributed orthogonal matrix: QR of a Gaussian one with the diagonal of R made positive."""
    q_DD, r_DD = np.linalg.qr(generator.standard_normal((dimensions, dimensions)))
    return q_DD * np.sign(np.diagonal(r_DD))


def _points(
    size: int,
    dimensions: int,
    slabs: int,
    first: str | int,
    noise: float,
    margin: float,
    generator: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Latent points (B, D) float64 and their classes (B)."""
    y_B = generator.integers(2, size=size)
    if first == LINEAR:
        first_B = (2 * y_B - 1) * generator.uniform(margin, 1, size)
    else:
        first_B = _in_slabs(y_B, 1, first, margin, generator)[:, 0]
    rest_BD = _in_slabs(y_B, dimensions - 1, slabs, margin, generator)
    rows = generator.choice(size, round(noise * size), replace=False)
    first_B[rows] = generator.uniform(-margin, margin, len(rows))
    return np.column_stack([first_B, rest_BD]), y_B


def _in_slabs(
    y_B: np.ndarray, coordinates: int, slabs: int, margin: float, generator: np.random.Generator
) -> np.ndarray:
    """Coordinates (B, coordinates), each in a slab of its point's class."""
    width = (2 - 2 * (slabs - 1) * margin) / slabs
    shape = (len(y_B), coordinates)
    band_BD = np.zeros(shape, np.int64)
    for label, probabilities in enumerate(BANDS[slabs]):
        rows = y_B == label
        band_BD[rows] = generator.choice(len(probabilities), size=(rows.sum(), coordinates), p=probabilities)
    side_BD = generator.choice((-1, 1), size=shape)
    return side_BD * band_BD * (width + 2 * margin) + width * generator.uniform(-0.5, 0.5, shape)

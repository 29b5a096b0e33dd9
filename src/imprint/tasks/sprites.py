"""Sprites whose colour, shape, scale and orientation all tell the class, and sprites on which they disagree."""

import functools
import itertools

import numpy as np
import xarray as xr

from imprint.tasks.description_length import COMPRESSORS
from imprint.tasks.labelled import labelled

SEEDED = True
VIEWS = ("cues",)
LOSS = "cross_entropy"
EXAMPLE = {"side": 12, "jitter": 0.5, "train": 300, "validation": 60, "test": 60, "repeats": 1}

CUES = ("colour", "shape", "scale", "orientation")
VALUES = 4
SMALLEST = 0.25  # root of the area of the smallest scale, in sides of the image
STEP = 0.06  # to the next scale
REACH = 0.923  # no shape of area 1 reaches farther from its centre
HUES = 0.5 + 0.5 * np.cos(np.arange(VALUES)[:, None] * np.pi / 2 - np.arange(3) * 2 * np.pi / 3)
SOURCE = "drawn here, after the card-sorting design of Scimeca et al. 2022, arXiv 2110.03095"


def build(
    *,
    predictive: str = "all",
    side: int = 16,
    jitter: float = 1.5,
    noise: float = 0.02,
    train: int = 4000,
    validation: int = 1000,
    test: int = 1000,
    repeats: int = 4,
    seed: int,
) -> xr.Dataset:
    r"""One sprite on black, with four cues of four values each, at a random place.

    Colour k has the channels :math:`(1 + \cos(k\pi/2 - c\,2\pi/3))/2`, c = 0, 1, 2: hues 90 degrees apart of one
    intensity and one saturation. The shapes are a bar, an isosceles triangle, a T and an L of one area, centred on
    their smallest enclosing circle; scale k has area :math:`(0.25 + 0.06k)^2` of the image; orientation k turns the
    shape by 45k degrees. A pixel is covered by :math:`\min(1, \max(0, 1/2 - d))`, d its distance in pixels from the
    outline, negative inside. The centre is uniform on a square of ``2 jitter`` pixels around the image's. Gaussian
    noise on every channel of every pixel leaves no feature constant.

    With ``predictive="all"`` the four values of an example are its class (the diagonal of the cue product); with the
    name of a cue, the class is that cue's value and the others are independent of it. Classes are equally likely.

    Args:
        predictive: ``all``, ``colour``, ``shape``, ``scale`` or ``orientation``.
        side: of the image in pixels; an example has ``3 side^2`` features, channel by channel, row by row.
        jitter: largest shift of the centre along each axis in pixels; above 0, and small enough to cut off no sprite.
        noise: standard deviation of the noise; the brightest channel of a sprite is 1.
        train: number of training examples.
        validation: number of validation examples.
        test: number of test examples, drawn as the training examples are.
        repeats: examples of each cell of the view.
        seed: of the cells and places; the sizes of the splits do not change one another's examples.

    Returns:
        Dataset of :func:`imprint.tasks.labelled.labelled`, and the view ``cues``: ``cues_x (conflict, feature)``,
        ``repeats`` sprites of each of the 252 cells in which not all values are equal, ``cues_label (conflict,
        cue)``, their values, and ``cues_zlib`` and ``cues_lz76 (cue)``, what :func:`description_lengths` returns.

    Raises:
        ValueError: an option outside its range.
    """
    sizes = {"train": train, "validation": validation, "test": test}
    _check(predictive, side, jitter, noise, sizes | {"repeats": repeats})
    *streams, last = np.random.default_rng(seed).spawn(4)
    parts = {}
    for (split, size), stream in zip(sizes.items(), streams, strict=True):
        value_BQ = stream.integers(VALUES, size=(size, len(CUES)))
        y_B = value_BQ[:, CUES.index(predictive) if predictive in CUES else 0].copy()
        if predictive == "all":
            value_BQ[:] = y_B[:, None]
        parts[split] = {"x": _pictures(value_BQ, side, jitter, noise, stream), "y": y_B}
    data = labelled(parts, classes=VALUES, x="pixels of a sprite", source=SOURCE)
    value_BQ = np.repeat([cell for cell in cells() if len(set(cell)) > 1], repeats, axis=0)
    conflict = _pictures(value_BQ, side, jitter, noise, last)
    about = {"units": "1", "source": SOURCE}
    lengths = {
        f"cues_{name}": (
            "cue",
            list(values),
            {"long_name": f"description length of the cue, {name}", "units": "bit", "source": SOURCE},
        )
        for name, values in description_lengths(side).items()
    }
    return data.assign(
        cues_x=(("conflict", "feature"), conflict, {"long_name": "sprites whose cues disagree", **about}),
        cues_label=(("conflict", "cue"), value_BQ, {"long_name": "class that each cue tells", **about}),
        **lengths,
    ).assign_coords(cue=("cue", list(CUES), {"long_name": "cue", **about}))


def cells() -> list[tuple[int, ...]]:
    """Return the values of the cues in every cell of their product."""
    return list(itertools.product(range(VALUES), repeat=len(CUES)))


def sprites(value_BQ: np.ndarray, place_B2: np.ndarray, side: int) -> np.ndarray:
    """Return flat float32 images ``(B, 3 side^2)`` of sprites with these cues, centred at these pixels."""
    colour_B, shape_B, scale_B, orientation_B = value_BQ.T
    grid = np.arange(side) - (side - 1) / 2
    column_BHW = grid[None, None, :] - place_B2[:, 0, None, None]
    row_BHW = grid[None, :, None] - place_B2[:, 1, None, None]
    unit_B11 = (side * (SMALLEST + STEP * scale_B))[:, None, None]
    angle_B11 = (orientation_B * np.pi / VALUES)[:, None, None]
    u_BHW = (np.cos(angle_B11) * column_BHW + np.sin(angle_B11) * row_BHW) / unit_B11
    v_BHW = (np.cos(angle_B11) * row_BHW - np.sin(angle_B11) * column_BHW) / unit_B11
    distance_BHW = np.select(
        [(shape_B == shape)[:, None, None] for shape in range(VALUES)], [draw(u_BHW, v_BHW) for draw in SHAPES]
    )
    cover_BHW = np.clip(0.5 - distance_BHW * unit_B11, 0, 1)
    image_B3HW = HUES[colour_B][:, :, None, None] * cover_BHW[:, None]
    return image_B3HW.reshape(len(value_BQ), -1).astype(np.float32)


def _box(u: np.ndarray, v: np.ndarray, left: float, right: float, top: float, bottom: float) -> np.ndarray:
    """Signed distance from the outline of a rectangle, negative inside."""
    du = np.abs(u - (left + right) / 2) - (right - left) / 2
    dv = np.abs(v - (top + bottom) / 2) - (bottom - top) / 2
    return np.hypot(np.maximum(du, 0), np.maximum(dv, 0)) + np.minimum(np.maximum(du, dv), 0)


def _bar(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return _box(u, v, -0.8, 0.8, -0.3125, 0.3125)


def _triangle(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Base 5/4, height 8/5; outside a corner the distance is from the nearer edge's line."""
    height, half = 1.6, 0.625
    u = u + height - (height**2 + half**2) / (2 * height)
    edge = np.hypot(height, half)
    return np.maximum(-u, (half * (u - height) + height * np.abs(v)) / edge)


def _tee(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    thick, width = 0.45, 1.2
    height = 1 / thick - width + thick
    u = u + (width**2 / 4 + height**2 - thick**2 / 4) / (2 * height)
    half = width / 2
    stem, top = _box(u, v, 0, height, -thick / 2, thick / 2), _box(u, v, height - thick, height, -half, half)
    return np.minimum(stem, top)


def _ell(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    thick, arm = 0.5, 1.25
    u, v = u + arm / 2, v + arm / 2
    return np.minimum(_box(u, v, 0, arm, 0, thick), _box(u, v, 0, thick, 0, arm))


SHAPES = (_bar, _triangle, _tee, _ell)


@functools.cache
def description_lengths(side: int) -> dict[str, tuple[float, ...]]:
    r"""Return for each compressor how many bits each cue adds to the description of a sprite, ``(cue,)``.

    :math:`\operatorname{mean}_z [C(x_0 x_1 x_2 x_3) - \frac14 \sum_k C(x_k)]`: C is the compressor's length in bits,
    :math:`x_k` the centred sprite with value k of the cue, its pixels rounded to bytes in the order of the features,
    and z runs over the 64 combinations of the other cues' values.
    """
    images = sprites(np.array(cells()), np.zeros((VALUES ** len(CUES), 2)), side)
    pixels = np.rint(255 * images).astype(np.uint8).reshape(*[VALUES] * len(CUES), -1)
    lengths = {}
    for name, bits in COMPRESSORS.items():
        alone = np.mean([bits(image.tobytes()) for image in pixels.reshape(-1, pixels.shape[-1])])
        strips = [np.moveaxis(pixels, cue, -2).reshape(-1, VALUES * pixels.shape[-1]) for cue in range(len(CUES))]
        lengths[name] = tuple(np.mean([bits(strip.tobytes()) for strip in rows]) - alone for rows in strips)
    return lengths


def _pictures(
    value_BQ: np.ndarray, side: int, jitter: float, noise: float, generator: np.random.Generator
) -> np.ndarray:
    clean_BD = sprites(value_BQ, generator.uniform(-jitter, jitter, (len(value_BQ), 2)), side)
    return clean_BD + noise * generator.standard_normal(clean_BD.shape, np.float32)


def _check(predictive: str, side: int, jitter: float, noise: float, sizes: dict[str, int]) -> None:
    if predictive not in ("all", *CUES):
        raise ValueError(f"predictive={predictive!r}: choose all, {', '.join(CUES)}")
    if side < 8:
        raise ValueError(f"side={side}: at least 8 pixels are needed to draw the smallest sprite")
    most = side * (0.5 - REACH * (SMALLEST + STEP * (VALUES - 1)))
    if not 0 < jitter <= most:
        raise ValueError(f"jitter={jitter}: choose one above 0 and at most {most:.4g}, or sprites are cut off")
    if noise < 0:
        raise ValueError(f"noise={noise}: a standard deviation is at least 0")
    for name, size in sizes.items():
        if size < 1:
            raise ValueError(f"{name}={size}: at least one example is needed")

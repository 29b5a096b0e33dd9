"""Sprites: their geometry in closed form, and which cues tell the class."""

import itertools
import zlib

import numpy as np
import pytest
from scipy import stats

from imprint.tasks import sprites

CUES = ["colour", "shape", "scale", "orientation"]
CLEAN = {"side": 12, "noise": 0, "jitter": 1e-6, "train": 2000, "validation": 5, "test": 5, "repeats": 2}
CELLS = np.array(list(itertools.product(range(4), repeat=4)))


def drawn(cells, side=12, place=(0.0, 0.0)):
    """Images (N, 3, side, side) of cells at one place."""
    cells = np.atleast_2d(cells)
    return sprites.sprites(cells, np.tile(place, (len(cells), 1)), side).reshape(-1, 3, side, side)


def read(x):
    """Values of the cues of clean images at the centre: those of the nearest template."""
    templates = drawn(CELLS).reshape(256, -1).astype(float)
    distance = np.square(templates).sum(1) - 2 * x.astype(float) @ templates.T
    nearest = templates[distance.argmin(1)]
    # a shift by 1e-6 pixels changes a pixel by 1e-6; cells differ by more than 0.1 somewhere (tested below)
    assert np.abs(nearest - x).max() < 1e-5
    return CELLS[distance.argmin(1)]


def test_templates_differ():
    templates = drawn(CELLS).reshape(256, -1)
    for place in range(255):
        assert np.abs(templates[place + 1 :] - templates[place]).max(1).min() > 0.1


def test_scale_is_the_area_of_every_shape_in_every_colour():
    side = 96
    images = drawn(CELLS, side)
    area = (side * (0.25 + 0.06 * CELLS[:, 2])) ** 2
    # the channels of a colour sum to 1.5; coverage by distance misplaces a diagonal edge by up to 0.061 pixels,
    # outlines are shorter than 6 roots of the area, and at each of at most 8 corners half a pixel may be wrong
    error = np.abs(images.sum((1, 2, 3)) / 1.5 - area)
    assert (error < 0.061 * 6 * np.sqrt(area) + 4).all()
    assert error.max() < 0.02 * area.min()


def test_hues_have_one_intensity_and_one_saturation():
    np.testing.assert_allclose(sprites.HUES.sum(1), 1.5, rtol=1e-15)
    np.testing.assert_allclose(np.square(sprites.HUES).sum(1), 9 / 8, rtol=1e-15)
    gram = sprites.HUES @ sprites.HUES.T
    # 3/4 + 3/8 cos(angle): neighbours at 90 degrees, opposites at 180
    np.testing.assert_allclose(gram[0], [9 / 8, 3 / 4, 3 / 8, 3 / 4], rtol=1e-15)
    np.testing.assert_allclose(drawn([2, 0, 3, 0])[0, :, 6, 6], sprites.HUES[2], rtol=1e-7)  # float32


@pytest.mark.parametrize("shape", range(4))
def test_orientation_turns_by_45_degrees(shape):
    upright, turned = (drawn([0, shape, 2, orientation], 13)[0, 0] for orientation in (0, 2))
    # u' = v and v' = -u: a quarter turn is exact on the grid but for the rounding of cos(pi / 2)
    np.testing.assert_allclose(turned, np.rot90(upright, -1), atol=1e-6)
    grid = np.linspace(-1, 1, 400)
    u, v = np.meshgrid(grid, grid)
    inside = sprites.SHAPES[shape](u, v) <= 0
    half = drawn([0, shape, 3, 1], 200)[0, 0]
    unit, centre = 200 * 0.43, 99.5
    angle = np.pi / 4
    column = np.rint(centre + unit * (np.cos(angle) * u - np.sin(angle) * v)[inside]).astype(int)
    row = np.rint(centre + unit * (np.sin(angle) * u + np.cos(angle) * v)[inside]).astype(int)
    # points of the shape, turned by hand, fall on covered pixels; a pixel beside the outline may be half covered
    assert (half[row, column] > 0).mean() > 0.999


@pytest.mark.parametrize("shape", range(4))
def test_shapes_are_centred_and_within_reach(shape):
    grid = np.linspace(-1, 1, 801)
    u, v = np.meshgrid(grid, grid)
    inside = sprites.SHAPES[shape](u, v) <= 0
    radius = np.hypot(u, v)[inside].max()
    assert 0.85 < radius <= sprites.REACH
    # the smallest enclosing circle touches the outline on both sides of every line through its centre
    for angle in np.linspace(0, np.pi, 8):
        along = (np.cos(angle) * u + np.sin(angle) * v)[inside & (np.hypot(u, v) > radius - 0.01)]
        assert along.min() <= 0.05 and along.max() >= -0.05


def test_largest_jitter_cuts_off_nothing():
    side = 16
    most = side * (0.5 - sprites.REACH * 0.43)
    cells = CELLS[CELLS[:, 2] == 3]
    centred = drawn(cells, side).sum((1, 2, 3))
    for corner in itertools.product((-most, most), repeat=2):
        # coverage depends on where the outline crosses the grid: by half a pixel at each of 8 corners, times 1.5
        assert np.abs(drawn(cells, side, corner).sum((1, 2, 3)) - centred).max() < 6
    with pytest.raises(ValueError, match=f"jitter=1.7: choose one above 0 and at most {most:.4g}"):
        sprites.build(side=side, jitter=1.7, seed=0)


def test_shift_by_a_pixel_shifts_the_image():
    moved, still = drawn(CELLS, 12, (1.0, -1.0)), drawn(CELLS, 12)
    np.testing.assert_allclose(moved[:, :, :-1, 1:], still[:, :, 1:, :-1], atol=1e-6)


def test_all_cues_tell_the_class():
    data = sprites.build(**CLEAN, seed=4)
    for split in ("train", "validation", "test"):
        y = data[f"y_{split}"].values
        np.testing.assert_array_equal(read(data[f"x_{split}"].values), np.repeat(y[:, None], 4, 1))
    counts = np.bincount(data["y_train"].values)
    assert stats.chisquare(counts).pvalue > 6e-5  # four standard errors


@pytest.mark.parametrize("cue", CUES)
def test_one_cue_tells_the_class_and_the_others_nothing(cue):
    data = sprites.build(**CLEAN, predictive=cue, seed=4)
    values, y = read(data["x_train"].values), data["y_train"].values
    np.testing.assert_array_equal(values[:, CUES.index(cue)], y)
    for other in set(range(4)) - {CUES.index(cue)}:
        table = np.zeros((4, 4))
        np.add.at(table, (values[:, other], y), 1)
        assert stats.chi2_contingency(table).pvalue > 6e-5  # four standard errors
        assert stats.chisquare(table.sum(1)).pvalue > 6e-5


def test_images_are_the_same_whichever_cue_tells_the_class():
    parts = [sprites.build(**sprites.EXAMPLE, predictive=cue, seed=2) for cue in CUES]
    for part in parts[1:]:
        np.testing.assert_array_equal(part["x_train"], parts[0]["x_train"])
        assert (part["y_train"] != parts[0]["y_train"]).any()


def test_view_has_every_cell_of_disagreement_equally_often():
    data = sprites.build(**CLEAN, seed=4)
    label = data["cues_label"].values
    np.testing.assert_array_equal(read(data["cues_x"].values), label)
    cells, counts = np.unique(label, axis=0, return_counts=True)
    wanted = [cell for cell in CELLS.tolist() if cell != [cell[0]] * 4]
    assert cells.tolist() == wanted
    assert set(counts) == {2}
    assert data["cue"].values.tolist() == CUES


def test_noise_and_jitter_are_as_declared():
    data = sprites.build(side=12, noise=0.05, jitter=1.0, train=4000, validation=5, test=5, repeats=1, seed=1)
    corner = data["x_train"].values.reshape(-1, 3, 144)[:, :, 0]  # no sprite reaches it
    n = corner.size
    assert abs(corner.mean()) < 4 * 0.05 / np.sqrt(n)
    assert abs(corner.std() / 0.05 - 1) < 4 / np.sqrt(2 * n)
    clean = sprites.build(side=12, noise=0, jitter=1.0, train=4000, validation=5, test=5, repeats=1, seed=1)
    image = clean["x_train"].values.reshape(-1, 3, 12, 12).sum(1).astype(float)
    image = image[clean["y_train"].values == 0]  # a bar, whose centre of mass is its centre
    grid = np.arange(12) - 5.5
    for axis in (1, 2):
        centre = (image.sum(axis) @ grid) / image.sum((1, 2))
        # uniform on [-1, 1], but for a few hundredths of a pixel by which coverage misplaces the centre
        assert stats.kstest(centre, stats.uniform(-1, 2).cdf).statistic < 0.03 + 2 / np.sqrt(len(centre))


def test_sizes_do_not_change_other_splits():
    first = sprites.build(**sprites.EXAMPLE, seed=5)
    second = sprites.build(**(sprites.EXAMPLE | {"train": 7}), seed=5)
    assert second.sizes["train"] == 7
    for name in ("x_validation", "x_test", "cues_x", "cues_label"):
        np.testing.assert_array_equal(first[name], second[name])


def test_description_length_is_what_a_cue_adds():
    """Zlib, orientation, by plain loops over images drawn one by one."""
    side, added = 8, []
    for colour, shape, scale in itertools.product(range(4), repeat=3):
        images = [drawn([colour, shape, scale, value], side)[0] for value in range(4)]
        pixels = [np.rint(255 * image).astype(np.uint8).tobytes() for image in images]
        alone = np.mean([len(zlib.compress(one, 9)) for one in pixels])
        added.append(8 * (len(zlib.compress(b"".join(pixels), 9)) - alone))
    data = sprites.build(**(sprites.EXAMPLE | {"side": side, "jitter": 0.2}), seed=0)
    assert data["cues_zlib"].sel(cue="orientation") == pytest.approx(np.mean(added), rel=1e-12)
    for name in ("cues_zlib", "cues_lz76"):
        assert (data[name] > 0).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"predictive": "color"}, "predictive='color': choose all, colour, shape, scale, orientation"),
        ({"side": 6}, "side=6: at least 8 pixels"),
        ({"jitter": 0}, "jitter=0: choose one above 0"),
        ({"noise": -1}, "noise=-1: a standard deviation is at least 0"),
        ({"train": 0}, "train=0: at least one example"),
        ({"repeats": 0}, "repeats=0: at least one example"),
    ],
)
def test_impossible_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        sprites.build(**(sprites.EXAMPLE | options), seed=0)

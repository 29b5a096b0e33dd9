"""Coloured patches: where they are, what a flip changes, and the digits under them."""

import numpy as np
import pytest

from imprint.tasks import patches, sources

SPLITS = ("train", "validation", "test")


@pytest.fixture(scope="module")
def data():
    return patches.build(limit=100)


def images(values):
    return values.reshape(-1, 3, 8, 8)


def test_patch_has_the_colour_of_the_class(data):
    for split in SPLITS:
        corner = images(data[f"x_{split}"].values)[:, :, :2, :2]
        for label, colour in ((0, (1, 0, 0)), (1, (0, 1, 0))):
            own = corner[data[f"y_{split}"].values == label]
            assert len(own)
            np.testing.assert_array_equal(own, np.broadcast_to(np.reshape(colour, (3, 1, 1)), own.shape))


def test_a_flip_changes_the_patch_and_nothing_else(data):
    test, flipped = images(data["x_test"].values), images(data["flipped_test"].values)
    outside = np.ones((8, 8), bool)
    outside[:2, :2] = False
    np.testing.assert_array_equal(test[..., outside], flipped[..., outside])
    np.testing.assert_array_equal(test[:, [1, 0, 2], :2, :2], flipped[:, :, :2, :2])


def test_digits_are_those_of_the_file_in_grey(data):
    raw = sources.load("digits")
    outside = np.ones((8, 8), bool)
    outside[:2, :2] = False
    for split in SPLITS:
        index = data[f"index_{split}"].values
        shown = images(data[f"x_{split}"].values)[..., outside]
        # 0, 1/16, ..., 1 are float32 numbers
        for channel in range(3):
            np.testing.assert_array_equal(shown[:, channel], raw["x_train"][index][:, outside] / 16)
        digit = raw["y_train"][index]
        np.testing.assert_array_equal(data[f"y_{split}"], np.isin(digit, (1, 2)))
        assert set(digit.tolist()) == {0, 1, 2}


def test_limit_counts_every_digit_alike(data):
    digit = sources.load("digits")["y_train"][data["index_train"].values]
    assert np.bincount(digit).tolist() == [34, 33, 33]


def test_other_classes():
    data = patches.build(classes=((3, 5), (8,)), limit=30, side=1)
    digit = sources.load("digits")["y_train"][data["index_train"].values]
    np.testing.assert_array_equal(data["y_train"], digit == 8)
    assert (images(data["x_train"].values)[:, 2, 0, 0] == 0).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"classes": ((0,),)}, r"classes=\[\[0\]\] are not two sets of digits"),
        ({"classes": ((0,), ())}, r"classes=\[\[0\], \[\]\] are not two sets"),
        ({"classes": ((0, 1), (1, 2))}, "choose different digits from 0 to 9"),
        ({"classes": ((0,), (10,))}, "choose different digits from 0 to 9"),
        ({"side": 8}, "side=8: the patch fits into 8 x 8 pixels with 1 to 7"),
        ({"side": 0}, "side=0: the patch fits"),
    ],
)
def test_options_outside_their_range_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        patches.build(**options)


@pytest.mark.mnist
def test_mnist_pooled():
    data = patches.build(data="mnist", pool=2, limit=300)
    assert dict(data.sizes) == {"train": 300, "feature": 588, "validation": 1552, "test": 3147}
    assert (data["y_test"] == 0).sum() == 980  # zeros of the published test histogram
    assert (data["x_test"].values == 0).mean() > 0.5  # black is exactly 0
    assert 0 <= data["x_test"].min() and data["x_test"].max() <= 1

"""Dominoes: which images are where, and which half tells the class."""

import numpy as np
import pytest

from imprint.tasks import dominoes, sources

SPLITS = ("train", "validation", "test")
SMALL = {"train": 6, "validation": 2, "test": 2}
# levels are at most 1; in float32 a level, its mean over a square, the mean and the deviation each round by 6e-8 of
# values up to 5 deviations
ROUNDING = 5e-6


def built(**options):
    return dominoes.build(**(dominoes.EXAMPLE | options))


def pixels(data, split):
    """Images (N, channels, height, width) with the standardization undone, from 0 to 1."""
    x = data[f"x_{split}"].values.astype(float) * data.attrs["pixel_std"] + data.attrs["pixel_mean"]
    return x.reshape(-1, *data.attrs["shape"])


def digits_of(data, split, half):
    """Places in the file of the digits of one half, found by comparison with all of them."""
    raw = sources.load("digits")["x_train"] / 16
    rows = slice(8) if half == "top" else slice(8, None)
    shown = pixels(data, split)[:, 0, rows]
    distance = np.abs(shown[:, None] - raw[None]).max((2, 3))
    # no two digits of the file are equal, and levels differ by 1/16
    assert distance.min(1).max() < ROUNDING
    return distance.argmin(1)


@pytest.mark.parametrize("label", ["both", "top", "bottom"])
def test_a_labelled_half_shows_the_class_and_the_other_both_equally_often(label):
    data, kinds = built(label=label), sources.load("digits")["y_train"]
    for split in SPLITS:
        y = data[f"y_{split}"].values
        assert np.bincount(y).tolist() == [len(y) // 2] * 2
        for half, (zero, one) in (("top", (0, 1)), ("bottom", (8, 9))):
            shown = kinds[digits_of(data, split, half)]
            if label in ("both", half):
                np.testing.assert_array_equal(shown, np.where(y == 1, one, zero))
            else:
                for kind in (0, 1):
                    assert np.bincount(shown[y == kind], minlength=10)[[zero, one]].tolist() == [len(y) // 4] * 2


def test_no_image_is_shown_twice():
    data = built()
    for half in dominoes.HALVES:
        index = np.concatenate([digits_of(data, split, half) for split in SPLITS])
        assert len(set(index.tolist())) == len(index)


def test_halves_are_drawn_independently():
    data = built(bottom_classes=(0, 1))
    same = digits_of(data, "train", "top") == digits_of(data, "train", "bottom")
    # both draw 80 of the same 360 images: one place agrees with probability 1/180, five of 80 do with 1e-4
    assert same.sum() < 5


def test_fewer_training_examples_are_among_more_and_leave_the_other_splits():
    few, many = built(train=20), built(train=80)
    for half in dominoes.HALVES:
        assert set(digits_of(few, "train", half)) < set(digits_of(many, "train", half))
        for split in ("validation", "test"):
            np.testing.assert_array_equal(digits_of(few, split, half), digits_of(many, split, half))


def test_split_seed_draws_others():
    first, second = built(), built(split_seed=1)
    assert set(digits_of(first, "test", "top")) != set(digits_of(second, "test", "top"))


def test_training_inputs_are_standardized():
    x = built()["x_train"].values.astype(float)
    # the sums of 10240 float32 numbers of size 1, each rounded to 6e-8
    assert abs(x.mean()) < 1e-6
    assert abs(x.std() - 1) < 1e-6


@pytest.mark.parametrize("pool", [2, 4, 8])
def test_pool_averages_squares(pool):
    whole, pooled = pixels(built(), "test")[:, 0], pixels(built(pool=pool), "test")[:, 0]
    assert pooled.shape == (60, 16 // pool, 8 // pool)
    for row in range(16 // pool):
        for column in range(8 // pool):
            square = whole[:, row * pool : (row + 1) * pool, column * pool : (column + 1) * pool]
            np.testing.assert_allclose(pooled[:, row, column], square.mean((1, 2)), atol=ROUNDING)


def test_view_names_the_half_of_every_feature():
    for options in ({}, {"pool": 2}, {"channels": 3}):
        data = built(**options)
        name = data["blocks_name"]
        assert name.dims == ("feature",)
        assert dict(zip(name.attrs["flag_meanings"].split(), name.attrs["flag_values"], strict=True)) == {
            "top": 0,
            "bottom": 1,
        }
        images = name.values.reshape(data.attrs["shape"])
        height = images.shape[1]
        assert (images[:, : height // 2] == 0).all()
        assert (images[:, height // 2 :] == 1).all()


def test_small_images_are_padded_and_grey_ones_repeated_over_the_colours(tiny, tiny_cifar):
    places, arrays = tiny_cifar
    path, content = places["cifar10"]
    path.write_bytes(content)
    data = dominoes.build(bottom="cifar10", **SMALL)
    assert data.attrs["shape"] == [3, 64, 32]
    mnist, digits = tiny[1]["train-images-idx3-ubyte.gz"] / 255, tiny[1]["train-labels-idx1-ubyte.gz"]
    colours, kinds = arrays["cifar10"]["x_train"] / 255, arrays["cifar10"]["y_train"]
    for image, label in zip(pixels(data, "train"), data["y_train"].values, strict=True):
        frame = np.ones((32, 32), bool)
        frame[2:30, 2:30] = False
        assert np.abs(image[:, :32][:, frame]).max() < ROUNDING
        inner = image[:, 2:30, 2:30]
        assert np.abs(inner - mnist[digits == label][:, None]).max((1, 2, 3)).min() < ROUNDING
        own = colours[kinds == (9 if label else 1)].transpose(0, 3, 1, 2)
        assert np.abs(image[:, 32:] - own).max((1, 2, 3)).min() < ROUNDING


def test_test_images_are_those_of_the_test_files(tiny, tiny_cifar):
    places, arrays = tiny_cifar
    path, content = places["cifar10"]
    path.write_bytes(content)
    data = dominoes.build(bottom="cifar10", **SMALL)
    mnist, colours = tiny[1]["t10k-images-idx3-ubyte.gz"] / 255, arrays["cifar10"]["x_test"].transpose(0, 3, 1, 2) / 255
    for image in pixels(data, "test"):
        assert np.abs(image[:, 2:30, 2:30] - mnist[:, None]).max((1, 2, 3)).min() < ROUNDING
        assert np.abs(image[:, 32:] - colours).max((1, 2, 3)).min() < ROUNDING


def test_grey_is_the_luma_of_the_colours(tiny, tiny_cifar):
    path, content = tiny_cifar[0]["cifar10"]
    path.write_bytes(content)
    red, green, blue = np.moveaxis(pixels(dominoes.build(bottom="cifar10", **SMALL), "train"), 1, 0)
    grey = pixels(dominoes.build(bottom="cifar10", channels=1, **SMALL), "train")[:, 0]
    np.testing.assert_allclose(grey, 0.299 * red + 0.587 * green + 0.114 * blue, atol=ROUNDING)


def test_a_copy_says_that_it_is_one(tiny, tiny_cifar):
    path, content = tiny_cifar[0]["cifar10_jpeg"]
    path.write_bytes(content)
    data = dominoes.build(bottom="cifar10", **SMALL)
    assert " over JPEG copy of CIFAR-10" in data.attrs["source"]
    assert data.attrs["checksum_bottom"] == sources.checksum("cifar10_jpeg")
    np.testing.assert_array_equal(data["x_train"], dominoes.build(bottom="cifar10_jpeg", **SMALL)["x_train"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"label": "left"}, "label='left': the class is told by 'both', 'top' or 'bottom'"),
        ({"channels": 2}, "channels=2: choose 1 for grey levels or 3 for colours"),
        ({"pool": 3}, r"pool=3 does not divide 8x8 pixels; choose one of \[1, 2, 4, 8\]"),
        ({"pool": 0}, "pool=0 does not divide"),
        ({"top": "mnits"}, "top='mnits': choose one of cifar10, cifar10_jpeg, digits, fashion_mnist, mnist"),
        ({"bottom": "sonnet"}, "bottom='sonnet': choose one of cifar10"),
        ({"top_classes": (3, 3)}, r"top_classes=\[3, 3\] is not a pair of two different classes"),
        ({"bottom_classes": (1, 2, 3)}, r"bottom_classes=\[1, 2, 3\] is not a pair"),
        ({"train": 2000}, "train=2000 needs 1000 images of class 0 for the top half and 128 are left; lower the"),
        ({"test": 1}, "test=1: at least one example of each class is needed"),
    ],
)
def test_impossible_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        built(**options)


@pytest.mark.mnist
def test_real_dominoes_have_the_published_pairs():
    data = dominoes.build(train=200, validation=20, test=20)
    assert data.attrs["shape"] == [1, 56, 28]
    assert data.attrs["source"].startswith("MNIST, 28x28") and " over Fashion-MNIST" in data.attrs["source"]
    fashion, mnist = sources.load("fashion_mnist"), sources.load("mnist")
    for image, label in zip(pixels(data, "train")[:10, 0], data["y_train"].values, strict=False):
        for half, raw, kind in ((image[:28], mnist, (0, 1)[label]), (image[28:], fashion, (2, 4)[label])):
            own = raw["x_train"][raw["y_train"] == kind]
            assert (np.abs(own / 255 - half).max((1, 2)) < ROUNDING).any()

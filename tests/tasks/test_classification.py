"""Image classification: sizes, strata, no leakage, standardization, pooling, limits."""

import numpy as np
import pytest

from imprint.tasks import classification, sources

SPLITS = ("train", "validation", "test")


def strata_error(labels, all_labels):
    """Largest distance of a class count from its exact proportion."""
    exact = np.bincount(all_labels) * len(labels) / len(all_labels)
    return np.abs(np.bincount(labels, minlength=10) - exact).max()


def test_digits_sizes_and_strata():
    data = classification.build()
    y = sources.load("digits")["y_train"]
    assert [data.sizes[split] for split in SPLITS] == [1000, 297, 500]
    assert data.sizes["feature"] == data.attrs["inputs"] == 64
    for split in ("validation", "test"):
        assert strata_error(data[f"y_{split}"].values, y) < 1  # rounding by largest remainder
    assert strata_error(data["y_train"].values, y) < 2  # what two roundings leave


def test_every_digit_is_in_exactly_one_split():
    data = classification.build()
    indices = np.concatenate([data[f"index_{split}"].values for split in SPLITS])
    assert sorted(indices.tolist()) == list(range(1797))


@pytest.mark.parametrize("data", ["digits", "mnist"])
def test_index_leads_to_the_image(data, request):
    if data == "mnist":
        request.getfixturevalue("tiny")
    sizes = {"validation": 20, "test": 20}
    built, raw = classification.build(data=data, **sizes), sources.load(data)
    for split in SPLITS:
        file = "test" if split == "test" and data == "mnist" else "train"
        index = built[f"index_{split}"].values
        pixels = built[f"x_{split}"].values * built.attrs["pixel_std"] + built.attrs["pixel_mean"]
        # a few roundings to float32 of values up to 255: 255 * 2^-22
        np.testing.assert_allclose(pixels, raw[f"x_{file}"][index].reshape(len(index), -1), atol=255 * 2.0**-22)
        np.testing.assert_array_equal(built[f"y_{split}"], raw[f"y_{file}"][index])


def test_official_test_set_is_test(tiny):
    data = classification.build(data="mnist", validation=20, test=20)
    assert data["index_test"].values.tolist() == list(range(20))
    assert [data.sizes[split] for split in SPLITS] == [30, 20, 20]
    train, validation = (set(data[f"index_{split}"].values.tolist()) for split in ("train", "validation"))
    assert not train & validation
    assert train | validation == set(range(50))


def test_part_of_the_official_test_set_is_stratified(tiny):
    data = classification.build(data="mnist", validation=10, test=10)
    assert np.bincount(data["y_test"]).tolist() == [1] * 10


def test_training_part_alone_is_standardized():
    data = classification.build(limit=200)
    x = data["x_train"].values.astype(np.float64)
    # float32 entries of size up to 3 are each wrong by at most 2^-23; mean and deviation by no more
    assert x.mean() == pytest.approx(0, abs=2.0**-22)
    assert x.std() == pytest.approx(1, abs=2.0**-22)
    assert abs(data["x_test"].values.mean()) > 1e-4  # its own mean, were it used, would leave 0
    pixels = sources.load("digits")["x_train"][data["index_train"].values].astype(np.float64)
    assert data.attrs["pixel_mean"] == pytest.approx(pixels.mean(), rel=1e-12)  # integers sum exactly
    assert data.attrs["pixel_std"] == pytest.approx(pixels.std(), rel=1e-6)  # deviations are float32


def test_pooling_averages_squares():
    images = np.arange(2 * 4 * 4, dtype=np.uint8).reshape(2, 4, 4)
    by_hand = [[2.5, 4.5, 10.5, 12.5], [18.5, 20.5, 26.5, 28.5]]
    np.testing.assert_array_equal(classification._pooled(images, 2), by_hand)  # quarters are exact in float32
    np.testing.assert_array_equal(classification._pooled(images, 1), images.reshape(2, 16))


def test_pooled_digits_have_sixteen_inputs():
    assert classification.build(pool=2).sizes["feature"] == classification.build(pool=2).attrs["inputs"] == 16


def test_limit_is_balanced_and_nested_and_leaves_the_other_splits():
    small, large, full = (classification.build(limit=limit) for limit in (103, 400, None))
    assert np.bincount(small["y_train"]).tolist() == [11] * 3 + [10] * 7
    assert np.bincount(large["y_train"]).tolist() == [40] * 10
    indices = [set(data["index_train"].values.tolist()) for data in (small, large, full)]
    assert indices[0] < indices[1] < indices[2]
    for split in ("validation", "test"):
        np.testing.assert_array_equal(small[f"index_{split}"], full[f"index_{split}"])


def test_split_is_the_one_of_stored_results():
    """The first indices as first drawn: another split would change every result computed on digits."""
    data = classification.build()
    assert data["index_train"].values[:6].tolist() == [2, 3, 7, 8, 13, 18]
    assert data["index_test"].values[:6].tolist() == [1, 5, 6, 9, 12, 14]


def test_split_seed_changes_the_split():
    first, second = classification.build(), classification.build(split_seed=1)
    for split in SPLITS:
        assert first.sizes[split] == second.sizes[split]
        assert set(first[f"index_{split}"].values) != set(second[f"index_{split}"].values)


def test_checksum_and_source_are_in_the_attributes():
    data = classification.build()
    assert data.attrs["checksum"] == sources.checksum("digits")
    assert data.attrs["source"] == data["x_train"].attrs["source"] == sources.TITLES["digits"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"data": "digit"}, "data='digit' is not known.*did you mean 'digits'"),
        ({"pool": 3}, r"pool=3 does not divide 8x8 pixels; choose one of \[1, 2, 4, 8\]"),
        ({"pool": 0}, "pool=0 does not divide"),
        ({"limit": 9}, "9 training examples for 10 classes"),
        ({"limit": 1200}, "120 training examples of class 0 are wanted and 99 are left"),
        ({"test": 0}, "test=0: choose between 1 and 1797"),
        ({"validation": 1798}, "validation=1798: choose between 1 and 1797"),
        ({"validation": 1000, "test": 1000}, "validation=1000: fewer examples are left"),
        ({"validation": 1297, "test": 500}, "1 training examples of class 0 are wanted and 0 are left"),
        ({"validation": 5}, r"validation=5 has no example of class \d; raise it"),
    ],
)
def test_impossible_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        classification.build(**options)


@pytest.mark.mnist
@pytest.mark.parametrize("data", ["mnist", "fashion_mnist"])
def test_pooled_images_of_28(data):
    built = classification.build(data=data, pool=2, limit=1000, validation=2000)
    assert [built.sizes[split] for split in SPLITS] == [1000, 2000, 10000]
    assert built.attrs["inputs"] == 196
    assert np.bincount(built["y_train"]).tolist() == [100] * 10
    assert strata_error(built["y_validation"].values, sources.load(data)["y_train"]) < 1
    assert not set(built["index_train"].values) & set(built["index_validation"].values)

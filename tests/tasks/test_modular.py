"""Modular addition against its definition."""

import numpy as np
import pytest
import xarray as xr

from imprint.tasks import modular, modular_stablemax

SPLITS = ("train", "validation", "test")


@pytest.fixture(scope="module")
def data():
    return modular.build(modulus=11, seed=3)


def test_every_pair_is_in_one_split(data):
    index = np.concatenate([data[f"index_{split}"] for split in SPLITS])
    np.testing.assert_array_equal(np.sort(index), np.arange(121))
    assert [data.sizes[split] for split in SPLITS] == [48, 24, 49]


@pytest.mark.parametrize("split", SPLITS)
def test_inputs_are_the_pair_and_the_class_is_its_sum(data, split):
    x, y, index = (data[f"{column}_{split}"].values for column in ("x", "y", "index"))
    first, second = x[:, :11].argmax(1), x[:, 11:].argmax(1)
    np.testing.assert_array_equal(x.sum(1), 2)
    assert set(np.unique(x)) == {0, 1}
    np.testing.assert_array_equal(11 * first + second, index)
    for a, b, c in zip(first.tolist(), second.tolist(), y.tolist(), strict=True):
        assert (a + b - c) % 11 == 0 and 0 <= c < 11


def test_sizes_of_the_source():
    data = modular.build(seed=0)
    assert data.sizes["train"] == 5107 and data.attrs["inputs"] == 226 and data.attrs["classes"] == 113


def test_a_larger_share_keeps_the_smaller_one(data):
    more = modular.build(modulus=11, train_fraction=0.5, seed=3)
    np.testing.assert_array_equal(more["index_train"][:48], data["index_train"])


def test_the_twin_differs_in_its_loss_only(data):
    xr.testing.assert_identical(modular_stablemax.build(modulus=11, seed=3), data)
    assert (modular.LOSS, modular_stablemax.LOSS) == ("cross_entropy", "stablemax")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"modulus": 2}, "modulus=2.*3 or more"),
        ({"modulus": 5, "train_fraction": 0.9, "validation_fraction": 0.2}, "sum below 1"),
        ({"modulus": 5, "train_fraction": 0.0}, "each split needs a pair"),
    ],
)
def test_options_out_of_range(options, message):
    with pytest.raises(ValueError, match=message):
        modular.build(**options, seed=0)

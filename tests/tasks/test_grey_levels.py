"""Grey levels: the examples of classification, as the file of origin has them."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from imprint.tasks import classification, grey_levels

SPLITS = ("train", "validation", "test")


def test_the_files_own_numbers_in_classification_s_splits():
    data, whole, images = grey_levels.build(data="digits"), classification.build(), load_digits().images
    for split in SPLITS:
        for name in ("y", "index"):
            np.testing.assert_array_equal(data[f"{name}_{split}"], whole[f"{name}_{split}"])
        expected = images[data[f"index_{split}"].values].reshape(-1, 64) / 16  # exact in float32
        np.testing.assert_array_equal(data[f"x_{split}"], expected)


def test_pooled_levels_are_means():
    data, images = grey_levels.build(data="digits", pool=2), load_digits().images
    squares = images[data["index_test"].values].reshape(-1, 4, 2, 4, 2).mean((2, 4)).reshape(-1, 16)
    np.testing.assert_array_equal(data["x_test"], squares / 16)  # sixty-fourths: exact


@pytest.mark.mnist
@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_real_levels(name):
    data = grey_levels.build(data=name, limit=1000, validation=500, test=1000)
    levels = data["x_train"].values * 255
    # n / 255 in float32, times 255: off by at most an ulp of 255
    np.testing.assert_allclose(levels, np.rint(levels), atol=2e-5)
    assert (data["x_train"] == 0).mean() > 0.4
    assert (levels.min(), levels.max()) == (0, 255)

"""Images for squared error: those of classification, with as many wrong labels as asked."""

import numpy as np
import pytest
import xarray as xr

from imprint.tasks import classification, one_hot_regression

OPTIONS = {"data": "digits", "pool": 2, "limit": 100}


def test_without_noise_it_is_classification():
    xr.testing.assert_identical(one_hot_regression.build(**OPTIONS), classification.build(**OPTIONS))


@pytest.mark.parametrize("noise", [0.25, 0.5, 1.0])
def test_exactly_the_share_of_labels_is_wrong_in_training_only(noise):
    clean, noisy = classification.build(**OPTIONS), one_hot_regression.build(**OPTIONS, noise=noise)
    assert (clean["y_train"] != noisy["y_train"]).sum() == 100 * noise
    others = [name for name in clean.data_vars if name != "y_train"]
    xr.testing.assert_identical(clean[others], noisy[others])


def test_more_noise_keeps_the_wrong_labels_of_less():
    clean = classification.build(**OPTIONS)["y_train"]
    less, more = (one_hot_regression.build(**OPTIONS, noise=noise)["y_train"] for noise in (0.2, 0.4))
    wrong = (less != clean).values
    np.testing.assert_array_equal(less[wrong], more[wrong])


def test_wrong_classes_are_alike_frequent():
    clean = classification.build(data="digits", limit=900)["y_train"].values
    noisy = one_hot_regression.build(data="digits", limit=900, noise=1.0)["y_train"].values
    counts = np.bincount((noisy - clean) % 10, minlength=10)
    assert counts[0] == 0
    # 100 expected of each: five standard deviations of a binomial
    assert abs(counts[1:] - 100).max() < 5 * np.sqrt(900 / 9 * 8 / 9)


def test_a_share_outside_of_its_range_is_refused():
    with pytest.raises(ValueError, match=r"noise=1.5: a share lies in \[0, 1\]"):
        one_hot_regression.build(**OPTIONS, noise=1.5)

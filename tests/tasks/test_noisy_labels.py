"""Wrong labels: as many as declared, uniform, in the training split alone, and told by the view."""

import numpy as np
import pytest
import xarray as xr

from imprint.tasks import classification, noisy_labels

OPTIONS = {"data": "digits", "pool": 2, "limit": 100}


@pytest.mark.parametrize("noise", [0.25, 0.5, 0.99])
def test_exactly_the_share_of_labels_is_wrong_in_training_only(noise):
    clean, noisy = classification.build(**OPTIONS), noisy_labels.build(**OPTIONS, noise=noise)
    np.testing.assert_array_equal(noisy["true_labels_train"], clean["y_train"])
    assert (noisy["y_train"] != noisy["true_labels_train"]).sum() == 100 * noise
    others = [name for name in clean.data_vars if name != "y_train"]
    xr.testing.assert_identical(clean[others], noisy[others])


def test_more_noise_keeps_the_wrong_labels_of_less():
    less, more = (noisy_labels.build(**OPTIONS, noise=noise) for noise in (0.2, 0.4))
    wrong = (less["y_train"] != less["true_labels_train"]).values
    np.testing.assert_array_equal(less["y_train"][wrong], more["y_train"][wrong])


def test_wrong_classes_are_alike_frequent_and_so_are_the_classes_they_replace():
    data = noisy_labels.build(data="digits", limit=900, noise=0.5)
    true, given = data["true_labels_train"].values, data["y_train"].values
    counts = np.bincount((given - true) % 10, minlength=10)
    assert counts[0] == 450
    # 50 expected of each shift: five standard deviations of a binomial
    assert abs(counts[1:] - 50).max() < 5 * np.sqrt(450 / 9 * 8 / 9)
    # 45 expected of each true class, of 90: five standard deviations of a hypergeometric number, below the binomial's
    assert abs(np.bincount(true[given != true], minlength=10) - 45).max() < 5 * np.sqrt(90 / 4)


def test_another_label_seed_has_other_wrong_labels_of_the_same_images():
    one, other = (noisy_labels.build(**OPTIONS, noise=0.5, label_seed=seed) for seed in (0, 1))
    xr.testing.assert_identical(one.drop_vars("y_train"), other.drop_vars("y_train"))
    both = ((one["y_train"] != one["true_labels_train"]) & (other["y_train"] != other["true_labels_train"])).sum()
    # 25 expected, hypergeometric: five standard deviations of a number below the binomial's
    assert abs(both - 25) < 5 * np.sqrt(100 / 4 * 3 / 4)


@pytest.mark.parametrize("noise", [-0.1, 0.0, 0.004, 0.999, 1.5])
def test_a_share_that_leaves_one_kind_empty_is_refused(noise):
    with pytest.raises(ValueError, match=f"noise={noise}: at least one of the 100 training examples has a wrong label"):
        noisy_labels.build(**OPTIONS, noise=noise)

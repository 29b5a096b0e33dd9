"""Sparse regression: every target is 1, exactly, and the inputs are normal beside that."""

import numpy as np
import pytest

from imprint.tasks import sparse_regression


def test_the_sparse_map_gives_one_everywhere():
    data = sparse_regression.build(dimensions=12, points=6, nonzero=3, seed=4)
    for split in ("train", "validation", "test"):
        x = data[f"x_{split}"].values
        # three summands of numbers near 1
        np.testing.assert_allclose(x[:, :3].sum(1), 1, rtol=0, atol=1e-14)
        assert not data[f"y_{split}"].any()
    assert data.attrs["classes"] == 1 and data["x_train"].dtype == np.float64


def test_inputs_are_normal_given_that():
    x = sparse_regression.build(dimensions=5, nonzero=2, test=20000, seed=0)["x_test"].values
    beta = np.array([1, 1, 0, 0, 0.0])
    # six standard errors: 1 / sqrt(20000) of a mean, sqrt(2 / 20000) of a variance
    np.testing.assert_allclose(x.mean(0), beta / 2, atol=0.043)
    np.testing.assert_allclose(np.cov(x.T), np.eye(5) - np.outer(beta, beta) / 2, atol=0.06)


def test_sizes_of_other_splits_change_nothing():
    small, large = (sparse_regression.build(points=points, test=5, seed=1) for points in (10, 20))
    np.testing.assert_array_equal(small["x_test"], large["x_test"])
    np.testing.assert_array_equal(small["x_train"], large["x_train"][:10])


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"nonzero": 0}, "nonzero=0: choose between 1 and 40"),
        ({"nonzero": 41}, "nonzero=41"),
        ({"points": 0}, "0 train points: at least one is needed"),
    ],
)
def test_options_outside_their_range_are_refused(options, match):
    with pytest.raises(ValueError, match=match):
        sparse_regression.build(**options, seed=0)

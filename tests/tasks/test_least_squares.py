"""Least squares: what an example is, where its minimum lies, and what its unit does."""

import numpy as np
import pytest

from imprint.tasks import least_squares


def problem(split="train", **options):
    x = least_squares.build(**{"seed": 0, **options})[f"x_{split}"].values
    return x[:, 1:], 1 - x[:, 0]


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_without_noise_all_splits_have_the_same_solution(split):
    features, y = problem(split, noise=0.0, nonzero=3)
    # 1 - (1 - y) rounds to 1e-16; condition of 100 x 30 features near 3
    np.testing.assert_allclose(features @ np.repeat([1.0, 0.0], [3, 27]), y, rtol=0, atol=1e-13)


def test_drawn_coefficients_are_those_of_all_splits():
    ours, theirs = (np.linalg.lstsq(*problem(split, noise=0.0), rcond=None)[0] for split in ("train", "test"))
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-12)
    assert np.count_nonzero(ours) == 30


def test_noise_has_its_size():
    features, y = problem(points=20_000, nonzero=1, noise=0.5)
    # standard error of a standard deviation, 0.5 / sqrt(2 n) = 0.0018; five of them
    assert (y - features[:, 0]).std() == pytest.approx(0.5, abs=0.009)


def test_a_unit_scales_targets_only():
    (features, y), (same, scaled) = problem(), problem(unit=0.25)
    np.testing.assert_array_equal(features, same)
    np.testing.assert_allclose(scaled, 0.25 * y, rtol=0, atol=1e-14)


def test_sizes_of_splits_do_not_change_one_another():
    np.testing.assert_array_equal(problem("test")[0], problem("test", points=7, validation=3)[0])


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"dimensions": 0}, "dimensions=0.*at least one of each"),
        ({"points": 0}, "at least one of each is needed"),
        ({"nonzero": 31}, "nonzero=31: choose between 1 and 30"),
        ({"nonzero": 0}, "nonzero=0: choose between"),
        ({"noise": -1.0}, "noise=-1.0, unit=1.0: one is not negative"),
        ({"unit": 0.0}, "the other positive"),
    ],
)
def test_options_outside_their_range_are_refused(options, match):
    with pytest.raises(ValueError, match=match):
        least_squares.build(**options, seed=0)

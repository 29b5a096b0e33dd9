"""The rule for outliers finds what is planted, and little else."""

import numpy as np
import pytest

from imprint.claims import outliers


def outside(x):
    low, high = outliers.fences(x)
    return np.flatnonzero((x < low) | (x > high)).tolist()


def test_planted_outliers_are_found_on_both_sides():
    x = np.random.default_rng(0).normal(size=64)
    x[[5, 40]] = 8.0, -8.0
    assert {5, 40} <= set(outside(x))


def test_of_normal_values_three_in_a_thousand_lie_outside():
    draws = np.random.default_rng(1).normal(size=(200, 200))
    rate = sum(len(outside(x)) for x in draws) / draws.size
    # 0.0027, and about 0.0008 more because the scale of 200 values is itself uncertain
    assert 0.0025 < rate < 0.0045


def test_unit_and_place_do_not_matter():
    x = np.random.default_rng(2).standard_t(2, size=64)
    assert outside(x) == outside(5 - 1e3 * x) != []


@pytest.mark.parametrize("x", [[1.0, 1.0, 1.0, 9.0], [1.0, 1.0 + 2.3e-16, 1.0 - 2.3e-16, 9.0], [], [np.nan, np.nan]])
def test_without_a_scale_nothing_lies_outside(x):
    assert outliers.fences(np.array(x)) == (-np.inf, np.inf)


def test_what_has_no_value_is_left_out():
    x = np.random.default_rng(3).normal(size=20)
    assert outliers.fences(np.append(x, np.nan)) == outliers.fences(x)

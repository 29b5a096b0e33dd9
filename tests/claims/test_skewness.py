"""The test of skewness says what scipy's says."""

import numpy as np
import pytest
from scipy import stats

from imprint.claims.skewness import LEAST, LEVEL, critical, skewed


@pytest.mark.parametrize("n", [8, 9, 14, 50, 400])
@pytest.mark.parametrize("draw", ["normal", "lognormal", "uniform", "exponential"])
def test_it_decides_as_scipy_does(n, draw):
    values = getattr(np.random.default_rng([n, len(draw)]), draw)(size=(200, n)) * 1e3 - 5.0
    assert [skewed(x_N) for x_N in values] == (stats.skewtest(values, axis=1).pvalue < LEVEL).tolist()


@pytest.mark.parametrize("n", [8, 15, 64])
def test_both_decisions_occur(n):
    values = np.random.default_rng(n).normal(size=(200, n))
    assert {skewed(x_N) for x_N in values} == {True, False}


@pytest.mark.parametrize("n", [8, 11, 100])
def test_the_bound_is_where_scipys_p_is_the_level(n):
    one = np.random.default_rng(n).normal(size=n)
    shares = np.linspace(0, 4, 4001)
    values = np.stack([one + share * (one == one.max()) for share in shares])
    said = np.abs(stats.skew(values, axis=1)) > critical(n)
    assert said.any() and not said.all()
    assert (said == (stats.skewtest(values, axis=1).pvalue < LEVEL)).all()


def test_few_or_equal_values_are_not_skewed():
    assert not skewed(np.array([0.0] * (LEAST - 2) + [9.0]))
    assert not skewed(np.full(20, 0.1)) and not skewed(0.3 + 1e-17 * np.arange(20))
    assert not skewed(np.array([]))


def test_neither_scale_nor_sign_counts():
    x_N = np.random.default_rng(3).exponential(size=30)
    assert skewed(x_N) and skewed(-x_N) and skewed(1e-200 * x_N) and skewed(1e200 * x_N)

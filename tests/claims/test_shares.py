"""Shares of variance: they sum to one, say how they came about, and where there are none, why."""

import re

import numpy as np
import pytest
from variance_example import drawn

from imprint.claims import anova, reml, shares
from imprint.claims.design import Design

PAIRED = Design(("optimizer", "seed"))
CROSSED = Design(("optimizer", "rate", "init", "order"))
TASKS = Design(("task", "optimizer", "seed"))
SHAPE = (4, 3, 8, 6)


def example(design=CROSSED, shape=SHAPE, seed=0):
    return drawn(np.random.default_rng(seed), design, dict.fromkeys(design.terms, 1.0), shape)


def missing(y, count):
    y = y.copy()
    y.flat[:count] = np.nan
    return y


def test_shares_sum_to_one_and_do_not_depend_on_the_unit():
    y = example()
    found, scaled = shares.shares(y, CROSSED), shares.shares(7 - 100 * y, CROSSED)
    assert (found.method, found.reason) == ("REML", "") and found.share.sum() == pytest.approx(1, abs=1e-12)
    assert np.all(found.share >= 0) and np.all(found.low <= found.high)
    for one, other in ((found.share, scaled.share), (found.low, scaled.low), (found.high, scaled.high)):
        np.testing.assert_allclose(one, other, atol=1e-7)
    np.testing.assert_allclose(scaled.component, 1e4 * found.component, rtol=1e-6, atol=1e-3)


def test_what_is_below_zero_has_no_share():
    assert shares.normalized(np.array([3.0, -2.0, 1.0])).tolist() == [0.75, 0, 0.25]
    assert np.isnan(shares.normalized(np.array([-1.0, 0.0]))).all()


def test_without_a_maximum_it_is_the_analysis_of_variance_and_says_so():
    recipe, seed = np.ogrid[:3, :4]
    y = recipe + 10.0 * seed  # nothing is left for the residual
    found = shares.shares(y, PAIRED)
    assert found.method == "ANOVA" and found.reason == ""
    np.testing.assert_array_equal(found.component, anova.components(y, PAIRED))


def test_a_few_missing_replicas_are_left_out_and_counted():
    y = missing(example(PAIRED, (7, 8)), 3)
    found = shares.shares(y, PAIRED)
    assert (found.method, found.reason) == ("REML", "3 of 56 replicas have no value")
    np.testing.assert_array_equal(found.component, reml.dense(y, PAIRED))
    assert found.share.sum() == pytest.approx(1) and np.isnan([found.low, found.high]).all()


def test_a_recipe_without_values_is_counted_and_leaves_a_complete_design():
    found = shares.shares(example(PAIRED, (6, 8)), PAIRED, planned=56)
    assert (found.method, found.reason) == ("REML", "8 of 56 replicas have no value") and np.isfinite(found.low).all()


@pytest.mark.parametrize(
    ("y", "design", "reason"),
    [
        (np.full(SHAPE, 0.1), CROSSED, "constant"),
        (0.1 + 2e-17 * np.random.default_rng(0).normal(size=SHAPE), CROSSED, "constant"),  # in the last bit
        (np.arange(3.0)[:, None] + np.zeros(8), PAIRED, "set by recipe alone: the same for every seed"),
        (missing(np.arange(3.0)[:, None] + np.zeros(8), 2), PAIRED, "set by recipe alone: .*"),
        (np.arange(6.0).reshape(2, 3, 1) + np.zeros(8), TASKS, "set by task and recipe alone: .*"),
        (np.arange(8.0) + np.zeros((3, 1)), PAIRED, "set by seed alone: the same for every recipe"),
        (missing(example(PAIRED, (7, 8)), 12), PAIRED, "12 of 56 replicas have no value"),  # more than a fifth
        (missing(example(shape=(4, 4, 8, 6)), 1), CROSSED, "replicas are missing, and 767 values are too many .*"),
        (missing(np.add.outer([0.0, 3.0, 4.0], 10.0 * np.arange(4)), 1), PAIRED, "1 of 12 .* has no single maximum"),
        (np.arange(4.0), Design(("seed",)), "values of two recipes and of two seeds are needed"),
        (np.arange(6.0).reshape(2, 3), Design(("task", "seed")), "values of two recipes and of two seeds are needed"),
        (np.arange(4.0), Design(("optimizer",)), "values of two recipes and of two seeds are needed"),
        (np.array(1.0), Design(()), "values of two recipes and of two seeds are needed"),
    ],
)
def test_where_there_are_no_shares_a_reason_is_given(y, design, reason):
    found = shares.shares(y, design)
    assert np.isnan([found.share, found.low, found.high, found.component]).all() and found.method == ""
    assert re.fullmatch(reason, found.reason)


def test_two_seeds_have_shares_without_an_interval():
    found = shares.shares(example(shape=(2, 2, 2, 4)), CROSSED)
    assert found.share.sum() == pytest.approx(1) and np.isnan(found.low).all()

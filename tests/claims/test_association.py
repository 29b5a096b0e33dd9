"""Rank correlations over recipes: known answers, scipy's own, and claims made of them."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from imprint.claims.association import label, order, rank_correlation
from imprint.claims.evaluate import evaluate
from tests.claims.conftest import small_atlas, spec

HIGH = {"prefer": "high", "units": "1"}
RECIPES = ("sgd", "momentum", "adam", "muon")


def claim(**more):
    return {"measure": "a.x", "recipe": "all", "follows": {"measure": "b.y"}, "expect": {"at_least": 0.5}, **more}


def judged(claims, values, **options):
    atlas = small_atlas(values, recipes=RECIPES, seeds=range(8), **options)
    return evaluate(atlas, spec(claims, recipes=RECIPES, seeds=range(8)))


@pytest.mark.parametrize("recipes", [3, 4, 7])
def test_equals_scipy_with_and_without_ties(recipes):
    generator = np.random.default_rng(0)
    one_KN, other_KN = generator.standard_normal((2, recipes, 20))
    one_KN[0, ::2] = one_KN[1, ::2]
    expected = [spearmanr(one, other).statistic for one, other in zip(one_KN.T, other_KN.T, strict=True)]
    np.testing.assert_allclose(rank_correlation(one_KN, other_KN), expected, atol=1e-14)  # sums of few ranks


def test_only_the_order_counts():
    one_KN = np.random.default_rng(1).standard_normal((5, 9))
    np.testing.assert_array_equal(rank_correlation(one_KN, np.exp(3 * one_KN)), 1.0)
    np.testing.assert_array_equal(rank_correlation(one_KN, -one_KN), -1.0)
    np.testing.assert_array_equal(rank_correlation(np.arange(4.0)[:, None] ** 3, order(4, 1)), 1.0)


def test_what_differs_by_rounding_is_a_tie():
    exact = rank_correlation(np.array([[0.3], [0.3], [0.5]]), order(3, 1))
    np.testing.assert_array_equal(rank_correlation(np.array([[0.1 + 0.2], [0.3], [0.5]]), order(3, 1)), exact)


def test_a_constant_and_a_gap_have_none():
    one_KN = np.array([[1.0, np.nan], [1.0, 2.0], [1.0, 3.0]])
    assert np.isnan(rank_correlation(one_KN, order(3, 2))).all()


def test_a_measure_that_follows_another():
    y_RN = np.random.default_rng(2).standard_normal((4, 8))
    rows = judged({"c": claim()}, {"a.x": (y_RN**3, HIGH), "b.y": (y_RN, HIGH)})
    row = rows.iloc[0]
    assert (len(rows), row["verdict"], row["estimate"], row["n"], row["unit"]) == (1, "supported", 1.0, 8, "1")
    assert row["recipes"] == "rank correlation with y over sgd, momentum, adam, muon"
    assert row["p"] == 2 / 256


def test_a_measure_that_falls_with_the_order():
    x_RN = -np.arange(4.0)[:, None] + 0.01 * np.random.default_rng(3).standard_normal((4, 8))
    row = judged({"c": claim(follows="order", expect={"at_most": -0.8})}, {"a.x": (x_RN, HIGH)}).iloc[0]
    assert (row["verdict"], row["estimate"]) == ("supported", -1.0)
    assert row["recipes"] == "rank correlation with the order sgd, momentum, adam, muon"
    turned = claim(follows="order", recipe=["muon", "adam", "momentum"], expect={"at_most": -0.8})
    assert judged({"c": turned}, {"a.x": (x_RN, HIGH)}).iloc[0]["verdict"] == "contradicted"


def test_which_of_two_is_followed_more_closely():
    y_RN = np.random.default_rng(4).standard_normal((4, 8))
    two = claim(follows=[{"measure": "b.y"}, {"measure": "b.z"}], expect={"greater_by": 0.5})
    row = judged({"c": two}, {"a.x": (2 * y_RN, HIGH), "b.y": (y_RN, HIGH), "b.z": (-y_RN, HIGH)}).iloc[0]
    assert (row["verdict"], row["estimate"], row["beyond"]) == ("supported", 2.0, True)
    assert row["recipes"] == "rank correlation with y - z over sgd, momentum, adam, muon"


def test_labels_tell_measures_of_one_name_apart():
    same = [{"measure": "b.y", "where": {"bits": 4}}, {"measure": "b.y", "where": {"bits": 3}}]
    expected = "rank correlation with b.y (bits=4) - b.y (bits=3) over sgd, adam, muon"
    assert label({"follows": same}, ["sgd", "adam", "muon"]) == expected


def test_an_absent_recipe_leaves_it_untested():
    y_RN = np.random.default_rng(5).standard_normal((4, 8))
    missing_RN = np.where(np.arange(4)[:, None] == 2, np.nan, y_RN)
    row = judged({"c": claim()}, {"a.x": (y_RN, HIGH), "b.y": (missing_RN, HIGH)}).iloc[0]
    assert row["verdict"] == "untested"
    assert "absent: adam" in row["flags"]


def test_divergence_counts_as_worst_in_the_measure_followed_too():
    y_RN = np.random.default_rng(6).standard_normal((4, 8))
    status_RN = np.zeros((4, 8))
    status_RN[3, 0] = 1
    row = judged({"c": claim()}, {"a.x": (y_RN, HIGH), "b.y": (y_RN, {"units": "1"})}, status=status_RN).iloc[0]
    assert row["verdict"] == "untested"
    assert "diverged: 1, measure has no order" in row["flags"]

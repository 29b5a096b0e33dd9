"""The calibration itself: right on a judging that is right, red on one that is not."""

import dataclasses
import math

import numpy as np
import pool_example
import pytest
import xarray as xr

from imprint.claims import calibrate, family, rates, sides, trust
from imprint.claims.attainable import attained, smallest_p
from imprint.claims.pool import ONE, OTHER, PoolError, deal
from imprint.claims.power import detectable
from imprint.claims.shapes import SHAPES

SEEDS, DRAWS = 8, 200


def figures(found, unequal=0):
    return trust.read(rates.figures(found, SEEDS, unequal))


def red(made):
    """Names of the checks that have a figure out of its range."""
    return {figure.check for figure in made if not trust.holds(figure)}


def failed():
    """The same of a calibration that is made now."""
    return red(figures(calibrate.calibrate(pool_example.pool(), SEEDS, DRAWS)))


@pytest.fixture(scope="module")
def recorded():
    """What the right judging said."""
    return calibrate.calibrate(pool_example.pool(), SEEDS, DRAWS)


@pytest.fixture(scope="module")
def clean(recorded):
    return figures(recorded)


# ------------------------------------------------- a judging that is right


@pytest.mark.slow
def test_every_figure_is_in_its_range(clean):
    assert [trust.told(figure) for figure in clean if not trust.holds(figure)] == []
    assert {figure.check for figure in clean} == set(trust.CHECKS)


@pytest.mark.slow
def test_symmetric_shapes_are_bound_and_the_others_marked(clean):
    bound = {figure.subject for figure in clean if figure.check == "covered_each" and figure.lowest == 0.93}
    assert bound == {name for name, shape in SHAPES.items() if not shape.mark}
    marked = {figure.mark for figure in clean if figure.check == "covered_alone"}
    assert marked == {"", "skewed", "ties", "diverged"}
    value = {figure.subject: figure.value for figure in clean if figure.check == "covered_alone"}
    assert value["lognormal"] < value["normal"] - 0.04, "the interval of skewed values holds the truth less often"


@pytest.mark.slow
def test_a_measure_with_ties_need_not_reach_the_size(clean):
    lowest = {figure.subject: figure.lowest for figure in clean if figure.check == "alike_found"}
    assert lowest["a.accuracy"] == -math.inf
    assert 0 < lowest["a.loss"] == lowest["b.distance"] < attained(SEEDS)


def test_the_same_calibration_twice():
    one, other = (calibrate.calibrate(pool_example.pool(["a.loss"]), SEEDS, 10) for _ in range(2))
    xr.testing.assert_identical(one, other)


def test_an_interval_alone_is_held_to_its_own_level():
    made = figures(calibrate.calibrate(pool_example.pool(["a.loss"]), SEEDS, DRAWS))
    each = {figure.lowest for figure in made if figure.check == "covered_each" and not figure.mark}
    assert each == {rates.least(0.9, DRAWS)} and "covered_each" not in red(made)


def test_without_an_ordered_measure_nothing_is_said_of_divergence():
    made = figures(calibrate.calibrate(pool_example.pool(["b.distance"]), SEEDS, 20))
    assert "diverged" not in {figure.mark for figure in made} and not any(np.isnan(figure.value) for figure in made)


# ------------------------------------------------- one that is not


@pytest.mark.slow
def test_broken_pairing_turns_the_twins_red(monkeypatch):
    right = sides.values

    def unpaired(compared, relative):
        reading = compared[1].reading
        for recipe in compared[1].recipes:
            reading.value_N[recipe] = np.roll(reading.value_N[recipe], 1)
        return right(compared, relative)

    monkeypatch.setattr(sides, "values", unpaired)
    assert failed() == {"twin_difference"}


@pytest.mark.slow
def test_a_biased_statistic_turns_the_false_verdicts_red(monkeypatch):
    right = family.signflip
    monkeypatch.setattr(family, "signflip", lambda d_NM, alpha: right(d_NM + 0.5 * d_NM.std(0), alpha))
    found = failed()
    assert {"alike_false", "alike_found", "shuffled_excess"} <= found
    assert not {"twin_arrays", "twin_difference", "alike_bias", "selected_bias"} & found, "the estimates are right"


@pytest.mark.slow
def test_a_selection_that_looks_at_test_data_turns_the_selection_red(monkeypatch):
    def peeking(pool, training, tuning_KT, evaluated_KN):
        return int(pool.values("a.loss")[evaluated_KN].mean(1).argmin())

    monkeypatch.setattr(calibrate, "choose", peeking)
    found = failed()
    assert "selected_bias" in found and found <= {"selected_bias", "selected_false"}


@pytest.mark.slow
def test_intervals_that_are_too_short_turn_the_coverage_red(monkeypatch):
    right = family.signflip

    def short(d_NM, alpha):
        result = right(d_NM, alpha)
        ends = {"low": result.low, "high": result.high}
        return dataclasses.replace(
            result, **{key: result.mean + 0.7 * (end - result.mean) for key, end in ends.items()}
        )

    monkeypatch.setattr(family, "signflip", short)
    assert {"covered_each", "covered_all", "covered_alone"} <= failed()


@pytest.mark.slow
def test_trainings_that_differ_turn_red(recorded):
    assert red(figures(recorded, unequal=1)) == {"twin_arrays"}


# ------------------------------------------------- its parts


def test_sets_are_disjoint_and_every_replica_is_dealt():
    one, other = deal(np.random.default_rng(0), 12, 500, 4, 8)
    assert one.shape == (500, 4) and other.shape == (500, 8)
    assert all(set(a) | set(b) == set(range(12)) for a, b in zip(one.tolist(), other.tolist(), strict=True))
    counts = np.bincount(one.ravel(), minlength=12)
    assert counts.min() > 110 and counts.max() < 225  # 500 / 3 each, within five standard deviations


def test_more_than_the_pool_has():
    with pytest.raises(ValueError, match="a draw takes 16 replicas and the pool has 12; give it more seeds"):
        deal(np.random.default_rng(0), 12, 1, 8, 8)


def test_a_dealt_replica_keeps_its_values_under_its_new_name():
    pool = pool_example.pool()
    places = {ONE: np.array([5, 9]), OTHER: np.array([9, 60])}
    atlas = pool.dealt(places, effects={ONE: np.array([0.0, 2.0])})
    loss = pool.values("a.loss")
    dealt = atlas["pool/a"]["loss"].sel(snapshot="final").isel(stop=0, select=0)
    assert dealt.sel(recipe=OTHER).values.tolist() == loss[[9, 60]].tolist()
    assert dealt.sel(recipe=ONE).values == pytest.approx(loss[[5, 9]] + [0, 2 * pool.spread("a.loss")], rel=1e-15)
    assert dealt.attrs["prefer"] == "low"


def test_the_effect_is_planted_in_every_measure_in_units_of_its_differences():
    pool = pool_example.pool()
    none, planted = (pool.dealt({ONE: np.arange(8), OTHER: np.arange(8, 16)}, e) for e in ({}, {ONE: np.ones(8)}))
    for measure, before, after in zip(pool.measures, *(next(pool.judged(a, 1)) for a in (none, planted)), strict=True):
        moved = after.cells["estimate"] - before.cells["estimate"]
        assert moved == pytest.approx(pool.spread(measure), rel=1e-9)


def test_the_selection_is_told_of_the_tuning_replicas_alone():
    pool = pool_example.pool()
    training = {name: pool.group(name).isel(stop=0, select=0, recipe=0) for name in ("trace", "training")}
    loss = training["trace"]["validation_loss"].isel(step=-1).values
    order = np.argsort(loss)
    tuning = np.stack([order[[20, 50]], order[[0, 1]], order[[40, 41]]])
    for evaluated in (order[2:26].reshape(3, 8), order[40:64].reshape(3, 8)):
        assert calibrate.choose(pool, training, tuning, evaluated) == 1


def test_a_pool_whose_replicas_are_equal_or_lost():
    def constant(groups):
        groups["a"]["loss"][:] = 0.5

    def lost(groups):
        groups["a"]["loss"].loc[{"seed": 7, "snapshot": "final"}] = np.nan

    with pytest.raises(PoolError, match=r"config.yaml: calibration: a.loss is 0.5 in every replica; choose a measure"):
        pool_example.pool(change=constant)
    with pytest.raises(PoolError, match=r"a.loss has no value at seeds \[7\], which diverged"):
        pool_example.pool(change=lost)


@pytest.mark.parametrize("name", SHAPES)
def test_shapes_have_mean_0_and_deviation_1(name):
    values = SHAPES[name].draw(np.random.default_rng(3), (1_000_000,))
    heavy = 0.1 if name.startswith("Student") else 0.02  # its fourth moment is infinite
    assert values.mean() == pytest.approx(0, abs=0.005) and values.std() == pytest.approx(1, abs=heavy)


def test_the_detectable_effect_has_the_power_that_is_said():
    # 2000 normal samples of 8: 0.8 within four standard errors, less 0.005 that the flips lose against t
    rng = np.random.default_rng(4)
    found = [family.signflip(rng.normal(detectable(8), 1, (8, 1)), 0.05).low[0] > 0 for _ in range(2000)]
    assert 0.76 < np.mean(found) < 0.836
    assert attained(8) == 12 * smallest_p(8) == 0.09375


def test_a_figure_that_is_not_a_number_never_holds():
    assert not trust.holds(trust.Figure("alike_bias", "a.loss", math.nan))
    assert trust.told(trust.Figure("twin_arrays", "", 2, 0, 0)) == "all measures: 2, exactly 0: OUT OF RANGE"


def test_bounds_are_those_of_the_binomial():
    # P(X > 64) <= 1e-4 < P(X > 63) for X of 400 trials at 0.1
    assert rates.most(0.1, 400) == 0.16
    assert rates.least(0.8, 400) == pytest.approx(0.7225)

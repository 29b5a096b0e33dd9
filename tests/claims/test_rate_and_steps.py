"""Measures that are functions of rate and steps are known as such, and no others."""

import numpy as np
import pytest
import statsmodels.api as sm

from imprint.claims import rate_and_steps, tell
from imprint.claims.runs import Runs

RATE = np.array([[0.1, 0.2, 0.5], [0.001, 0.002, 0.005]])


@pytest.fixture
def runs():
    """Two optimizers whose rates tell them apart, three features: to be set."""
    random = np.random.default_rng(0)
    optimizer, setting, seed = np.indices((2, 3, 8)).reshape(3, -1)
    steps = np.round(20 / (setting + 1) + 5 * random.normal(size=48) + 40)
    names = np.array(["a.signed", "b.rate", "c.own"], object)
    rate = RATE[optimizer, setting]
    x = np.column_stack([7 * rate * steps, np.log(rate), random.normal(size=48)])
    return Runs(x, names, optimizer, seed, setting, steps)


def test_paths_of_updates_of_fixed_length_and_functions_of_the_rate_are_excluded(runs):
    np.testing.assert_allclose(rate_and_steps.explained(runs)[:2], 1, atol=1e-9)
    assert rate_and_steps.excluded(runs).tolist() == [True, True, False]


def test_they_would_tell_optimizers_apart_that_leave_the_same(runs):
    out = rate_and_steps.excluded(runs)
    assert tell.trial(runs, draws=1).accuracy > 0.9  # a smooth function of rates that do not overlap
    assert tell.trial(runs.features(~out), draws=1).accuracy < 0.75


def test_an_optimizers_level_is_no_function_of_rate_and_steps(runs):
    runs.x_NF[:, 2] += 100 * runs.optimizer_N
    assert not rate_and_steps.excluded(runs)[2]


def test_what_is_a_function_under_one_optimizer_alone_is_kept(runs):
    runs.x_NF[:24, 2] = runs.x_NF[:24, 0]
    assert not rate_and_steps.excluded(runs)[2]


@pytest.mark.parametrize("optimizer", [0, 1])
def test_an_optimizer_under_which_it_is_constant_has_no_say(runs, optimizer):
    runs.x_NF[runs.optimizer_N == optimizer] = 0.1
    assert rate_and_steps.excluded(runs).tolist() == [True, True, False]
    runs.x_NF[:] = runs.optimizer_N[:, None]
    assert np.isnan(rate_and_steps.explained(runs)).all() and not rate_and_steps.excluded(runs).any()


def test_too_few_values_have_no_say(runs):
    few = runs.some(runs.seed_N < 2)  # six runs of an optimizer and six parameters
    assert not rate_and_steps.excluded(few)[2]


def test_named_measures_are_excluded_whatever_explains_them(runs):
    runs.measure_F[2] = "path_length.straightness"
    assert rate_and_steps.excluded(runs)[2]


def test_explained_is_statsmodels_adjusted_r_squared(runs):
    found = []
    for optimizer in (0, 1):
        own = runs.optimizer_N == optimizer
        levels = np.eye(3)[runs.setting_N[own]]
        design = np.hstack([levels, levels * np.log(runs.steps_N[own, None])])
        found.append(sm.OLS(runs.x_NF[own, 2], design, hasconst=True).fit().rsquared_adj)
    assert rate_and_steps.explained(runs)[2] == pytest.approx(min(found), rel=1e-9)


def test_values_that_are_lacking_are_left_out_of_the_regression(runs):
    runs.x_NF[::7, 0] = np.nan
    assert rate_and_steps.explained(runs)[0] > 0.9

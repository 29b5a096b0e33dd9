"""Restricted maximum likelihood: equal to the analysis of variance and to statsmodels, and a maximum."""

import numpy as np
import pandas as pd
import pytest
from statsmodels.regression.mixed_linear_model import MixedLM
from variance_example import drawn

from imprint.claims import anova, reml
from imprint.claims.design import Design

SEEDS = Design(("init", "order"))
CROSSED = Design(("optimizer", "rate", "init", "order"))
DESIGNS = {
    ("optimizer", "seed"): (7, 8),
    ("task", "optimizer", "seed"): (2, 4, 6),
    ("optimizer", "setting", "seed"): (2, 3, 5),
    ("optimizer", "rate", "init", "order"): (2, 3, 4, 3),
}


def sparse(random, design, shape):
    """Values of which about a third of the components are 0."""
    sizes = random.exponential(size=len(design.terms)) * (random.random(len(design.terms)) < 2 / 3)
    sizes[-1] += 0.3
    return drawn(random, design, dict(zip(design.terms, sizes, strict=True)), shape)


def criterion(component, y, design):
    """Minus twice the restricted log-likelihood, from its definition, with dense matrices alone."""
    place = np.nonzero(np.isfinite(y))
    axis = dict(zip(design.axes, place, strict=True))
    covariance = sum(
        size * np.all([axis[a][:, None] == axis[a] for a in term], axis=0)
        for size, term in zip(component, design.terms.values(), strict=True)
    )
    x, values = np.ones((len(place[0]), 1)), y[place]
    inverse = np.linalg.inv(covariance)
    rest = values - x @ np.linalg.solve(x.T @ inverse @ x, x.T @ inverse @ values)
    return np.linalg.slogdet(covariance)[1] + np.linalg.slogdet(x.T @ inverse @ x)[1] + rest @ inverse @ rest


def holes(random, y, count):
    y = y.copy()
    y.flat[random.choice(y.size, count, replace=False)] = np.nan
    return y


@pytest.mark.parametrize("axes", DESIGNS)
def test_equal_to_the_analysis_of_variance_where_no_estimate_is_below_zero(axes):
    # an identity (Searle 1992, section 4.6); Fisher scoring is then exact in one step
    random, design, positive = np.random.default_rng(1), Design(axes), 0
    large = dict.fromkeys(design.terms, 4.0) | {"residual": 0.1}
    for _ in range(200):
        y = drawn(random, design, large, DESIGNS[axes])
        expected = anova.components(y, design)
        if expected.min() > 0:
            positive += 1
            np.testing.assert_allclose(reml.balanced(y, design), expected, rtol=1e-9, atol=1e-9)
    assert positive >= 5


@pytest.mark.parametrize("axes", DESIGNS)
@pytest.mark.parametrize("missing", [0, 3])
def test_no_direction_that_is_left_raises_the_likelihood(axes, missing):
    random, design = np.random.default_rng(2), Design(axes)
    for _ in range(4):
        y = sparse(random, design, DESIGNS[axes])
        y = holes(random, y, missing)
        found = (reml.dense if missing else reml.balanced)(y, design)
        step = 1e-6 * found.sum()
        for place in range(len(found)):
            up, down = found.copy(), found.copy()
            up[place] += step
            down[place] = max(down[place] - step, 0)
            slope = (criterion(up, y, design) - criterion(down, y, design)) / (up[place] - down[place]) * found.sum()
            # criteria near 100 are known to 1e-13 of them, over a step of 1e-6: 1e-5; a step times the curvature, 1e-4
            assert slope > -1e-3
            assert found[place] <= step or abs(slope) < 1e-3


@pytest.mark.parametrize("axes", DESIGNS)
def test_the_likelihood_of_mean_squares_is_that_of_the_values(axes):
    random, design = np.random.default_rng(3), Design(axes)
    for _ in range(5):
        y = sparse(random, design, DESIGNS[axes])
        found = reml.balanced(y, design)
        np.testing.assert_allclose(reml.dense(y, design), found, atol=1e-7 * found.sum())


@pytest.mark.parametrize("missing", [0, 6])
def test_equal_to_statsmodels(missing):
    random = np.random.default_rng(2)
    y = 2 * random.normal(size=(6, 1)) + 1.5 * random.normal(size=(1, 7)) + random.normal(size=(6, 7))
    y = holes(random, y, missing)
    init, order = np.nonzero(np.isfinite(y))
    data = pd.DataFrame({"y": y[init, order], "init": init, "order": order, "all": 1})
    parts = {"init": "0 + C(init)", "order": "0 + C(order)"}
    model = MixedLM.from_formula("y ~ 1", groups="all", re_formula="0", vc_formula=parts, data=data)
    fitted = model.fit(reml=True)
    named = dict(zip(model.exog_vc.names, fitted.vcomp, strict=True))
    found = reml.dense(y, SEEDS)
    # that optimizer stops where the likelihood is flat to 1e-5; the estimates move with its square root
    assert [named["init"], named["order"], fitted.scale] == pytest.approx(found.tolist(), rel=0.02)


def test_planted_components_come_back_without_a_fifth_of_the_values():
    random, draws, shape = np.random.default_rng(4), 60, (12, 14)
    planted = {"init": 4.0, "order": 2.0, "residual": 1.0}
    found = np.array([reml.dense(holes(random, drawn(random, SEEDS, planted, shape), 33), SEEDS) for _ in range(draws)])
    error = found.std(0, ddof=1) / np.sqrt(draws)
    assert np.all(np.abs(found.mean(0) - list(planted.values())) < 4 * error)  # no estimate is near 0, so no bias


def test_estimates_follow_the_unit():
    y = holes(np.random.default_rng(0), sparse(np.random.default_rng(5), SEEDS, (6, 7)), 4)
    np.testing.assert_allclose(reml.dense(7 - 100 * y, SEEDS), 1e4 * reml.dense(y, SEEDS), rtol=1e-6, atol=1e-3)


def test_no_residual_has_no_maximum():
    assert reml.balanced(np.array([[0.0, 2.0], [4.0, 6.0]]), SEEDS) is None


def test_terms_that_cannot_be_told_apart_are_not_estimated():
    y = np.full((4, 4), np.nan)
    np.fill_diagonal(y, [1.0, 2.0, 4.0, 8.0])  # every run has an init and an order of its own
    assert reml.dense(y, SEEDS) is None

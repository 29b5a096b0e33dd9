"""Shares of variance: planted components come back, by hand, by another estimator, with the coverage that is said."""

import itertools
import re

import numpy as np
import pandas as pd
import pytest
from statsmodels.regression.mixed_linear_model import MixedLM

from imprint.claims import shares
from imprint.claims.shares import AXES, TERMS

SHAPE = (4, 3, 8, 6)
CROSSED = {"init": "i", "order": "o", "residual": "io"}


def drawn(random, component, shape=SHAPE, draw="normal"):
    """Values with these components of variance: one draw for each level of a term, spread over the others."""
    parts = []
    for name, size in component.items():
        levels = [n if axis in TERMS[name] else 1 for axis, n in zip(AXES, shape, strict=True)]
        effect = random.normal(size=levels) if draw == "normal" else random.exponential(size=levels) - 1
        parts.append(np.sqrt(size) * effect)
    return np.broadcast_to(sum(parts), shape)


@pytest.mark.parametrize(
    ("y", "expected"),
    [
        ([[1, 2], [3, 8]], (6, 2.5, 4)),  # squares 16, 9, 4: (16 - 4) / 2, (9 - 4) / 2, 4
        ([[0, 2], [4, 6]], (8, 2, 0)),  # additive: no residual, (16 - 0) / 2, (4 - 0) / 2
        ([[1, -1], [-1, 1]], (-2, -2, 4)),  # nothing but the interaction: both estimates are below 0
    ],
)
def test_two_by_two_by_hand(y, expected):
    assert shares.components(np.array(y, float), CROSSED, "io").tolist() == list(expected)


def test_nested_by_hand():
    # optimizers 0 and 10, rates +-1 around them, nothing else: rates 2, means differ with variance 50, of it 2/2 rates'
    p, r = np.array([0.0, 10.0])[:, None], np.array([-1.0, 1.0])
    y = np.broadcast_to((p + r)[:, :, None, None], (2, 2, 3, 3))
    found = dict(zip(TERMS, shares.components(y).tolist(), strict=True))
    assert found.pop("rate") == pytest.approx(2, abs=1e-12)
    assert found.pop("optimizer") == pytest.approx(49, abs=1e-12)
    assert list(found.values()) == pytest.approx([0] * 9, abs=1e-12)  # rounding of a few sums of numbers near 10


@pytest.mark.parametrize("name", TERMS)
def test_each_component_is_recovered_from_noise_free_planting(name):
    # the estimate's mean over draws of a lone component 4 is 4; its deviation at n levels is 4 sqrt(2 / n) at most
    random, draws = np.random.default_rng(5), 300
    found = np.mean([shares.components(drawn(random, {name: 4.0})) for _ in range(draws)], axis=0)
    levels = {"optimizer": 3, "rate": 8, "init": 7, "order": 5}.get(name, 15)
    error = 4 * np.sqrt(2 / levels / draws)
    assert found[list(TERMS).index(name)] == pytest.approx(4, abs=4 * error)
    others = np.delete(found, list(TERMS).index(name))
    assert np.abs(others).max() < 4 * error


def test_planted_components_are_recovered_together():
    random, draws = np.random.default_rng(6), 400
    planted = dict(zip(TERMS, (9.0, 4.0, 3.0, 2.0, 1.0, 1.5, 0.5, 0.8, 0.6, 1.2, 2.5), strict=True))
    found = np.array([shares.components(drawn(random, planted)) for _ in range(draws)])
    error = found.std(0, ddof=1) / np.sqrt(draws)
    assert np.all(np.abs(found.mean(0) - list(planted.values())) < 4 * error)  # unbiased: within 4 standard errors


def test_components_agree_with_restricted_maximum_likelihood():
    # in a balanced design both are equal wherever no estimate is below 0 (Searle 1992, section 4.6)
    random = np.random.default_rng(2)
    y = 2 * random.normal(size=(6, 1)) + 1.5 * random.normal(size=(1, 7)) + random.normal(size=(6, 7))
    found = shares.components(y, CROSSED, "io")
    assert found.min() > 0
    init, order = np.indices(y.shape).reshape(2, -1)
    data = pd.DataFrame({"y": y.ravel(), "init": init, "order": order, "all": 1})
    parts = {"init": "0 + C(init)", "order": "0 + C(order)"}
    model = MixedLM.from_formula("y ~ 1", groups="all", re_formula="0", vc_formula=parts, data=data)
    fitted = model.fit(reml=True)
    named = dict(zip(model.exog_vc.names, fitted.vcomp, strict=True))
    # the optimizer stops where the likelihood is flat to 1e-5; the estimates move with its square root
    assert [named["init"], named["order"], fitted.scale] == pytest.approx(found.tolist(), rel=0.02)


def test_shares_sum_to_one_and_do_not_depend_on_the_unit():
    y = drawn(np.random.default_rng(0), dict.fromkeys(TERMS, 1.0))
    found, scaled = shares.shares(y), shares.shares(7 - 100 * y)
    assert found.reason == "" and found.share.sum() == pytest.approx(1, abs=1e-12)
    assert np.all(found.share >= 0) and np.all(found.low <= found.high)
    for one, other in ((found.share, scaled.share), (found.low, scaled.low), (found.high, scaled.high)):
        np.testing.assert_allclose(one, other, atol=1e-10)
    np.testing.assert_allclose(scaled.component, 1e4 * found.component, rtol=1e-8, atol=1e-8)


def test_what_is_below_zero_has_no_share():
    assert shares.normalized(np.array([3.0, -2.0, 1.0])).tolist() == [0.75, 0, 0.25]
    assert np.isnan(shares.normalized(np.array([-1.0, 0.0]))).all()


def missing(y):
    y[0, 0, 0, :2] = np.nan
    return y


@pytest.mark.parametrize(
    ("y", "reason"),
    [
        (np.full(SHAPE, 0.1), "constant"),
        (0.1 + 2e-17 * np.random.default_rng(0).normal(size=SHAPE), "constant"),  # in the last bit
        (missing(np.random.default_rng(0).normal(size=SHAPE)), "2 of 576 replicas have no value"),
        (np.zeros((4, 1, 8, 6)), "optimizers x .* and are 4 x 1 x 8 x 6"),
    ],
)
def test_where_there_are_no_shares_a_reason_is_given(y, reason):
    found = shares.shares(y)
    assert np.isnan([found.share, found.low, found.high, found.component]).all()
    assert re.fullmatch(reason, found.reason)


def test_two_seeds_have_shares_without_an_interval():
    found = shares.shares(drawn(np.random.default_rng(0), dict.fromkeys(TERMS, 1.0), (2, 2, 2, 4)))
    assert found.share.sum() == pytest.approx(1) and np.isnan(found.low).all()


def test_repeated_seeds_are_accounted_for_exactly():
    # the mean of the components over every possible draw, against the matrix that says it
    shape = (2, 2, 3, 2)
    y = np.random.default_rng(1).normal(size=shape)
    every = [
        shares.components(y[:, :, list(init)][:, :, :, list(order)])
        for init in itertools.product(range(3), repeat=3)
        for order in itertools.product(range(2), repeat=2)
    ]
    np.testing.assert_allclose(np.mean(every, 0), shares.repeated(shape) @ shares.components(y), atol=1e-12)


def test_a_draw_takes_whole_seeds():
    y = np.arange(36.0).reshape(1, 1, 6, 6)
    drawn_BIO = shares.resampled(y, 5)[:, 0, 0]
    assert drawn_BIO.shape == (5, 6, 6)
    init, order = np.divmod(drawn_BIO, 6)
    assert np.all(init == init[:, :, :1]) and np.all(order == order[:, :1])
    assert np.array_equal(shares.resampled(y, 5)[:, 0, 0], drawn_BIO) and len(np.unique(init)) == 6


@pytest.mark.slow
@pytest.mark.parametrize(
    ("planted", "draw", "said"),
    [
        ("even", "normal", 0.93),
        ("seeds", "normal", 0.93),
        ("optimizer", "normal", 0.93),
        ("even", "skewed", 0.82),
        ("seeds", "skewed", 0.82),
    ],
)
def test_coverage_of_the_interval(planted, draw, said):
    sizes = {
        "even": (1, 1, 1, 1, 1, 1, 1, 1, 1),
        "seeds": (1, 1, 0.1, 0.25, 0.25, 0.1, 0.1, 0.1, 0.25),
        "optimizer": (0.04, 0.01, 0.01, 0.01, 0.01, 0.01, 0.01, 0.01, 0.04),
    }[planted]
    seeds = dict(zip(list(TERMS)[2:], sizes, strict=True))
    fixed = np.add.outer([0, 0.5, 1, 2], [-0.5, 0, 0.6])[:, :, None, None]  # the same optimizers and rates every time
    rates, means = fixed.var(1, ddof=1).mean(), fixed.mean(1).var(ddof=1)
    truth = np.array([means - rates / 3, rates, *sizes])
    truth /= truth.sum()
    random, draws = np.random.default_rng(8), 200
    held = np.zeros(len(TERMS))
    for _ in range(draws):
        found = shares.shares(fixed + drawn(random, seeds, draw=draw))
        held += (found.low <= truth) & (truth <= found.high)
    print(planted, draw, dict(zip(TERMS, (held / draws).tolist(), strict=True)))
    # at least what is said, less 3 standard errors of a rate from 200 draws
    assert (held / draws).min() > said - 3 * np.sqrt(said * (1 - said) / draws)

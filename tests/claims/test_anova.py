"""Analysis of variance: by hand, and unbiased for planted components."""

import numpy as np
import pytest
from variance_example import drawn

from imprint.claims import anova
from imprint.claims.design import Design

SEEDS = Design(("init", "order"))
CROSSED = Design(("optimizer", "rate", "init", "order"))
SHAPE = (4, 3, 8, 6)


@pytest.mark.parametrize(
    ("y", "expected"),
    [
        ([[1, 2], [3, 8]], (6, 2.5, 4)),  # squares 16, 9, 4: (16 - 4) / 2, (9 - 4) / 2, 4
        ([[0, 2], [4, 6]], (8, 2, 0)),  # additive: no residual, (16 - 0) / 2, (4 - 0) / 2
        ([[1, -1], [-1, 1]], (-2, -2, 4)),  # nothing but the interaction: both estimates are below 0
    ],
)
def test_two_by_two_by_hand(y, expected):
    assert anova.components(np.array(y, float), SEEDS).tolist() == list(expected)


def test_nested_by_hand():
    # optimizers 0 and 10, rates +-1 around them, nothing else: rates 2, means differ with variance 50, of it 2/2 rates'
    p, r = np.array([0.0, 10.0])[:, None], np.array([-1.0, 1.0])
    y = np.broadcast_to((p + r)[:, :, None, None], (2, 2, 3, 3))
    found = dict(zip(CROSSED.terms, anova.components(y, CROSSED).tolist(), strict=True))
    assert found.pop("rate") == pytest.approx(2, abs=1e-12)
    assert found.pop("optimizer") == pytest.approx(49, abs=1e-12)
    assert list(found.values()) == pytest.approx([0] * 9, abs=1e-12)  # rounding of a few sums of numbers near 10


def test_freedom_and_squares_are_all_there_is():
    y = np.random.default_rng(0).normal(size=SHAPE)
    freedom = anova.freedom(SHAPE, CROSSED)
    assert freedom.sum() == y.size - 1
    assert freedom @ anova.mean_squares(y, CROSSED) == pytest.approx(y.size * y.var(), rel=1e-12)


@pytest.mark.parametrize("name", CROSSED.terms)
def test_each_component_is_recovered_from_noise_free_planting(name):
    # the estimate's mean over draws of a lone component 4 is 4; its deviation at n levels is 4 sqrt(2 / n) at most
    random, draws = np.random.default_rng(5), 300
    found = np.mean([anova.components(drawn(random, CROSSED, {name: 4.0}, SHAPE), CROSSED) for _ in range(draws)], 0)
    levels = {"optimizer": 3, "rate": 8, "init": 7, "order": 5}.get(name, 15)
    error = 4 * np.sqrt(2 / levels / draws)
    place = list(CROSSED.terms).index(name)
    assert found[place] == pytest.approx(4, abs=4 * error)
    assert np.abs(np.delete(found, place)).max() < 4 * error


def test_planted_components_are_recovered_together():
    random, draws = np.random.default_rng(6), 400
    sizes = (9.0, 4.0, 3.0, 2.0, 1.5, 0.5, 0.8, 0.6, 1.0, 1.2, 2.5)
    planted = dict(zip(CROSSED.terms, sizes, strict=True))
    found = np.array([anova.components(drawn(random, CROSSED, planted, SHAPE), CROSSED) for _ in range(draws)])
    error = found.std(0, ddof=1) / np.sqrt(draws)
    assert np.all(np.abs(found.mean(0) - sizes) < 4 * error)  # unbiased: within 4 standard errors

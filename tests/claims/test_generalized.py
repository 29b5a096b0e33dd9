"""Intervals of shares: known limits, and how often they hold the truth."""

import numpy as np
import pytest
from variance_example import drawn

from imprint.claims import anova, generalized
from imprint.claims.design import Design
from imprint.claims.shares import interval, normalized

PAIRED = Design(("optimizer", "seed"))
TASKS = Design(("task", "optimizer", "seed"))
CROSSED = Design(("optimizer", "rate", "init", "order"))
SHAPES = {PAIRED: (7, 8), TASKS: (2, 4, 8), CROSSED: (4, 3, 8, 5)}
EVEN = {
    PAIRED: (1.0, 1.0, 1.0),
    TASKS: (1.0, 0.5, 0.3, 0.3, 0.1, 0.1, 0.3),
    CROSSED: (1.0, 0.5, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3),
}
UNEVEN = {
    PAIRED: (0.02, 1.0, 1.0),
    TASKS: (0.0, 0.01, 1.0, 0.05, 0.3, 0.0, 1.0),
    CROSSED: (1.0, 0.5, 1.0, 0.1, 0.1, 0.1, 0.1, 0.25, 0.25, 0.25, 0.3),
}
SURE = {PAIRED: (1.0, 0.1, 0.3), TASKS: (9.0, 9.0, 0.1, 9.0, 0.1, 0.1, 0.1), CROSSED: (9.0, 4.0, *[0.1] * 9)}


def test_many_seeds_leave_no_doubt():
    y = drawn(np.random.default_rng(0), PAIRED, {"optimizer": 2.0, "seed": 1.0, "residual": 1.0}, (5, 40000))
    found = generalized.components(y, PAIRED)
    # the variance of 40000 normal values has a deviation of sqrt(2 / 40000) of it, of the seeds' means 1.2 times that:
    # 0.85 %, and of 6000 draws none is six of these away
    np.testing.assert_allclose(found, np.broadcast_to(anova.components(y, PAIRED), found.shape), rtol=0.05)


def test_components_of_seeds_are_those_of_inverse_chi_squares():
    y = drawn(np.random.default_rng(1), PAIRED, {"optimizer": 1.0, "seed": 1.0, "residual": 1.0}, (7, 8))
    square, freedom = anova.mean_squares(y, PAIRED)[2], 42
    found = generalized.components(y, PAIRED)[:, 2]
    # the mean of 1 / chi-square with f degrees of freedom is 1 / (f - 2), its deviation that times sqrt(2 / (f - 4))
    expected = square * freedom / (freedom - 2)
    error = expected * np.sqrt(2 / (freedom - 4) / generalized.DRAWS)
    assert found.mean() == pytest.approx(expected, abs=4 * error)


def test_draws_are_the_same_every_time():
    y = np.random.default_rng(2).normal(size=(4, 5))
    assert np.array_equal(generalized.components(y, PAIRED), generalized.components(y, PAIRED))


def test_two_levels_of_a_seed_have_no_interval():
    y = np.random.default_rng(3).normal(size=(2, 2, 2, 4))
    assert np.isnan(interval(y, CROSSED)).all()
    assert np.isfinite(interval(np.random.default_rng(3).normal(size=(2, 2, 3, 4)), CROSSED)).all()


@pytest.mark.slow
@pytest.mark.parametrize(("draw", "said"), [("normal", 0.92), ("skewed", 0.81)])
@pytest.mark.parametrize("planted", [EVEN, UNEVEN, SURE], ids=["even", "uneven", "sure"])
@pytest.mark.parametrize("design", SHAPES, ids=lambda design: "-".join(design.axes))
def test_coverage_of_the_interval(design, planted, draw, said):
    random, draws, shape = np.random.default_rng(8), 400, SHAPES[design]
    sizes = dict(zip(design.terms, planted[design], strict=True))
    at_hand = {name: size * (not set(design.terms[name]) & set(design.seeds)) for name, size in sizes.items()}
    fixed = drawn(random, design, at_hand, shape)  # the same tasks, optimizers and rates every time
    seeds = {name: size for name, size in sizes.items() if not at_hand[name]}
    of_fixed = dict(zip(design.terms, anova.components(fixed, design), strict=True))
    truth = normalized(np.array([of_fixed[name] if at_hand[name] else sizes[name] for name in sizes]))
    held = np.zeros(len(truth))
    for _ in range(draws):
        low, high = interval(fixed + drawn(random, design, seeds, shape, draw), design)
        held += (low <= truth) & (truth <= high)
    print(dict(zip(design.terms, (held / draws).tolist(), strict=True)))
    # at least what is said, less 3 standard errors of a rate from these draws
    assert (held / draws).min() > said - 3 * np.sqrt(said * (1 - said) / draws)

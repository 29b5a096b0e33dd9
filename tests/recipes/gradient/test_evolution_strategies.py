"""Evolution strategies against scipy's ranks, their invariance, and linear losses."""

import math

import pytest
import torch
from parts_example import Quadratic, drawn, numbers, quadratic
from scipy.stats import rankdata

from imprint.recipes.gradient.evolution_strategies import centred_ranks, gradient


class Through:
    """A loss that passes through a function."""

    def __init__(self, oracle, function):
        self.oracle, self.function = oracle, function

    def loss(self, weights):
        return self.function(self.oracle.loss(weights))


def test_against_the_definition():
    oracle, weights = quadratic()
    loss, found = gradient(oracle, weights, drawn(weights), population=8, sigma=0.1)
    assert oracle.losses == 8 + 1
    noise = drawn(weights).normal(4)
    noise = torch.cat([noise, -noise], 1)
    for r in range(3):
        members = [oracle.loss(weights + 0.1 * noise[:, i])[r].item() for i in range(8)]
        ranks = (torch.tensor(rankdata(members)) - 1) / 7 - 0.5
        expected = (ranks.unsqueeze(1) * noise[r]).sum(0) / (8 * 0.1)
        # a sum of eight numbers of order 1
        torch.testing.assert_close(found[r], expected, rtol=0, atol=1e-13)
    assert torch.equal(loss, oracle.loss(weights))


def test_only_the_order_of_the_losses_counts():
    oracle, weights = quadratic()
    plain = gradient(oracle, weights, drawn(weights))[1]
    for function in (lambda loss: 100 * loss - 7, torch.sigmoid):
        assert torch.equal(gradient(Through(oracle, function), weights, drawn(weights))[1], plain)


def test_without_a_slope_there_is_no_gradient():
    oracle, weights = quadratic()
    assert not gradient(Through(oracle, torch.zeros_like), weights, drawn(weights))[1].any()


def test_one_pair_on_a_line():
    """The worse member of a pair has the rank 1/2, the better -1/2, so that the estimate is |e| / (2 sigma)."""
    weights = torch.zeros(4, 1, dtype=torch.float64)
    oracle = Quadratic(torch.zeros(1, 1, dtype=torch.float64), torch.full_like(weights, 3.0))
    _, found = gradient(oracle, weights, drawn(weights), population=2, sigma=0.5)
    torch.testing.assert_close(found, drawn(weights).normal(1)[:, 0].abs(), rtol=1e-15, atol=0)


def test_the_direction_on_a_linear_loss():
    """In expectation the estimate lies along the gradient: what is across is noise."""
    slope = numbers(1, 5)
    oracle, weights = Quadratic(torch.zeros(5, 5, dtype=torch.float64), slope), torch.zeros(1, 5, dtype=torch.float64)
    count, sigma = 2000, 0.02
    _, found = gradient(oracle, weights, drawn(weights), population=count, sigma=sigma)
    along = slope / slope.norm()
    # with z the noise along the slope, rank - 1/2 is F(z) - 1/2, and E[z (F(z) - 1/2)] = 1 / (2 sqrt(pi))
    assert (found * along).sum().item() * sigma == pytest.approx(1 / (2 * math.sqrt(math.pi)), rel=0.05)
    across = (found - (found * along).sum() * along) * sigma
    # count / 2 independent pairs, each 2 (F(z) - 1/2) e / 2 with variance 1/12: five standard errors
    assert (across.abs() <= 5 * math.sqrt(1 / 12 / (count / 2))).all()


def test_ranks():
    losses = torch.tensor([[3.0, 1.0, 2.0], [1.0, 1.0, 5.0], [torch.nan, 2.0, -torch.inf]], dtype=torch.float64)
    assert centred_ranks(losses).tolist() == [[0.5, -0.5, 0.0], [-0.25, -0.25, 0.5], [0.5, 0.0, -0.5]]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"population": 3}, "population 3 is not an even number"),
        ({"population": 0}, "population 0 is not an even number"),
        ({"sigma": 0.0}, "sigma 0.0 is not positive"),
    ],
)
def test_what_cannot_be_is_refused(options, message):
    oracle, weights = quadratic()
    with pytest.raises(ValueError, match=message):
        gradient(oracle, weights, drawn(weights), **options)

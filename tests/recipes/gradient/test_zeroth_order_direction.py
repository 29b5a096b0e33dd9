"""Finite differences along directions against exact gradients of quadratic losses."""

import pytest
import torch
from parts_example import Quadratic, drawn, numbers, quadratic

from imprint.recipes.gradient.zeroth_order_direction import gradient

ROUNDING = {"rtol": 0, "atol": 1e-11}  # losses of order 10, rounded to 1e-15, divided by twice the step 1e-3


class Hadamard:
    """Draws the four rows of a Hadamard matrix, whose mean of ``u u'`` is the identity."""

    def signs(self, count):
        rows = torch.tensor([[1, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1]], dtype=torch.float64)
        return rows.expand(3, -1, -1)


@pytest.mark.parametrize("distribution", ["normal", "signs"])
def test_each_direction_gives_the_slope_along_it(distribution):
    oracle, weights = quadratic()
    loss, found = gradient(oracle, weights, drawn(weights), directions=5, distribution=distribution)
    assert oracle.losses == 2 * 5 + 1
    directions = getattr(drawn(weights), distribution)(5)
    slopes = torch.einsum("rkp,rp->rk", directions, oracle.slope_at(weights))
    torch.testing.assert_close(found, torch.einsum("rk,rkp->rp", slopes, directions) / 5, **ROUNDING)
    assert torch.equal(loss, oracle.loss(weights))


def test_a_complete_set_of_directions_gives_the_gradient():
    oracle, weights = quadratic(columns=4)
    _, found = gradient(oracle, weights, Hadamard(), directions=4, distribution="signs")
    torch.testing.assert_close(found, oracle.slope_at(weights), **ROUNDING)


@pytest.mark.parametrize("distribution", ["normal", "signs"])
def test_unbiased_on_a_linear_loss(distribution):
    slope = numbers(1, 5)
    oracle, weights = Quadratic(torch.zeros(5, 5, dtype=torch.float64), slope), torch.zeros(1, 5, dtype=torch.float64)
    count = 4000
    _, found = gradient(oracle, weights, drawn(weights), directions=count, distribution=distribution)
    # the variance of u_i (u'g) is at most |g|^2 + g_i^2 (normal numbers); five standard errors of the fixed draws
    error = ((slope.square().sum() + slope.square()) / count).sqrt()
    assert ((found - slope).abs() <= 5 * error).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"distribution": "uniform"}, "distribution 'uniform' is not 'normal' or 'signs'"),
        ({"directions": 0}, "directions 0 is less than 1"),
        ({"step": -1.0}, "step -1.0 is not positive"),
    ],
)
def test_what_cannot_be_is_refused(options, message):
    oracle, weights = quadratic()
    with pytest.raises(ValueError, match=message):
        gradient(oracle, weights, drawn(weights), **options)

"""Finite differences along coordinates against exact gradients of quadratic losses."""

import pytest
import torch
from parts_example import drawn, quadratic

from imprint.recipes.gradient.zeroth_order_coordinates import gradient

# losses of order 10 are rounded to 1e-15 and divided by twice the step 1e-3
ROUNDING = {"rtol": 0, "atol": 1e-11}


class Next:
    """Draws the coordinate it is told, for every replica."""

    def __init__(self, place):
        self.place = place

    def choose(self, count):
        return torch.full((3, 1), self.place)


def test_central_differences_are_exact_for_quadratics():
    oracle, weights = quadratic()
    loss, found = gradient(oracle, weights, drawn(weights))
    assert oracle.losses == 2 * 6 + 1
    torch.testing.assert_close(found, oracle.slope_at(weights), **ROUNDING)
    assert torch.equal(loss, oracle.loss(weights))


def test_forward_differences_are_off_by_half_the_curvature():
    oracle, weights = quadratic()
    _, found = gradient(oracle, weights, drawn(weights), difference="forward", step=0.01)
    assert oracle.losses == 6 + 1
    torch.testing.assert_close(found, oracle.slope_at(weights) + 0.005 * oracle.matrix.diagonal(), **ROUNDING)


def test_forward_differences_are_exact_for_linear_losses():
    oracle, weights = quadratic(curved=False)
    _, found = gradient(oracle, weights, drawn(weights), difference="forward")
    torch.testing.assert_close(found, oracle.slope, **ROUNDING)


def test_drawn_coordinates_carry_the_weight_of_all():
    oracle, weights = quadratic()
    draw = drawn(weights)
    chosen = drawn(weights).choose(2)
    _, found = gradient(oracle, weights, draw, coordinates=2)
    expected = torch.zeros_like(weights).scatter(1, chosen, 3 * oracle.slope_at(weights).gather(1, chosen))
    torch.testing.assert_close(found, expected, **ROUNDING)
    assert ((found != 0).sum(1) == 2).all()
    assert len({tuple(row) for row in chosen.sort(1).values.tolist()}) > 1


def test_the_mean_over_all_draws_is_the_gradient():
    oracle, weights = quadratic()
    found = sum(gradient(oracle, weights, Next(place), coordinates=1)[1] for place in range(6)) / 6
    torch.testing.assert_close(found, oracle.slope_at(weights), **ROUNDING)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"difference": "backward"}, "difference 'backward' is not 'central' or 'forward'"),
        ({"step": 0.0}, "step 0.0 is not positive"),
        ({"coordinates": 7}, "coordinates 7 is not between 1 and the 6 weights"),
        ({"coordinates": 0}, "coordinates 0 is not between"),
    ],
)
def test_what_cannot_be_is_refused(options, message):
    oracle, weights = quadratic()
    with pytest.raises(ValueError, match=message):
        gradient(oracle, weights, drawn(weights), **options)

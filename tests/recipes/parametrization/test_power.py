"""Powerpropagation: its inverse, its derivative, and the optimizer of the weights that it equals."""

import pytest
import torch
from parts_example import numbers, quadratic

from imprint.recipes.parametrization.power import split, weight
from imprint.recipes.update.power_propagation import PowerPropagation


@pytest.mark.parametrize("alpha", [1.0, 1.5, 2.0, 3.0, 5.0])
def test_back_to_the_weight(alpha):
    start = numbers(3, 4, 5)
    start[0, 0, 0] = 0
    parameters, fixed = split(start, alpha=alpha)
    assert not fixed
    # two powers, each with an error of a few times |log w| roundings
    torch.testing.assert_close(weight(parameters, fixed, alpha=alpha), start, rtol=1e-14, atol=0)
    torch.testing.assert_close(parameters["phi"], start.sign() * start.abs() ** (1 / alpha), rtol=1e-14, atol=0)


@pytest.mark.parametrize("alpha", [1.0, 1.5, 2.0, 4.0])
def test_the_derivative(alpha):
    phi = numbers(2, 3, 4).requires_grad_()
    assert torch.autograd.gradcheck(lambda phi: weight({"phi": phi}, {}, alpha=alpha), phi)


def test_the_weight_itself_bit_for_bit():
    start = numbers(3, 4, 5)
    start[0, 0, 0] = 0
    phi = split(start, alpha=1.0)[0]["phi"]
    assert torch.equal(phi, start)
    leaf = phi.requires_grad_()
    assert torch.equal(weight({"phi": leaf}, {}, alpha=1.0), start)
    (slope,) = torch.autograd.grad(weight({"phi": leaf}, {}, alpha=1.0).sum(), leaf)
    assert torch.equal(slope, torch.ones_like(start))


def test_at_zero_it_stays():
    leaf = torch.zeros(1, 2, 2, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(weight({"phi": leaf}, {}, alpha=1.5).sum(), leaf)
    assert not slope.any()


@pytest.mark.parametrize("alpha", [1.0, 2.0, 3.0])
def test_gradient_descent_is_the_optimizer_of_the_weights(alpha):
    oracle, start = quadratic(replicas=2, columns=6)
    oracle.matrix = oracle.matrix @ oracle.matrix / 10  # bounded below
    phi = split(start.view(2, 2, 3), alpha=alpha)[0]["phi"]
    held = torch.nn.Parameter(start.clone())
    update = PowerPropagation([held], lr=0.01, alpha=alpha)
    for _ in range(500):
        leaf = phi.detach().requires_grad_()
        weights = weight({"phi": leaf}, {}, alpha=alpha)
        (slope,) = torch.autograd.grad(weights, leaf, oracle.slope_at(weights.detach().flatten(1)).view_as(weights))
        phi = phi - 0.01 * slope
        held.grad = oracle.slope_at(held.detach())
        update.step()
    found = weight({"phi": phi}, {}, alpha=alpha).flatten(1)
    assert (found - start).abs().max() > 0.1
    assert (found - held.detach()).abs().max() < 1e-9  # the tolerance of the known answer


def test_an_exponent_below_one_is_refused():
    with pytest.raises(ValueError, match="alpha 0.5 is less than 1"):
        split(numbers(1, 2, 2), alpha=0.5)

"""ASAM's step: scale invariance, its length, pytorch_optimizer's."""

import pytorch_optimizer
import torch
from parts_example import numbers

from imprint.recipes.perturbation.asam import perturb


def test_without_a_radius_nothing_moves():
    weights = numbers(3, 7)
    assert torch.equal(perturb(weights, numbers(3, 7, seed=1), rho=0.0), weights)


def test_the_step_has_the_length_of_the_radius_in_units_of_the_weights():
    weights, gradient = numbers(3, 7), numbers(3, 7, seed=1)
    relative = (perturb(weights, gradient, rho=0.2, eta=0.1) - weights) / (weights.abs() + 0.1)
    # weights of order 1, divided by numbers down to 0.1
    torch.testing.assert_close(relative.norm(dim=1), torch.full((3,), 0.2, dtype=torch.float64), rtol=1e-13, atol=0)


def test_rescaled_weights_are_perturbed_alike():
    weights, gradient = numbers(3, 7), numbers(3, 7, seed=1)
    scale = numbers(7, seed=2).exp()
    found = perturb(scale * weights, gradient / scale, rho=0.2, eta=0.0)
    torch.testing.assert_close(found, scale * perturb(weights, gradient, rho=0.2, eta=0.0), rtol=1e-14, atol=0)


def test_where_the_gradient_is_zero():
    weights = numbers(2, 7)
    assert torch.equal(perturb(weights, torch.zeros_like(weights)), weights)


def test_against_pytorch_optimizer():
    """Its adaptive SAM is this one without eta."""
    weights, gradient = numbers(1, 7), numbers(1, 7, seed=1)
    parameter = torch.nn.Parameter(weights[0].clone())
    parameter.grad = gradient[0].clone()
    pytorch_optimizer.SAM([parameter], torch.optim.SGD, rho=0.3, adaptive=True, lr=0.1).first_step()
    # theirs has the norm in single precision, and the steps are at most 0.3 * 2 long
    found = perturb(weights, gradient, rho=0.3, eta=0.0)[0]
    torch.testing.assert_close(found, parameter.detach(), rtol=0, atol=1e-7)

"""SAM's step: its length, its identities, pytorch_optimizer's."""

import pytest
import pytorch_optimizer
import torch
from parts_example import numbers

from imprint.recipes.perturbation.sam import perturb


@pytest.mark.parametrize("normalize", [True, False])
def test_without_a_radius_nothing_moves(normalize):
    weights = numbers(3, 7)
    assert torch.equal(perturb(weights, numbers(3, 7, seed=1), rho=0.0, normalize=normalize), weights)


def test_the_step_has_the_length_of_the_radius_along_the_gradient():
    weights, gradient = torch.zeros(3, 7, dtype=torch.float64), numbers(3, 7, seed=1)
    moved = perturb(weights, gradient, rho=0.05)
    # norms of seven numbers
    torch.testing.assert_close(moved.norm(dim=1), torch.full((3,), 0.05, dtype=torch.float64), rtol=1e-15, atol=0)
    torch.testing.assert_close(moved * gradient.norm(dim=1, keepdim=True), 0.05 * gradient, rtol=1e-14, atol=0)


def test_the_unnormalized_step_is_proportional_to_the_gradient():
    weights, gradient = numbers(3, 7), numbers(3, 7, seed=1)
    assert torch.equal(perturb(weights, gradient, rho=0.5, normalize=False), weights + 0.5 * gradient)


def test_where_the_gradient_is_zero_or_tiny():
    weights = numbers(2, 7, dtype=torch.float32)
    gradient = torch.zeros_like(weights)
    gradient[1] = 1e-30
    moved = perturb(weights, gradient, rho=0.1)
    assert torch.equal(moved[0], weights[0])
    # 0.1 / sqrt(7) on weights of order 1, in single precision
    torch.testing.assert_close(moved[1] - weights[1], torch.full((7,), 0.1 / 7**0.5), rtol=0, atol=3e-7)


def test_against_pytorch_optimizer():
    weights, gradient = numbers(1, 7), numbers(1, 7, seed=1)
    parameters = [torch.nn.Parameter(weights[0, :4].clone()), torch.nn.Parameter(weights[0, 4:].clone())]
    parameters[0].grad, parameters[1].grad = gradient[0, :4].clone(), gradient[0, 4:].clone()
    pytorch_optimizer.SAM(parameters, torch.optim.SGD, rho=0.3, lr=0.1).first_step()
    # theirs has the norm in single precision, and the steps are at most 0.3 * 2 long
    expected = torch.cat([p.detach() for p in parameters])
    torch.testing.assert_close(perturb(weights, gradient, rho=0.3)[0], expected, rtol=0, atol=1e-7)

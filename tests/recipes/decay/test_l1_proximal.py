"""Soft thresholding, and the Lasso by proximal and by subgradient steps."""

import functools

import pytest
import torch
from parts_example import numbers
from sklearn.linear_model import Lasso

from imprint.recipes.decay import l1_proximal, l1_subgradient

PENALTIES = torch.tensor([0.1, 0.3, 1.0, 3.0, 10.0], dtype=torch.float64).unsqueeze(1)


def test_the_threshold():
    weights = torch.tensor([[2.0, -2.0, 0.5, -0.5]], dtype=torch.float64)
    change = torch.tensor([[1.0, 1.0, -0.25, 0.25]], dtype=torch.float64)
    rate = torch.tensor([[0.5]], dtype=torch.float64)
    moved = weights + l1_proximal.decay(weights, change, rate, penalty=1.0)
    assert moved.tolist() == [[2.5, -0.5, 0.0, 0.0]]


def test_a_weight_below_the_threshold_is_exactly_zero():
    weights, change = numbers(3, 50), 1e-3 * numbers(3, 50, seed=1)
    rate = torch.full((3, 1), 0.1, dtype=torch.float64)
    moved = weights + l1_proximal.decay(weights, change, rate, penalty=5.0)
    small = (weights + change).abs() < 0.5
    assert 0 < small.sum() < small.numel()
    assert torch.equal(moved == 0, small)


@functools.cache
def problem():
    inputs = numbers(50, 100, seed=4)
    truth = torch.zeros(100, dtype=torch.float64)
    truth[:5] = torch.tensor([3.0, -2.0, 2.0, 1.5, -1.0])
    return inputs, inputs @ truth + 0.1 * numbers(50, seed=5)


@functools.cache
def trained(method):
    """Return the weights after 4,000 steps of 0.2 on ``||Xw - y||^2 / 2n``, one replica per penalty, ``[5, 100]``."""
    inputs, targets = problem()
    # one penalty per replica, [5, 1], stands for five trainings
    options = {"penalty": PENALTIES}
    weights, rate = torch.zeros(5, 100, dtype=torch.float64), torch.full((5, 1), 0.2, dtype=torch.float64)
    for _ in range(4000):
        gradient = (weights @ inputs.T - targets) @ inputs / 50
        if method == "subgradient":
            weights = weights - rate * l1_subgradient.regularize(weights, gradient, **options)
        else:
            weights = weights + l1_proximal.decay(weights, -rate * gradient, rate, **options)
    return weights


@pytest.mark.parametrize("index", range(5))
def test_proximal_steps_solve_the_lasso(index):
    inputs, targets = problem()
    lasso = Lasso(alpha=PENALTIES[index].item(), fit_intercept=False, tol=1e-10, max_iter=100_000)
    expected = torch.from_numpy(lasso.fit(inputs.numpy(), targets.numpy()).coef_)
    found = trained("proximal")[index]
    assert (found - expected).norm() <= 0.01 * expected.norm()
    assert torch.equal(found == 0, expected == 0)


def test_only_proximal_steps_make_zeros():
    assert (trained("proximal") == 0).sum(1).min() > 10
    assert not (trained("subgradient") == 0).any()


def test_a_larger_penalty_can_leave_a_larger_norm():
    """Of subgradient steps, which step over 0 by more; the proximal solution shrinks to 0."""
    by_steps, by_solution = trained("subgradient").abs().sum(1), trained("proximal").abs().sum(1)
    assert (by_steps.diff()[1:] > 0).all()
    assert by_steps[-1] > 10 * by_steps[0]
    assert (by_solution.diff() <= 0).all()
    assert by_solution[-1] == 0

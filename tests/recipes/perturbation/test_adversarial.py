"""Adversarial weight perturbation: each tensor moves by its own share, upwards."""

import torch
from parts_example import LAYOUT, numbers

from imprint.recipes.perturbation.adversarial import perturb


def test_each_tensor_moves_along_its_gradient_by_a_share_of_its_norm():
    weights, gradient = numbers(3, LAYOUT.columns), numbers(3, LAYOUT.columns, seed=1)
    moved = LAYOUT.unflatten(perturb(weights, gradient, LAYOUT, gamma=0.1) - weights)
    for name, w in LAYOUT.unflatten(weights).items():
        for r in range(3):
            g = LAYOUT.unflatten(gradient)[name][r]
            expected = 0.1 * (w[r] ** 2).sum() ** 0.5 * g / (g**2).sum() ** 0.5
            # differences of weights of order 1
            torch.testing.assert_close(moved[name][r], expected, rtol=0, atol=1e-15)


def test_tensors_that_are_zero_or_have_no_gradient_stay():
    weights, gradient = numbers(2, LAYOUT.columns), numbers(2, LAYOUT.columns, seed=1)
    size = LAYOUT.sizes[0]
    weights[0, :size], gradient[1, :size] = 0, 0
    moved = perturb(weights, gradient, LAYOUT, gamma=0.1)
    assert torch.equal(moved[:, :size], weights[:, :size])
    assert (moved[:, size:] != weights[:, size:]).all()


def test_without_a_radius_nothing_moves():
    weights = numbers(2, LAYOUT.columns)
    assert torch.equal(perturb(weights, numbers(2, LAYOUT.columns, seed=1), LAYOUT, gamma=0.0), weights)

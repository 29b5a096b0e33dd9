"""Steepest descent in three norms: sign, spectral and normalized."""

import pytest
import torch

from imprint.recipes.update.normalized_descent import NormalizedDescent
from imprint.recipes.update.sign_descent import SignDescent
from imprint.recipes.update.spectral_descent import SpectralDescent, polar_factor

EPS = torch.finfo(torch.float64).eps


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def parameters(*shapes):
    return [torch.nn.Parameter(draw(*shape, seed=50 + index)) for index, shape in enumerate(shapes)]


def moves(optimizer, gradients):
    """Make one step and return how each parameter moved."""
    held = [p for group in optimizer.param_groups for p in group["params"]]
    before = [p.detach().clone() for p in held]
    for p, gradient in zip(held, gradients, strict=True):
        p.grad = gradient.clone()
    optimizer.step()
    return [p.detach() - old for p, old in zip(held, before, strict=True)]


def test_sign_descent_is_adam_without_memory_and_epsilon():
    one, other = parameters((4, 3), (5,)), parameters((4, 3), (5,))
    ours = SignDescent(one, lr=0.1)
    theirs = torch.optim.Adam(other, lr=0.1, betas=(0.0, 0.0), eps=1e-300)
    for seed in range(10):
        gradients = [draw(4, 3, seed=seed), 1e-6 * draw(5, seed=seed + 20)]
        moves(ours, gradients)
        moves(theirs, gradients)
    for p, q in zip(one, other, strict=True):
        # g / sqrt(g^2) is 1 up to two roundings, in each of ten steps on numbers near 1
        torch.testing.assert_close(p.detach(), q.detach(), rtol=0, atol=40 * EPS)


def test_sign_descent_leaves_a_zero_alone():
    (moved,) = moves(SignDescent(parameters((3,)), lr=0.5), [torch.tensor([2.0, 0.0, -1e-9], dtype=torch.float64)])
    torch.testing.assert_close(moved, torch.tensor([-0.5, 0.0, 0.5], dtype=torch.float64), rtol=0, atol=2 * EPS)


@pytest.mark.parametrize("shape", [(5, 5), (7, 3), (3, 7), (4, 1)])
def test_spectral_descent_moves_along_the_polar_factor(shape):
    gradient = draw(*shape)
    (moved,) = moves(SpectralDescent(parameters(shape), lr=0.1), [gradient])
    # (G G')^(-1/2) G, through eigenvalues; the root loses eps times the squared condition number
    small = gradient if shape[0] <= shape[1] else gradient.mT
    values, vectors = torch.linalg.eigh(small @ small.mT)
    polar = vectors @ torch.diag(values**-0.5) @ vectors.mT @ small
    expected = -0.1 * (polar if shape[0] <= shape[1] else polar.mT)
    assert values[-1] / values[0] < 1e5
    torch.testing.assert_close(moved, expected, rtol=0, atol=1e-10)
    # of all moves of this spectral norm none has a larger product with the gradient: it is lr * nuclear norm
    nuclear = torch.linalg.svdvals(gradient).sum()
    torch.testing.assert_close(-(moved * gradient).sum(), 0.1 * nuclear, rtol=1e-13, atol=0)
    assert torch.linalg.matrix_norm(moved, 2).item() == pytest.approx(0.1, rel=1e-14)


def test_the_polar_factor_is_over_the_nonzero_singular_values():
    u, v = draw(6, 2), draw(2, 5)
    found = polar_factor(u @ v)
    values = torch.linalg.svdvals(found)
    # two singular values of 1, three of 0, each up to rounding of matrices of norm 1
    torch.testing.assert_close(values, torch.tensor([1.0, 1, 0, 0, 0], dtype=torch.float64), rtol=0, atol=1e-14)
    assert not polar_factor(torch.zeros(3, 4, dtype=torch.float64)).any()


def test_replicas_in_front_change_nothing():
    gradients = torch.stack([draw(5, 4, seed=seed) for seed in range(4)])
    assert torch.equal(polar_factor(gradients), torch.stack([polar_factor(gradient) for gradient in gradients]))


@pytest.mark.parametrize("scale", [1e-150, 1e-8, 1.0, 1e6])
def test_normalized_descent_makes_steps_of_the_length_of_the_rate(scale):
    gradients = [scale * draw(4, 3), scale * draw(5, seed=1)]
    optimizer = NormalizedDescent(parameters((4, 3), (5,)), lr=0.25)
    moved = torch.cat([move.flatten() for move in moves(optimizer, gradients)])
    # differences of weights near 1
    torch.testing.assert_close(moved.norm(), torch.tensor(0.25).double(), rtol=0, atol=20 * EPS)
    flat = torch.cat([gradient.flatten() for gradient in gradients])
    torch.testing.assert_close(moved, -0.25 * flat / flat.norm(), rtol=0, atol=4 * EPS)


def test_normalized_descent_stays_where_the_gradient_is_zero():
    moved = moves(NormalizedDescent(parameters((4, 3)), lr=0.25), [torch.zeros(4, 3, dtype=torch.float64)])
    assert not moved[0].any()

"""Muon against the polynomial on exact singular values, the polar factor, and PyTorch's own."""

import pytest
import torch

from imprint.recipes.update.muon import COEFFICIENTS, Muon, orthogonalize

SHAPES = [(8, 8), (16, 6), (6, 16), (1, 5), (5, 1)]


def matrix(*shape, seed=0, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def quintic(values, steps):
    a, b, c = COEFFICIENTS
    for _ in range(steps):
        values = a * values + b * values**3 + c * values**5
    return values


@pytest.mark.parametrize("steps", [0, 1, 3, 5])
@pytest.mark.parametrize("shape", SHAPES)
def test_it_is_the_quintic_on_the_singular_values(shape, steps):
    gradient = matrix(*shape)
    left, values, right = torch.linalg.svd(gradient, full_matrices=False)
    expected = left @ torch.diag(quintic(values / (values.norm() + 1e-7), steps)) @ right
    # five iterations multiply rounding by at most 3.9 each, the quintic's steepest slope: 3.9^5 eps = 2e-13
    torch.testing.assert_close(orthogonalize(gradient, steps), expected, rtol=0, atol=1e-11)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("shape", [(8, 8), (16, 6), (6, 16), (32, 32)])
def test_it_is_near_the_polar_factor(shape, seed):
    left, _, right = torch.linalg.svd(matrix(*shape, seed=seed), full_matrices=False)
    values = torch.linspace(0.05, 1, min(shape), dtype=torch.float64)
    assert (values > 0.01 * values.norm()).all()
    found = orthogonalize(left @ torch.diag(values) @ right, 5)
    # five iterations send [0.01, 1] into [0.67, 1.21]: the polynomial itself, on a grid
    grid = quintic(torch.linspace(0.01, 1, 10001, dtype=torch.float64), 5)
    assert 0.67 < grid.min() and grid.max() < 1.21
    spread = torch.linalg.svdvals(found)
    assert (spread > 0.67).all() and (spread < 1.21).all()
    # the cosine of (s_i) and (1, ..., 1) is least with half of them at each end: 0.94 / sqrt((0.67^2 + 1.21^2) / 2)
    cosine = (found * (left @ right)).sum() / found.norm() / (left @ right).norm()
    assert cosine > 0.96


def test_zero_stays_zero():
    assert not orthogonalize(torch.zeros(3, 4, dtype=torch.float64), 5).any()


def test_replicas_in_front_change_nothing():
    gradients = torch.stack([matrix(6, 4, seed=seed) for seed in range(5)])
    together = orthogonalize(gradients, 5)
    for r in range(5):
        assert torch.equal(together[r], orthogonalize(gradients[r : r + 1], 5)[0])
    broken = gradients.clone()
    broken[1] = torch.nan
    assert torch.equal(orthogonalize(broken, 5)[[0, 2, 3, 4]], together[[0, 2, 3, 4]])


@pytest.mark.parametrize("nesterov", [True, False])
@pytest.mark.parametrize("shape", [(8, 8), (16, 6), (6, 16)])
def test_against_pytorch_within_bfloat16(shape, nesterov):
    """PyTorch iterates in bfloat16, with unit roundoff 2^-9; three products in each of five iterations.

    A singular value at the fixed range contracts or moves rounding by a factor near 1, so that 15 roundings of either
    sign add to about sqrt(15) 2^-9 = 0.8 %, at worst 15 * 2^-8 = 6 % of the norm of the step.
    """
    ours = torch.nn.Parameter(matrix(*shape, seed=100))
    theirs = torch.nn.Parameter(ours.detach().float())
    options = {"lr": 0.02, "momentum": 0.95, "nesterov": nesterov, "ns_steps": 5}
    optimizers = Muon([ours], **options), torch.optim.Muon([theirs], weight_decay=0.0, **options)
    for number in range(6):
        before = ours.detach().clone(), theirs.detach().clone()
        ours.grad = matrix(*shape, seed=number)
        theirs.grad = ours.grad.float()
        for optimizer in optimizers:
            optimizer.step()
        step, other = ours.detach() - before[0], (theirs.detach() - before[1]).double()
        assert (step - other).norm() < 0.06 * step.norm()
    assert (step - matrix(*shape)).norm() > 0.06 * step.norm()


def test_momentum_and_scale_by_hand():
    weights = torch.nn.Parameter(torch.zeros(8, 2, dtype=torch.float64))
    optimizer = Muon([weights], lr=0.1, momentum=0.5, nesterov=True, ns_steps=5)
    momentum, expected = torch.zeros(8, 2, dtype=torch.float64), torch.zeros(8, 2, dtype=torch.float64)
    for seed in range(3):
        gradient = matrix(8, 2, seed=seed)
        weights.grad = gradient.clone()
        optimizer.step()
        momentum = 0.5 * momentum + gradient
        expected -= 0.1 * 2.0 * orthogonalize(gradient + 0.5 * momentum, 5)  # sqrt(8 / 2) = 2
    # three steps of a few roundings
    torch.testing.assert_close(weights.detach(), expected, rtol=0, atol=1e-14)

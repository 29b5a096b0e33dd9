"""Spectral regularization against automatic differentiation of the penalty."""

import pytest
import torch
from parts_example import LAYOUT, numbers

from imprint.fleet.layout import Layout
from imprint.recipes.decay.spectral import largest, regularize


def penalty(row, layout, k):
    """Return the penalty of one replica's weights ``[P]``."""
    total = 0
    for tensor in layout.unflatten(row).values():
        if tensor.dim() >= 2:
            total = total + (torch.linalg.matrix_norm(tensor.flatten(1), ord=2) ** k - 1) ** 2
        else:
            total = total + (tensor**2).sum() ** k
    return total


@pytest.mark.parametrize("k", [1, 2, 3])
def test_against_automatic_differentiation(k):
    weights, gradient = numbers(3, LAYOUT.columns), numbers(3, LAYOUT.columns, seed=1)
    found = regularize(weights, gradient, LAYOUT, strength=0.1, k=k)
    for r in range(3):
        slope = torch.func.grad(penalty)(weights[r], LAYOUT, k)
        # slopes up to 1e4 from singular vectors of small matrices with gaps of order 1
        torch.testing.assert_close(found[r], gradient[r] + 0.1 * slope, rtol=1e-11, atol=1e-11)


def test_a_matrix_of_spectral_norm_one_is_left_alone():
    layout = Layout({"w": (6, 4)})
    weights = torch.linalg.qr(numbers(2, 6, 4)).Q.flatten(1)
    found = regularize(weights, torch.zeros_like(weights), layout, strength=1.0)
    # 4 (s^2 - 1) s with s within a few roundings of 1
    assert found.abs().max() < 1e-14


def test_steps_along_it_bring_the_largest_singular_value_to_one():
    layout = Layout({"w": (6, 4)})
    left, right = torch.linalg.qr(numbers(2, 6, 4)).Q, torch.linalg.qr(numbers(2, 4, 4, seed=1)).Q
    values = torch.tensor([[3.0, 0.8, 0.5, 0.2], [0.9, 0.8, 0.5, 0.0]], dtype=torch.float64)
    weights = (left * values.unsqueeze(1) @ right.mT).flatten(1)
    for _ in range(400):
        weights = weights - 0.005 * regularize(weights, torch.zeros_like(weights), layout, strength=1.0)
    found = torch.linalg.svdvals(weights.view(2, 6, 4))
    # contraction by 1 - 0.005 * 8 per step near 1: 0.96^400 < 1e-7
    torch.testing.assert_close(found[:, 0], torch.ones(2, dtype=torch.float64), rtol=0, atol=1e-6)
    # the others are left alone, up to the roundings of 400 steps
    torch.testing.assert_close(found[:, 1:], values[:, 1:], rtol=0, atol=1e-13)


@pytest.mark.parametrize("shape", [(6, 4), (4, 6), (5, 5), (1, 3)])
@pytest.mark.parametrize("scale", [1.0, 1e-180, 1e180])
def test_the_largest_singular_value_and_its_vectors(shape, scale):
    matrices = scale * numbers(3, *shape)
    value, left, right = largest(matrices)
    expected = torch.linalg.svdvals(matrices)[:, :1, None]
    torch.testing.assert_close(value, expected, rtol=1e-13, atol=0)
    torch.testing.assert_close(matrices @ right / scale, value * left / scale, rtol=0, atol=1e-13)


def test_zero_and_broken_matrices():
    weights = numbers(3, LAYOUT.columns)
    weights[0], weights[1, 0] = 0, torch.inf
    found = regularize(weights, torch.zeros_like(weights), LAYOUT, strength=1.0)
    assert not found[0].any()
    assert found[1, : LAYOUT.sizes[0]].isnan().all()
    alone = regularize(weights[2:], torch.zeros_like(weights[2:]), LAYOUT, strength=1.0)
    assert torch.equal(found[2:], alone)


def test_no_exponent_is_refused():
    weights = numbers(1, LAYOUT.columns)
    with pytest.raises(ValueError, match="k 0 is less than 1"):
        regularize(weights, weights, LAYOUT, strength=1.0, k=0)


@pytest.mark.parametrize("shape", [(64, 196), (64, 64), (10, 64)])
def test_singular_vectors_do_not_depend_on_the_replicas_beside(shape):
    # in double precision a plain product with a vector does
    matrices = torch.randn(16, *shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    whole = largest(matrices)
    for first, last in [(0, 1), (3, 5), (5, 8), (8, 16)]:
        part = largest(matrices[first:last].clone())
        assert all(torch.equal(one[first:last], other) for one, other in zip(whole, part, strict=True))

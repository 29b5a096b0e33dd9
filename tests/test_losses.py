"""Losses against their definitions and known values."""

import math

import pytest
import torch

from imprint.losses import LOSSES, cross_entropy, spectral_decoupling, squared_error, stablemax

EPS = torch.finfo(torch.float64).eps


def example(*shape, classes=4, seed=0):
    generator = torch.Generator().manual_seed(seed)
    logits = 5 * torch.randn(*shape, classes, generator=generator, dtype=torch.float64)
    return logits, torch.randint(0, classes, shape, generator=generator)


@pytest.mark.parametrize("shape", [(6,), (2, 6), (2, 3, 6)])
def test_cross_entropy_is_minus_the_log_probability(shape):
    logits, targets = example(*shape)
    probability = torch.softmax(logits, -1).gather(-1, targets.unsqueeze(-1)).squeeze(-1)
    # log and exp of numbers below about 30: a few roundings of 30
    torch.testing.assert_close(cross_entropy(logits, targets), -probability.log(), rtol=0, atol=1000 * EPS)


def test_cross_entropy_of_equal_logits_is_log_of_the_classes():
    loss = cross_entropy(torch.zeros(5, 10, dtype=torch.float64), torch.arange(5))
    torch.testing.assert_close(loss, torch.full((5,), math.log(10), dtype=torch.float64), rtol=2 * EPS, atol=0)


def test_cross_entropy_survives_large_logits():
    logits = torch.tensor([[1000.0, 0.0], [0.0, 1000.0]], dtype=torch.float64)
    assert cross_entropy(logits, torch.tensor([0, 0])).tolist() == [0.0, 1000.0]


@pytest.mark.parametrize("shape", [(6,), (2, 6)])
def test_squared_error_is_half_the_squared_distance(shape):
    logits, targets = example(*shape)
    total = torch.zeros(shape, dtype=torch.float64)
    for c in range(logits.shape[-1]):
        total += (logits[..., c] - (targets == c).double()) ** 2 / 2
    # four squares of numbers below 20
    torch.testing.assert_close(squared_error(logits, targets), total, rtol=10 * EPS, atol=0)


def test_squared_error_of_the_target_is_zero():
    assert squared_error(torch.eye(3, dtype=torch.float64), torch.arange(3)).tolist() == [0, 0, 0]


@pytest.mark.parametrize("name", LOSSES)
def test_replicas_in_front_change_nothing(name):
    logits, targets = example(3, 5)
    together = LOSSES[name](logits, targets)
    assert torch.equal(together, torch.stack([LOSSES[name](logits[r], targets[r]) for r in range(3)]))


def test_stablemax_is_minus_the_log_of_its_share():
    """By the formula of Prieto et al. 2025, in plain Python."""
    logits, targets = example(2, 6)
    found = stablemax(logits, targets)
    for row in range(2):
        for place in range(6):
            s = [z + 1 if z >= 0 else 1 / (1 - z) for z in logits[row, place].tolist()]
            expected = -math.log(s[targets[row, place]] / sum(s))
            # a few roundings of numbers below about 10
            assert found[row, place].item() == pytest.approx(expected, abs=100 * EPS)


def test_stablemax_of_large_logits_is_not_zero_where_softmax_is():
    logits = torch.tensor([[1e6, 0.0, 0.0]], dtype=torch.float64)
    assert cross_entropy(logits, torch.tensor([0])).item() == 0
    # log(1 + 2 / (1e6 + 1)): the logarithm of a sum near 1e6 is known to 14 eps
    expected = math.log1p(2 / (1e6 + 1))
    assert stablemax(logits, torch.tensor([0])).item() == pytest.approx(expected, abs=30 * EPS)


def test_stablemax_has_a_gradient_at_zero_logits():
    logits = torch.zeros(1, 2, dtype=torch.float64, requires_grad=True)
    stablemax(logits, torch.tensor([0])).sum().backward()
    assert logits.grad.tolist() == [[-0.5, 0.5]]


def test_spectral_decoupling_of_two_classes_is_that_of_one_logit():
    """The logistic loss of y f plus 0.003 f^2, with f the difference of the logits."""
    logits, targets = example(2, 6, classes=2)
    score = logits[..., 1] - logits[..., 0]
    expected = torch.log1p(torch.exp(-(2 * targets - 1) * score)) + 0.003 * score**2
    # a few roundings of numbers below about 30
    torch.testing.assert_close(spectral_decoupling(logits, targets), expected, rtol=0, atol=1000 * EPS)


def test_spectral_decoupling_does_not_see_what_all_logits_share():
    logits, targets = example(5)
    logits = logits.requires_grad_()
    moved = spectral_decoupling(logits + 10, targets)
    torch.testing.assert_close(moved, spectral_decoupling(logits, targets), rtol=0, atol=1000 * EPS)
    (gradient,) = torch.autograd.grad(moved.sum(), logits)
    # a sum of four numbers of about 1 that cancel
    assert gradient.sum(-1).abs().max() < 10 * EPS


@pytest.mark.parametrize("loss", [stablemax, spectral_decoupling])
@pytest.mark.parametrize("precision", [torch.float32, torch.float64])
@pytest.mark.parametrize("shape", [(5, 7, 3), (2, 13, 59), (9, 3, 113), (3, 1, 2)])
def test_gradients_do_not_depend_on_how_many_replicas_there_are(shape, precision, loss):
    logits, targets = example(*shape[:2], classes=shape[2])
    logits = logits.to(precision).requires_grad_()
    loss(logits, targets).mean(1).sum().backward()
    for row in range(shape[0]):
        alone = logits.detach()[row : row + 1].clone().requires_grad_()
        loss(alone, targets[row : row + 1]).mean(1).sum().backward()
        assert torch.equal(alone.grad[0], logits.grad[row])

"""Entropy-SGD on a quadratic, whose local entropy and Langevin moments are known, and against a plain loop."""

import copy
import math

import pytest
import torch

from imprint.recipes.update.entropy_sgd import EntropySgd

EPS = torch.finfo(torch.float64).eps


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def steps(weights, optimizer, count, curvature):
    """Descend ``curvature w^2 / 2``."""
    for _ in range(count):
        weights.grad = curvature * weights.detach()
        optimizer.step()


@pytest.mark.parametrize(("curvature", "gamma"), [(2.0, 0.5), (0.3, 1.0), (-0.2, 1.0)])
def test_the_outer_step_is_the_gradient_of_the_local_entropy(curvature, gamma):
    """``-log int exp(-a x^2/2 - gamma (x-w)^2/2) dx`` is ``a gamma / (a + gamma) w^2 / 2`` and a constant."""
    start = draw(5)
    weights = torch.nn.Parameter(start.clone())
    options = {"lr": 0.2, "gamma": gamma, "scoping": 0.0, "inner": 400, "noise": 0.0, "alpha": 0.3, "outer": 0.7}
    optimizer = EntropySgd([weights], **options)
    steps(weights, optimizer, 399, curvature)
    # inner iterate and mean contract by 1 - 0.2 * (a + gamma) <= 0.84 and by 0.7 a step: 0.84^399 < 1e-30
    mean = gamma * start / (curvature + gamma)
    torch.testing.assert_close(optimizer.state[weights]["mean"], mean, rtol=0, atol=100 * EPS)
    torch.testing.assert_close(weights.detach(), mean, rtol=0, atol=100 * EPS)
    steps(weights, optimizer, 1, curvature)
    entropy_gradient = curvature * gamma / (curvature + gamma) * start
    # outer = eta gamma
    expected = start - 0.7 / gamma * entropy_gradient
    torch.testing.assert_close(weights.detach(), expected, rtol=0, atol=100 * EPS)


def test_the_noise_has_the_moments_of_langevin_steps():
    """``x <- (1 - c) x + lr gamma w + sqrt(lr) noise N`` has mean ``gamma w / (a + gamma)``, variance below."""
    count, curvature, gamma, lr, noise, alpha, start = 40_000, 1.5, 0.5, 0.1, 0.8, 0.2, 3.0
    torch.manual_seed(7)
    weights = torch.nn.Parameter(torch.full((count,), start, dtype=torch.float64))
    options = {"lr": lr, "gamma": gamma, "scoping": 0.0, "inner": 1000, "noise": noise, "alpha": alpha}
    optimizer = EntropySgd([weights], **options)
    # from w to the stationary law: (1 - 0.2)^120 = 2e-12
    steps(weights, optimizer, 120, curvature)
    mean, keep = gamma * start / (curvature + gamma), 1 - lr * (curvature + gamma)
    variance = lr * noise**2 / (1 - keep**2)
    found, average = weights.detach(), optimizer.state[weights]["mean"]
    # four standard errors of 40,000 independent elements, the seed fixed beforehand
    error = 4 * math.sqrt(variance / count)
    assert abs(found.mean().item() - mean) < error
    assert abs(average.mean().item() - mean) < error
    assert found.var().item() == pytest.approx(variance, rel=4 * math.sqrt(2 / count))
    # an average with weight alpha of a sequence with correlation keep
    weighed = variance * alpha / (2 - alpha) * (1 + (1 - alpha) * keep) / (1 - (1 - alpha) * keep)
    assert average.var().item() == pytest.approx(weighed, rel=4 * math.sqrt(2 / count))


@pytest.mark.parametrize("noise", [0.0, 0.1])
def test_against_two_nested_loops(noise):
    options = {"lr": 0.1, "gamma": 0.3, "scoping": 0.5, "inner": 4, "noise": noise, "alpha": 0.4, "outer": 0.6}
    gradients = iter([draw(3, 2, seed=seed) for seed in range(13)])
    weights = torch.nn.Parameter(draw(3, 2, seed=50))
    optimizer = EntropySgd([weights], **options)
    torch.manual_seed(3)
    for seed in range(12):
        weights.grad = draw(3, 2, seed=seed)
        optimizer.step()
    torch.manual_seed(3)
    outer = draw(3, 2, seed=50)
    for move in range(3):
        gamma, x, mean = 0.3 * 1.5**move, outer, outer
        for _ in range(4):
            x = x - 0.1 * next(gradients) + 0.1 * gamma * (outer - x)
            if noise:
                x = x + math.sqrt(0.1) * noise * torch.randn(3, 2, dtype=torch.float64)
            mean = 0.6 * mean + 0.4 * x
        outer = outer - 0.6 * (outer - mean)
    # twelve steps of a few roundings
    torch.testing.assert_close(weights.detach(), outer, rtol=0, atol=100 * EPS)


def test_one_inner_step_is_gradient_descent():
    ours, theirs = (torch.nn.Parameter(draw(4, 3)) for _ in range(2))
    optimizers = EntropySgd([ours], lr=0.1, inner=1, noise=0.0, alpha=1.0), torch.optim.SGD([theirs], lr=0.1)
    for seed in range(10):
        for weights, optimizer in zip((ours, theirs), optimizers, strict=True):
            weights.grad = draw(4, 3, seed=seed)
            optimizer.step()
    # w - (w - x) is x up to two roundings, ten times
    torch.testing.assert_close(ours.detach(), theirs.detach(), rtol=0, atol=40 * EPS)


def test_eval_shows_the_outer_weights_and_train_gives_the_iterate_back():
    weights = torch.nn.Parameter(draw(4, 3))
    optimizer = EntropySgd([weights], inner=5, noise=0.1)
    optimizer.eval()
    assert torch.equal(weights.detach(), draw(4, 3))
    optimizer.train()
    steps(weights, optimizer, 7, 1.0)
    iterate, outer = weights.detach().clone(), optimizer.state[weights]["weights"].clone()
    assert not torch.equal(iterate, outer)
    for _ in range(2):
        optimizer.eval()
        assert torch.equal(weights.detach(), outer)
    with pytest.raises(RuntimeError, match=r"step\(\) after eval\(\); call train\(\)"):
        optimizer.step()
    for _ in range(2):
        optimizer.train()
        assert torch.equal(weights.detach(), iterate)


@pytest.mark.parametrize("shown", [False, True])
def test_a_stored_state_goes_on_exactly(shown):
    def begin():
        weights = torch.nn.Parameter(draw(4, 3))
        return weights, EntropySgd([weights], inner=5, noise=0.0)

    whole, optimizer = begin()
    steps(whole, optimizer, 14, 1.0)
    weights, optimizer = begin()
    steps(weights, optimizer, 7, 1.0)
    if shown:
        optimizer.eval()
    resumed = torch.nn.Parameter(weights.detach().clone())
    other = EntropySgd([resumed], inner=5, noise=0.0)
    other.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    other.train()
    steps(resumed, other, 7, 1.0)
    assert torch.equal(resumed.detach(), whole.detach())


def test_no_inner_step_is_refused():
    with pytest.raises(ValueError, match="inner 0 is not at least 1"):
        EntropySgd([torch.nn.Parameter(torch.zeros(2))], inner=0)

"""Powerpropagation on weights against gradient descent on what it reparametrizes."""

import pytest
import torch

from imprint.recipes.update.power_propagation import PowerPropagation

ALPHAS = [1.3, 2.0, 3.0, 4.5]


def draw(*shape, seed=0, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def problem(dtype):
    """Return inputs and targets of a regression with 12 features and 3 outputs."""
    inputs, teacher = draw(64, 12), draw(12, 3, seed=1)
    return inputs.to(dtype), (inputs @ teacher + 0.3 * draw(64, 3, seed=3)).to(dtype)


def loss(weights, inputs, targets):
    return (inputs @ weights - targets).square().mean()


def one(value, gradient, **options):
    weights = torch.nn.Parameter(torch.tensor([value], dtype=torch.float64))
    weights.grad = torch.tensor([gradient], dtype=torch.float64)
    PowerPropagation([weights], **options).step()
    return weights.item()


def descend(phi, alpha, lr, inputs, targets, steps):
    """Return the weights after steps of gradient descent on ``phi``."""
    phi = torch.nn.Parameter(phi.clone())
    optimizer = torch.optim.SGD([phi], lr=lr)
    for _ in range(steps):
        optimizer.zero_grad()
        loss(phi * phi.abs() ** (alpha - 1), inputs, targets).backward()
        optimizer.step()
    return (phi * phi.abs() ** (alpha - 1)).detach()


@pytest.mark.parametrize("steps", [20, 500])
@pytest.mark.parametrize("alpha", ALPHAS)
@pytest.mark.parametrize(("dtype", "bound"), [(torch.float64, 1e-9), (torch.float32, 1e-3)])
def test_it_is_gradient_descent_on_the_reparametrized_weights(alpha, dtype, bound, steps):
    inputs, targets = problem(dtype)
    start, lr = draw(12, 3, seed=2, dtype=dtype), 0.3 / alpha**2
    phi = start.sign() * start.abs() ** (1 / alpha)
    expected = descend(phi, alpha, lr, inputs, targets, steps)
    # the descent itself does not amplify: one rounding at the start stays below 20
    eps = torch.finfo(dtype).eps
    shifted = descend(phi * (1 + eps), alpha, lr, inputs, targets, steps)
    assert (shifted - expected).norm() < 20 * eps * expected.norm()
    weights = torch.nn.Parameter(start.clone())
    optimizer = PowerPropagation([weights], lr=lr, alpha=alpha)
    for _ in range(steps):
        optimizer.zero_grad()
        loss(weights, inputs, targets).backward()
        optimizer.step()
    # 500 steps with a dozen roundings each, all of one sign, would be 1e-12 and 7e-4
    assert (weights.detach() - expected).norm() < bound * expected.norm()
    assert (expected - start).norm() > 0.5 * start.norm()


def test_exponent_one_is_gradient_descent_bit_for_bit():
    ours, theirs = (torch.nn.Parameter(draw(7, 5)) for _ in range(2))
    optimizers = PowerPropagation([ours], lr=0.1, alpha=1.0), torch.optim.SGD([theirs], lr=0.1)
    for seed in range(20):
        for weights, optimizer in zip((ours, theirs), optimizers, strict=True):
            weights.grad = draw(7, 5, seed=seed)
            optimizer.step()
    assert torch.equal(ours.detach(), theirs.detach())


def test_steps_by_hand():
    # phi = 3, phi' = 3 - 0.1 * 2 * 3 * 2 = 1.8; the sign goes along
    assert one(9.0, 2.0, lr=0.1, alpha=2.0) == pytest.approx(3.24, rel=1e-14)
    assert one(-9.0, -2.0, lr=0.1, alpha=2.0) == pytest.approx(-3.24, rel=1e-14)
    # phi = 2, phi' = 2 - 0.05 * 3 * 4 * 5 = -1: through zero
    assert one(8.0, 5.0, lr=0.05, alpha=3.0) == pytest.approx(-1.0, rel=1e-14)


@pytest.mark.parametrize("alpha", ALPHAS)
def test_zero_stays_zero_and_no_gradient_moves_nothing(alpha):
    assert one(0.0, 5.0, alpha=alpha) == 0
    # a root and its power, with logarithms below 30
    for value in (2.0, -1e-12):
        assert one(value, 0.0, alpha=alpha) == pytest.approx(value, rel=1e-14)


@pytest.mark.parametrize("alpha", ALPHAS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_every_element_stands_alone(alpha, dtype):
    start, gradient = draw(5, 1003, dtype=dtype), draw(5, 1003, seed=1, dtype=dtype)

    def step(rows, columns):
        weights = torch.nn.Parameter(start.clone()[rows, columns])
        weights.grad = gradient[rows, columns]
        PowerPropagation([weights], alpha=alpha).step()
        return weights.detach()

    whole = step(slice(None), slice(None))
    for rows, columns in [(slice(2, 3), slice(None)), (slice(None), slice(7, 400)), (slice(1, 2), slice(1001, 1002))]:
        assert torch.equal(whole[rows, columns], step(rows, columns))


def test_an_exponent_below_one_is_refused():
    with pytest.raises(ValueError, match="alpha 0.5 is less than 1"):
        PowerPropagation([torch.nn.Parameter(torch.zeros(2))], alpha=0.5)

"""Cautious weight decay: its mask, and the minimum that it reaches where plain decay does not."""

import pytest
import torch
from parts_example import numbers

from imprint.recipes.decay import cautious, decoupled


def test_the_mask():
    weights = torch.tensor([[2.0, 2.0, -2.0, -2.0, 2.0, 0.0]], dtype=torch.float64)
    change = torch.tensor([[-1.0, 1.0, -1.0, 1.0, 0.0, 1.0]], dtype=torch.float64)
    rate = torch.tensor([[0.5]], dtype=torch.float64)
    # decay where the change goes to 0, or there is none; powers of two: exact
    found = cautious.decay(weights, change, rate, weight_decay=0.25)
    assert found.tolist() == [[-1.25, 1.0, -1.0, 1.25, -0.25, 1.0]]


def test_products_too_small_to_represent_keep_their_sign():
    weights, change = (torch.full((1, 1), 1e-200, dtype=torch.float64) for _ in range(2))
    rate = torch.ones(1, 1, dtype=torch.float64)
    assert torch.equal(cautious.decay(weights, change, rate, weight_decay=0.5), change)


def adam(weights):
    return torch.optim.Adam([weights], lr=1.0)


def sign_momentum(weights):
    # its direction is a momentum, of which `excess` takes the sign
    return torch.optim.SGD([weights], lr=1.0, momentum=0.9, dampening=0.1)


def excess(decay, make, signs):
    """Return the loss above the minimum after 3,000 steps of falling rate, for five problems of 30 weights, ``[5]``."""
    inputs, targets = numbers(5, 60, 30, seed=1), numbers(5, 60, seed=2) + 3
    targets = targets + (inputs @ numbers(5, 30, 1, seed=3)).squeeze(2)
    best = torch.linalg.lstsq(inputs, targets.unsqueeze(2)).solution.squeeze(2)

    def loss(weights):
        return ((inputs @ weights.unsqueeze(2)).squeeze(2) - targets).square().mean(1) / 2

    weights = torch.nn.Parameter(torch.zeros(5, 30, dtype=torch.float64))
    update = make(weights)
    for step in range(3000):
        rate = 0.02 * (1 - step / 3000)
        before = weights.detach().clone()
        residual = (inputs @ before.unsqueeze(2)).squeeze(2) - targets
        weights.grad = (inputs.mT @ residual.unsqueeze(2)).squeeze(2) / 60
        update.step()
        moved = weights.detach() - before
        change = rate * (moved.sign() if signs else moved)
        rates = torch.full((5, 1), rate, dtype=torch.float64)
        weights.data = before + decay(before, change, rates, weight_decay=1.0)
    return loss(weights.detach()) - loss(best)


@pytest.mark.parametrize(("make", "signs"), [(adam, False), (sign_momentum, True)], ids=["adam", "sign"])
def test_it_reaches_the_minimum_of_least_squares(make, signs):
    plain, found = excess(decoupled.decay, make, signs), excess(cautious.decay, make, signs)
    assert (plain > 0.1).all()
    assert (found < 0.01 * plain).all()

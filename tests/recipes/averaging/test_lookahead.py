"""Lookahead against pytorch_optimizer's, and its limits."""

import pytest
import pytorch_optimizer
import torch
from parts_example import numbers, quadratic

from imprint.recipes.averaging.lookahead import average, begin, restart


def trained(every, alpha, steps=23):
    """Gradient descent with momentum under Lookahead; return fast and slow weights."""
    oracle, weights = quadratic(replicas=1)
    memory, velocity = begin(weights), 0
    for step in range(1, steps + 1):
        velocity = 0.9 * velocity + oracle.slope_at(weights)
        weights = weights - 0.01 * velocity
        memory = average(memory, weights, step, every=every, alpha=alpha)
        weights = restart(memory, weights, step, every=every, alpha=alpha)
    return weights, memory["average"]


@pytest.mark.parametrize(("every", "alpha"), [(5, 0.5), (3, 0.8)])
def test_against_pytorch_optimizer(every, alpha):
    oracle, start = quadratic(replicas=1)
    parameter = torch.nn.Parameter(start.clone())
    inner = torch.optim.SGD([parameter], lr=0.01, momentum=0.9)
    other = pytorch_optimizer.Lookahead(inner, k=every, alpha=alpha, pullback_momentum="none")
    for _ in range(23):
        parameter.grad = oracle.slope_at(parameter.detach())
        other.step()
    # 23 steps of the same arithmetic in another order, on numbers near 1
    torch.testing.assert_close(trained(every, alpha)[0], parameter.detach(), rtol=1e-12, atol=1e-13)


def test_between_its_steps_the_slow_weights_stay_and_the_fast_go_on():
    path = numbers(4, 2, 3)
    memory = average(begin(path[0]), path[1], 1, every=3)
    assert torch.equal(memory["average"], path[0])
    assert torch.equal(restart(memory, path[1], 1, every=3), path[1])
    memory = average(memory, path[3], 3, every=3, alpha=0.25)
    torch.testing.assert_close(memory["average"], path[0] + 0.25 * (path[3] - path[0]), rtol=0, atol=1e-15)
    assert torch.equal(restart(memory, path[3], 3, every=3, alpha=0.25), memory["average"])


def test_with_whole_steps_nothing_changes():
    fast, slow = trained(1, 1.0)
    assert torch.equal(fast, slow)
    assert torch.equal(fast, trained(100, 0.5)[0])


@pytest.mark.parametrize(("options", "message"), [({"every": 0}, "every 0"), ({"alpha": 0.0}, r"alpha 0.0 is not in")])
def test_what_cannot_be_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        average(begin(numbers(1, 2)), numbers(1, 2), 1, **options)

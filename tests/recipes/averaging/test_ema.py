"""Exponential averages on a line and against their sums."""

import pytest
import torch
from parts_example import numbers

from imprint.recipes.averaging.ema import average, begin


def followed(path, **options):
    """Return the average after each step of a path ``[T + 1, R, P]``."""
    memory = begin(path[0])
    averages = []
    for step, weights in enumerate(path[1:], 1):
        memory = average(memory, weights, step, **options)
        averages.append(memory["average"])
    return torch.stack(averages)


def test_on_a_line_it_lags_behind():
    start, pace = numbers(2, 3), numbers(2, 3, seed=1)
    steps = torch.arange(51, dtype=torch.float64)[:, None, None]
    found = followed(start + steps * pace, decay=0.9)
    # sum of (1 - d) d^(t-i) i over i = 1..t
    lagging = steps[1:] - 0.9 * (1 - 0.9 ** steps[1:]) / 0.1
    torch.testing.assert_close(found, start + lagging * pace, rtol=0, atol=1e-13)  # fifty steps on numbers up to 50


def test_without_bias_it_is_the_weighted_mean_of_the_iterates():
    path = numbers(21, 2, 3)
    found = followed(path, decay=0.9, debias=True)
    for t in range(1, 21):
        share = 0.9 ** torch.arange(t - 1, -1, -1, dtype=torch.float64)[:, None, None]
        torch.testing.assert_close(found[t - 1], (share * path[1 : t + 1]).sum(0) / share.sum(), rtol=0, atol=1e-14)


def test_without_bias_the_beginning_does_not_count():
    path = numbers(3, 2, 3)
    assert torch.equal(followed(path, decay=0.9, debias=True)[0], path[1])


def test_without_memory_it_follows():
    path = numbers(4, 2, 3)
    assert torch.equal(followed(path, decay=0.0), path[1:])


@pytest.mark.parametrize("decay", [1.0, -0.1])
def test_a_decay_outside_its_range_is_refused(decay):
    with pytest.raises(ValueError, match=rf"decay {decay} is not in \[0, 1\)"):
        average(begin(numbers(1, 2)), numbers(1, 2), 1, decay=decay)

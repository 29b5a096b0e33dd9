"""The bias-corrected average against the sum that its recursion unrolls to."""

import math

import pytest
import torch
from parts_example import numbers

from imprint.recipes.averaging.bema import average, begin


def followed(path, **options):
    memory = begin(path[0])
    averages = [memory["average"]]
    for step, weights in enumerate(path[1:], 1):
        memory = average(memory, weights, step, **options)
        averages.append(memory["average"])
    return torch.stack(averages)


def unrolled(path, t, kappa, eta, gamma, rho, tau, phi):
    """Return the average at step t as one sum over the steps at which it was refreshed."""
    if t <= tau:
        return path[t]
    times = range(tau + phi, t + 1, phi)
    shares = [(rho + gamma * i) ** -kappa for i in times]
    mean = math.prod(1 - share for share in shares) * path[tau]
    for index, i in enumerate(times):
        mean = mean + shares[index] * math.prod(1 - share for share in shares[index + 1 :]) * path[i]
    last = max(times, default=tau)
    return mean + (rho + gamma * last) ** -eta * (path[last] - path[tau])


@pytest.mark.parametrize(
    ("kappa", "eta", "gamma", "rho", "tau", "phi"),
    [(0.5, 0.2, 1.0, 10.0, 0, 1), (0.6, 0.4, 0.5, 3.0, 0, 1), (0.5, 0.2, 1.0, 10.0, 7, 1), (0.5, 0.2, 2.0, 1.0, 4, 5)],
)
def test_against_the_sum(kappa, eta, gamma, rho, tau, phi):
    path = numbers(31, 2, 3)
    options = {"ema_power": kappa, "bias_power": eta, "multiplier": gamma, "lag": rho, "burn_in": tau, "every": phi}
    found = followed(path, **options)
    for t in range(1, 31):
        # thirty convex combinations of numbers near 1
        torch.testing.assert_close(found[t], unrolled(path, t, kappa, eta, gamma, rho, tau, phi), rtol=0, atol=1e-13)


def test_where_nothing_moves_the_average_is_there():
    path = numbers(1, 2, 3).expand(20, -1, -1)
    torch.testing.assert_close(followed(path), path, rtol=0, atol=1e-14)


def test_with_both_powers_zero_it_overshoots_by_the_whole_way():
    """``m = w`` and the correction is ``w - w_0``."""
    path = numbers(6, 2, 3)
    found = followed(path, ema_power=0.0, bias_power=0.0)
    torch.testing.assert_close(found[1:], 2 * path[1:] - path[0], rtol=0, atol=1e-15)


def test_it_lags_less_than_the_plain_average():
    pace = torch.arange(101, dtype=torch.float64)[:, None, None].expand(-1, 1, 1)
    plain, corrected = followed(pace, bias_power=50.0), followed(pace)
    assert plain[-1] < corrected[-1]
    # (10 + 100)^-0.2 of the way from the start
    assert (corrected - plain)[-1].item() == pytest.approx(100 * 110**-0.2, rel=1e-12)


@pytest.mark.parametrize(("options", "message"), [({"lag": 0.5}, "lag 0.5 is less than 1"), ({"every": 0}, "every 0")])
def test_what_cannot_be_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        average(begin(numbers(1, 2)), numbers(1, 2), 1, **options)

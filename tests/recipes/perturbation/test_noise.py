"""Weight noise against a quantizer's real rounding errors."""

import math

import pytest
import torch
from parts_example import LAYOUT, drawn, numbers

from imprint.fleet.layout import Layout
from imprint.recipes.perturbation.noise import perturb


class Ones:
    """Draws 1 everywhere."""

    def normal(self, count):
        return torch.ones(3, count, LAYOUT.columns, dtype=torch.float64)


@pytest.mark.parametrize("bits", [1, 4, 8])
def test_the_deviation_of_each_tensor(bits):
    weights = numbers(3, LAYOUT.columns)
    moved = LAYOUT.unflatten(perturb(weights, LAYOUT, Ones(), bits=bits) - weights)
    for name, w in LAYOUT.unflatten(weights).items():
        for r in range(3):
            step = (2 * w[r].abs().max()) / (2**bits - 1)
            # differences of weights of order 1
            expected = torch.full_like(w[r], step.item() / math.sqrt(12))
            torch.testing.assert_close(moved[name][r], expected, rtol=0, atol=1e-15)


def test_as_large_as_the_rounding_errors_of_a_quantizer():
    """Weights spread evenly over their range, rounded to the nearest of 2^bits levels."""
    weights = torch.linspace(-3, 3, 100_001, dtype=torch.float64).unsqueeze(0)
    layout, bits = Layout({"w": (100_001,)}), 5
    step = 6 / (2**bits - 1)
    errors = ((weights + 3) / step).round() * step - 3 - weights
    noise = perturb(weights, layout, drawn(weights), bits=bits) - weights
    # a standard deviation of n normal numbers has the relative error 1 / sqrt(2n) = .0022; five of them
    assert noise.std().item() == pytest.approx(errors.std().item(), rel=0.012)


def test_replicas_and_steps_draw_their_own():
    weights = numbers(1, LAYOUT.columns).expand(2, -1)
    first, second = (perturb(weights, LAYOUT, drawn(weights, step), bits=4) for step in (1, 2))
    assert not torch.equal(first[0], first[1])
    assert not torch.equal(first, second)


def test_no_bits_are_refused():
    weights = numbers(3, LAYOUT.columns)
    with pytest.raises(ValueError, match="bits 0 is less than 1"):
        perturb(weights, LAYOUT, Ones(), bits=0)

"""Schedules and decays against their formulas."""

import math

import pytest
import torch

from imprint.recipes.decay.decoupled import decay
from imprint.recipes.schedule import constant, inverse_sqrt


@pytest.mark.parametrize("step", [1, 2, 4, 100])
def test_schedules(step):
    assert constant.multiplier(step) == 1.0
    # one rounding of a square root and of a quotient
    assert inverse_sqrt.multiplier(step) == pytest.approx(1 / math.sqrt(step), rel=1e-15)


def test_inverse_sqrt_begins_at_one():
    assert inverse_sqrt.multiplier(1) == 1.0


def test_decoupled_decay_does_not_depend_on_the_change():
    weights = torch.tensor([[2.0, -4.0], [8.0, 0.0]], dtype=torch.float64)
    change = torch.tensor([[1.0, 1.0], [0.0, 0.5]], dtype=torch.float64)
    rate = torch.tensor([[0.5], [0.25]], dtype=torch.float64)
    found = decay(weights, change, rate, weight_decay=0.5)  # powers of two: exact
    assert found.tolist() == [[0.5, 2.0], [-1.0, 0.5]]
    assert torch.equal(decay(weights, change, rate, weight_decay=0.0), change)

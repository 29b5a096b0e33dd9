"""Activation functions: known values, and results that do not depend on a number's place in a tensor."""

import math

import pytest
import torch

from imprint.models.activations import ACTIVATIONS, check_activation, gelu


def random(count):
    return torch.randn(count, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def value_and_slope(activate, x):
    x = x.clone().requires_grad_()
    y = activate(x)
    return y.detach(), torch.autograd.grad(y.sum(), x)[0]


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_a_result_does_not_depend_on_the_number_s_place(name):
    numbers = random(999)
    value, slope = value_and_slope(ACTIVATIONS[name], numbers)
    # every start and every length modulo the eight float64 numbers of the widest vector register
    for start in range(9):
        for stop in range(start + 60, start + 69):
            own_value, own_slope = value_and_slope(ACTIVATIONS[name], numbers[start:stop])
            assert torch.equal(own_value, value[start:stop]) and torch.equal(own_slope, slope[start:stop])


def test_gelu_is_the_input_times_the_normal_distribution_function():
    x = random(1000)
    value, slope = value_and_slope(gelu, x)
    below = torch.tensor([0.5 * math.erfc(-number / math.sqrt(2)) for number in x.tolist()], dtype=torch.float64)
    density = torch.exp(-(x**2) / 2) / math.sqrt(2 * math.pi)
    # 1 + erf loses what is below the rounding of 1, and the factor is at most 4
    torch.testing.assert_close(value, x * below, rtol=0, atol=1e-15)
    torch.testing.assert_close(slope, below + x * density, rtol=0, atol=2e-15)


def test_an_unknown_activation_is_refused():
    with pytest.raises(ValueError, match=r"model mlp: activation 'swish' is not one of \['gelu', 'relu', 'tanh'\]"):
        check_activation("mlp", "swish")

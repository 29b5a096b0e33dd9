"""Weight normalization: its inverse, its derivative, torch's own."""

import torch
from parts_example import numbers

from imprint.recipes.parametrization.weight_norm import split, weight


def test_back_to_the_weight():
    start = numbers(3, 4, 5)
    start[1, 2] = 0
    parameters, fixed = split(start)
    assert not fixed
    assert parameters["g"].shape == (3, 4)
    # a quotient and a product
    torch.testing.assert_close(weight(parameters, fixed), start, rtol=4e-16, atol=0)


def test_the_derivative():
    v, g = numbers(2, 3, 4).requires_grad_(), numbers(2, 3, seed=1).requires_grad_()
    assert torch.autograd.gradcheck(lambda v, g: weight({"v": v, "g": g}, {}), (v, g))


def test_against_torch():
    v, g = numbers(2, 3, 4), numbers(2, 3, seed=1)
    found = weight({"v": v, "g": g}, {})
    for r in range(2):
        torch.testing.assert_close(found[r], torch._weight_norm(v[r], g[r].unsqueeze(1), 0), rtol=1e-15, atol=1e-16)


def test_a_row_of_zeros_can_learn():
    parameters, _ = split(torch.zeros(1, 2, 4, dtype=torch.float64))
    leaves = {name: value.requires_grad_() for name, value in parameters.items()}
    (slope,) = torch.autograd.grad(weight(leaves, {}).sum(), leaves["g"])
    # four elements of 1 / sqrt(4)
    assert slope.tolist() == [[2.0, 2.0]]

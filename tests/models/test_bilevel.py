"""The two-level model: its lower level in closed form, and where each method's upper level ends."""

import pytest
import torch

from imprint.models import bilevel

STEPS, RATE = 6, 0.9


def numbers(*values):
    return torch.tensor(values, dtype=torch.float64)


def test_without_aggregation_the_lower_level_is_gradient_descent():
    first, second = bilevel.lower(numbers(3.0, -2.0), STEPS, RATE, 0.0)
    # y_1 - x shrinks by 1 - rate a step; a few roundings
    torch.testing.assert_close(first, numbers(3.0, -2.0) * (1 - (1 - RATE) ** STEPS), rtol=1e-14, atol=0)
    assert not second.any()


def test_aggregation_moves_the_open_number_towards_x():
    _, second = bilevel.lower(numbers(3.0), STEPS, RATE, 0.5)
    left = torch.tensor([1 - RATE * 0.5 / k for k in range(1, STEPS + 1)], dtype=torch.float64).prod()
    torch.testing.assert_close(second, 3 * (1 - left).unsqueeze(0), rtol=1e-14, atol=0)


@pytest.mark.parametrize("aggregate", [0.0, 0.9])
def test_a_lower_step_descends_both_levels_by_their_shares(aggregate):
    """Against automatic differentiation of the two losses as the paper writes them."""
    x, y = numbers(1.7), torch.zeros(2, dtype=torch.float64)
    for k in range(1, STEPS + 1):
        leaf = y.clone().requires_grad_()
        above = ((x - leaf[1]).square() + (leaf[0] - 1).square()).sum() / 2
        below = (leaf[0].square() / 2 - x * leaf[0]).sum()
        share = aggregate / k
        (slope,) = torch.autograd.grad(share * above + (1 - share) * below, leaf)
        y = y - RATE * slope
    first, second = bilevel.lower(x, STEPS, RATE, aggregate)
    torch.testing.assert_close(torch.cat([first, second]), y, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize(("aggregate", "end"), [(0.0, 0.5), (0.9, 1.0)])
def test_where_the_upper_level_is_least(aggregate, end):
    """y is affine in x, so the upper loss is a parabola, whose vertex follows from three values."""
    model = bilevel.build(inputs=2, classes=1, aggregate=aggregate).double()

    def loss(x):
        outputs, _ = bilevel.stacked(model, {"upper.weight": numbers(x).view(1, 1, 1)}, torch.eye(2).double())
        return torch.square(outputs - 1).mean().item()

    low, middle, high = loss(-1.0), loss(0.0), loss(1.0)
    # the known answer's tolerance; fifty steps leave the aggregated y_2 0.9 % below x
    assert (low - high) / (2 * (low + high - 2 * middle)) == pytest.approx(end, rel=1e-3)


def test_stacked_is_the_forward_of_each_replica():
    model = bilevel.build(inputs=2, classes=1, aggregate=0.5).double()
    weights = numbers(0.3, -1.2, 2.0).view(3, 1, 1)
    stream = torch.Generator().manual_seed(0)
    for x in (torch.randn(4, 2, generator=stream).double(), torch.randn(3, 4, 2, generator=stream).double()):
        outputs, hidden = bilevel.stacked(model, {"upper.weight": weights}, x)
        assert not hidden and outputs.shape == (3, 4, 1)
        for r in range(3):
            own = (x if x.dim() == 2 else x[r],)
            alone = torch.func.functional_call(model, {"upper.weight": weights[r]}, own)
            assert torch.equal(outputs[r], alone)  # elementwise: the same roundings


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"inputs": 3}, "3 inputs, 1 outputs; it has 2 and 1"),
        ({"classes": 2}, "2 inputs, 2 outputs; it has 2 and 1"),
        ({"steps": 0}, "steps 0.*at least 1 step"),
        ({"rate": 2.0}, "rate 2.0.*between 0 and 2"),
        ({"aggregate": 1.5}, r"aggregate 1.5.*in \[0, 1\]"),
    ],
)
def test_what_it_is_not_is_refused(options, match):
    with pytest.raises(ValueError, match=match):
        bilevel.build(**{"inputs": 2, "classes": 1, **options})

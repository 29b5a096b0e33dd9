"""Sharpness of quadratics in closed form, and of networks that are the same function."""

import numpy as np
import pytest
import torch

from imprint.probes.landscape import sharpness
from imprint.solution import Solution

CURVATURE = torch.tensor([6.0, 2.0, 0.5, -1.0], dtype=torch.float64)
WEIGHT = torch.tensor([[0.3, -1.2, 2.0, 0.4], [1.0, 0.0, -0.5, 3.0]], dtype=torch.float64)
RADIUS = 0.7


def quadratic(weight_RP):
    return (weight_RP.square() @ CURVATURE) / 2


def scales(scaling):
    return WEIGHT.abs() if scaling == "adaptive" else torch.ones_like(WEIGHT)


def worst_of_a_ball(slope, curvature, radius):
    """The largest ``b'e + e'Ae/2`` in a ball, A diagonal, by bisection (Moré, Sorensen 1983)."""
    low, high = curvature.max(), curvature.max() + np.linalg.norm(slope) / radius + 1e-9
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if np.linalg.norm(slope / (middle - curvature)) > radius else (low, middle)
    offset = slope / (high - curvature)
    assert np.linalg.norm(offset) == pytest.approx(radius, rel=1e-9)  # the easy case, or the oracle is none
    return slope @ offset + curvature @ offset**2 / 2


@pytest.mark.parametrize("scaling", sharpness.SCALINGS)
def test_one_step_on_a_quadratic(scaling):
    """``rho ||b|| + rho^2/2 b'Ab / b'b`` with the slope b and the curvature A in the scaled coordinates."""
    found = sharpness.ascend(quadratic, WEIGHT, scales(scaling), RADIUS, 1)[0]
    scale = scales(scaling).numpy()
    slope, curvature = scale * CURVATURE.numpy() * WEIGHT.numpy(), CURVATURE.numpy() * scale**2
    length = np.linalg.norm(slope, axis=1)
    expected = RADIUS * length + RADIUS**2 / 2 * (curvature * slope**2).sum(1) / length**2
    np.testing.assert_allclose(found, expected, rtol=1e-12)  # a difference of two numbers of that size


@pytest.mark.parametrize("scaling", sharpness.SCALINGS)
def test_many_steps_find_the_worst_point_of_the_ball(scaling):
    found = sharpness.sharpness(quadratic, WEIGHT, scales(scaling), RADIUS, 200, torch.ones(2, 4).double())
    for r, (weight, scale) in enumerate(zip(WEIGHT.numpy(), scales(scaling).numpy(), strict=True)):
        curvature = CURVATURE.numpy() * scale**2
        expected = worst_of_a_ball(CURVATURE.numpy() * scale * weight, curvature, RADIUS)
        # steps contract by about 1 / (1 + STEP) each; 200 of them are rounding
        assert found["worst"][r].item() == pytest.approx(expected, rel=1e-8)
        assert found["ascent"][r].item() < expected * (1 - 1e-3)  # one step does not


@pytest.mark.parametrize("scaling", sharpness.SCALINGS)
def test_noise_on_a_quadratic(scaling):
    """``rho^2/2 z'Az / z'z`` for each draw: the slope cancels."""
    noise = torch.randn(3, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = sharpness.scatter(quadratic, WEIGHT, scales(scaling), RADIUS, noise)
    curvature, squares = CURVATURE * scales(scaling).square(), noise.square()
    expected = RADIUS**2 / 2 * squares @ curvature.T / squares.sum(1, keepdim=True)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-13)  # differences of numbers of order 10


def test_the_mean_over_draws_is_the_trace():
    """``rho^2/2 tr(A) / P`` within four standard errors of 400 draws."""
    noise = torch.randn(400, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    found = sharpness.sharpness(quadratic, WEIGHT, scales("plain"), RADIUS, 1, noise)
    expected = RADIUS**2 / 2 * CURVATURE.mean()
    assert (abs(found["average"] - expected) < 4 * found["average_error"]).all()
    assert (found["average_error"] < 0.1 * expected).all()


def test_a_point_without_slope_stays():
    rise = sharpness.ascend(quadratic, torch.zeros(1, 4).double(), torch.ones(1, 4).double(), RADIUS, 3)
    assert rise.flatten().tolist() == [0, 0, 0]


def rescaled(solution, factor):
    """The same ReLU network: its first layer times the factor, its second over it."""
    data = solution.data.copy(deep=True)
    for name, own in (("layers.0.weight", factor), ("layers.0.bias", factor), ("layers.1.weight", 1 / factor)):
        data[f"weight.{name}"] *= own
    return Solution(data)


def test_adaptive_sharpness_is_that_of_the_function(fleet):
    """Layers of a ReLU network may be rescaled: to rounding nothing changes, and plain sharpness does."""
    solution, task = fleet(model={"name": "mlp", "hidden": [6]})
    first, second = (sharpness.measure(each, task, draws=3) for each in (solution, rescaled(solution, 4.0)))
    for name in sharpness.MEASURES:
        pair = [measured[name].sel(scaling="adaptive") for measured in (first, second)]
        # factors are powers of two, so that only sums in another order differ; losses are of order 1
        np.testing.assert_allclose(*pair, rtol=1e-9, atol=1e-13)
        plain = [measured[name].sel(scaling="plain", snapshot="final") for measured in (first, second)]
        assert (abs(plain[0] - plain[1]) > 0.01 * abs(plain[0])).all(), name


def test_measured_as_defined(fleet):
    """One replica's first step by plain autograd on its own module."""
    solution, task = fleet()
    measured = sharpness.measure(solution, task, radius=0.1, adaptive_radius=0.3, examples=40)
    x, y = (value[:40] for value in task.split("train"))
    own = {name: torch.as_tensor(solution.values(name, "final")[1, 2]) for name in solution.parameters}

    def loss(weights):
        return torch.nn.functional.cross_entropy(torch.func.functional_call(task.model, weights, (x,)), y)

    leaves = {name: value.clone().requires_grad_() for name, value in own.items()}
    slopes = dict(zip(leaves, torch.autograd.grad(loss(leaves), list(leaves.values())), strict=True))
    for scaling, radius in (("plain", 0.1), ("adaptive", 0.3)):
        scale = {name: value.abs() if scaling == "adaptive" else torch.ones_like(value) for name, value in own.items()}
        length = torch.cat([(scale[name] * slope).flatten() for name, slope in slopes.items()]).norm()
        moved = {name: own[name] + radius * scale[name].square() * slopes[name] / length for name in own}
        cell = measured["ascent"].isel(setting=1, seed=2).sel(snapshot="final", scaling=scaling)
        assert cell.item() == pytest.approx((loss(moved) - loss(own)).item(), rel=1e-9)  # a difference of losses


def test_the_worst_is_never_less(fleet):
    solution, task = fleet()
    measured = sharpness.measure(solution, task, draws=2)
    assert (measured["worst"] >= measured["ascent"]).all() and (measured["worst"] >= 0).all()
    more = sharpness.measure(solution, task, draws=2, steps=20)
    assert (more["worst"] >= measured["worst"]).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"radius": 0}, "radius=0 and adaptive_radius=0.5 must be positive"),
        ({"adaptive_radius": -1}, "adaptive_radius=-1"),
        ({"draws": 1}, "draws=1 is at least 2"),
        ({"steps": 0}, "steps=0"),
    ],
)
def test_impossible_options_are_refused(fleet, options, message):
    solution, task = fleet()
    with pytest.raises(ValueError, match=message):
        sharpness.measure(solution, task, **options)

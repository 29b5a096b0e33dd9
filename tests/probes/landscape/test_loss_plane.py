"""Slices and planes of quadratics, and of networks that are the same function."""

import numpy as np
import pytest
import torch

from imprint.probes.landscape import loss_plane
from imprint.probes.landscape.loss_perturbation import filter_normalized
from imprint.solution import Solution
from imprint.streams import generator
from imprint.task import Task

LINEAR = {"name": "mlp", "hidden": [], "bias": False}


def noises(task, count, seed=0):
    """The probe's own directions: one stream, direction by direction, parameter by parameter."""
    stream = generator(seed, "loss_plane")
    shapes = {name: weight.shape for name, weight in task.model.named_parameters()}
    return [
        {name: torch.randn(shape, generator=stream, dtype=torch.float64) for name, shape in shapes.items()}
        for _ in range(count)
    ]


def test_the_plane_of_linear_least_squares_in_closed_form(fleet):
    """A quadratic: ``L + a g'd + b g'e + a^2 d'Hd / 2 + a b d'He + b^2 e'He / 2``, replica by replica, by numpy."""
    solution, task = fleet(model=LINEAR)
    task = Task(task.data, LINEAR, "squared_error", precision="float64")
    measured = loss_plane.measure(solution, task, examples=30, points=5, side=3)
    x, y = (value[:30].numpy() for value in task.split("train"))
    stacked = torch.as_tensor(solution.values("layers.0.weight", "final")).flatten(0, 1)
    given = [filter_normalized(noise["layers.0.weight"], stacked).numpy() for noise in noises(task, 2)]
    for row, weight in enumerate(stacked.numpy()):
        cell = measured.sel(snapshot="final").isel(setting=row // 3, seed=row % 3)
        residual = x @ weight.T - np.eye(10)[y]
        d, e = (x @ each[row].T for each in given)
        dots = {"rd": residual * d, "re": residual * e, "dd": d * d / 2, "de": d * e, "ee": e * e / 2}
        rd, re, dd, de, ee = (value.sum() / 30 for value in dots.values())
        base = np.square(residual).sum() / 60
        a, b = np.meshgrid([-1, 0, 1], [-1, 0, 1], indexing="ij")
        # sums of a few hundred numbers in another order
        np.testing.assert_allclose(
            cell["plane"], base + a * rd + b * re + a * a * dd + a * b * de + b * b * ee, rtol=1e-11
        )
        at = np.linspace(-1, 1, 5)
        np.testing.assert_allclose(cell["loss"].sel(direction=1), base + at * rd + at**2 * dd, rtol=1e-11)
        np.testing.assert_allclose(cell["loss"].sel(direction=2), base + at * re + at**2 * ee, rtol=1e-11)


def test_width_of_a_parabola():
    """``sqrt(2 r / k)`` on each side; a chord of spacing h lies within ``k h^2 / 8`` of the parabola."""
    at = torch.linspace(-1, 1, 201, dtype=torch.float64)
    curvature = torch.tensor([2.0, 10.0, 0.1], dtype=torch.float64)
    found, cut = loss_plane.width(0.3 + curvature[:, None] * at**2 / 2, at, 0.2)
    exact = 2 * torch.sqrt(0.4 / curvature[:2])
    assert cut.tolist() == [False, False, True] and found[2].item() == 2
    # a chord overestimates by at most (k h^2 / 8) / (k w), with w half the width and h = 0.01, on each side
    assert (found[:2] <= exact + 1e-12).all()
    assert (exact - found[:2] <= 2 * 0.01**2 / 8 / (exact / 2) * 1.1).all()


def test_width_of_lopsided_lines_is_exact():
    """Straight sides: the interpolation is no approximation. The valley's far side rises after a dip."""
    at = torch.tensor([-1.0, -0.5, 0.0, 0.5, 1.0], dtype=torch.float64)
    loss = torch.tensor([[8.0, 4.0, 0.0, 1.0, 2.0], [1.0, 0.5, 0.0, -3.0, -1.0]], dtype=torch.float64)
    found, cut = loss_plane.width(loss, at, 1.0)
    assert found.tolist() == [0.125 + 0.5, 2.0] and cut.tolist() == [False, True]


def test_the_centre_is_the_solution(fleet):
    solution, task = fleet()
    measured = loss_plane.measure(solution, task, points=3, side=3, directions=3, examples=50)
    for replicas in solution.snapshots(task):
        loss = replicas.loss("train")[:, :50].mean(-1).view(2, 3).numpy()
        hits = (replicas.logits("test")[:, :50].argmax(-1) == replicas.y("test")[:50]).double().mean(-1).view(2, 3)
        cell = measured.sel(snapshot=replicas.snapshot)
        np.testing.assert_allclose(cell["plane"].sel(first=0, second=0), loss, rtol=1e-12)  # sums in another order
        for direction in (1, 2, 3):
            np.testing.assert_allclose(cell["loss"].sel(direction=direction, along=0), loss, rtol=1e-12)
            np.testing.assert_allclose(cell["accuracy"].sel(direction=direction, along=0), hits, rtol=1e-12)


def test_the_plane_holds_the_lines(fleet):
    solution, task = fleet()
    measured = loss_plane.measure(solution, task, points=5, side=5)
    first, second = measured["plane"].sel(second=0), measured["plane"].sel(first=0)
    np.testing.assert_allclose(first, measured["loss"].sel(direction=1), rtol=1e-12)  # sums in another order
    np.testing.assert_allclose(second, measured["loss"].sel(direction=2), rtol=1e-12)
    # the lines differ, so that the test can fail
    assert (abs(first.values - second.values).max(-1) > 1e-3).all()


def scaled(solution, rows):
    """The same ReLU network: units of the first layer times ``rows``, what reads them over ``rows``."""
    data = solution.data.copy(deep=True)
    data["weight.layers.0.weight"].values *= rows[:, None]
    data["weight.layers.0.bias"].values *= rows
    data["weight.layers.1.weight"].values /= rows
    return Solution(data)


def test_a_layer_may_be_rescaled_and_single_units_may_not(fleet):
    solution, task = fleet(model={"name": "mlp", "hidden": [6]})
    options = {"points": 5, "side": 3}
    first = loss_plane.measure(solution, task, **options)
    layer = loss_plane.measure(scaled(solution, np.full(6, 4.0)), task, **options)
    for name in loss_plane.MEASURES:
        np.testing.assert_allclose(layer[name], first[name], rtol=1e-10, atol=1e-12)  # factors are powers of two
    units = loss_plane.measure(scaled(solution, np.array([4.0, 1, 1, 0.25, 1, 2])), task, **options)
    for name in ("loss", "plane"):
        middle = {dim: 0 for dim in first[name].dims if dim in ("along", "first", "second")}
        np.testing.assert_allclose(units[name].sel(middle), first[name].sel(middle), rtol=1e-10)
        assert abs(units[name] / first[name] - 1).max() > 0.01


def test_width_is_the_mean_over_directions(fleet):
    solution, task = fleet()
    measured = loss_plane.measure(solution, task, directions=3, points=21, side=3, rise=0.5)
    cell = measured.sel(snapshot="final").isel(setting=0, seed=1)
    at = torch.tensor(cell["along"].values)
    each = [loss_plane.width(torch.as_tensor(cell["loss"].values[d : d + 1]), at, 0.5) for d in range(3)]
    assert cell["width"].item() == pytest.approx(np.mean([found.item() for found, _ in each]), rel=1e-12)
    assert cell["censored"].item() == pytest.approx(np.mean([cut.item() for _, cut in each]), rel=1e-12)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rise": 0}, "rise=0 must be positive"),
        ({"directions": 1}, "directions=1 at least 2"),
        ({"points": 10}, "points=10 and side=11 must be odd"),
        ({"side": 1}, "side=1 must be odd and at least 3"),
    ],
)
def test_impossible_options_are_refused(fleet, options, message):
    solution, task = fleet()
    with pytest.raises(ValueError, match=message):
        loss_plane.measure(solution, task, **options)

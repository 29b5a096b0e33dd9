"""Attacks stay in their ball, and on a linear network of two classes they are the worst there is, in closed form."""

import numpy as np
import pytest
import torch

from imprint.probes.robustness import adversarial
from imprint.solution import Solution

RADII = {"max": 0.15, "euclidean": 0.4}
EPS = torch.finfo(torch.float64).eps


def at(solution, snapshot="final"):
    """Weights and inputs of all six replicas."""
    return {name: torch.as_tensor(solution.values(name, snapshot)).flatten(0, 1) for name in solution.parameters}


def norm(change, ball):
    return change.abs().amax(-1) if ball == "max" else change.norm(dim=-1)


@pytest.mark.parametrize("ball", adversarial.BALLS)
@pytest.mark.parametrize("steps", [1, 2, 7])
def test_a_change_stays_in_the_ball(fleet, ball, steps):
    solution, task = fleet()
    x, y = task.split("test")
    x = x.expand(6, *x.shape)
    moved = adversarial.attacked(task, at(solution), x, y, ball=ball, radius=RADII[ball], steps=steps)
    size = norm(moved - x, ball)
    # the change is added to inputs of size up to 5 and taken off again: an eps of the sum in each of 64 numbers
    assert size.max() <= RADII[ball] + 8 * 5 * EPS
    assert size.max() > 0.9 * RADII[ball]
    # two long steps across the kinks of a random network may end where the loss is smaller: then x itself is kept
    assert (size > 0).double().mean() > 0.8


@pytest.mark.parametrize("ball", adversarial.BALLS)
def test_projection_is_the_nearest_point_of_the_ball(ball):
    stream = torch.Generator().manual_seed(0)
    change = torch.randn(2, 50, 3, generator=stream, dtype=torch.float64)
    found = adversarial.project(change, 0.8, ball)
    assert (norm(found, ball) <= 0.8 * (1 + 4 * EPS)).all()
    inside = norm(change, ball) <= 0.8
    assert inside.any() and torch.equal(found[inside], change[inside])
    torch.testing.assert_close(adversarial.project(found, 0.8, ball), found, rtol=4 * EPS, atol=0)
    others = 0.8 * adversarial.steepest(torch.randn(500, 1, 1, 3, generator=stream, dtype=torch.float64), ball)
    others = others * torch.rand(500, 1, 1, 1, generator=stream, dtype=torch.float64)
    assert ((change - found).norm(dim=-1) <= (change - others).norm(dim=-1) + 4 * EPS).all()


@pytest.mark.parametrize("ball", adversarial.BALLS)
def test_the_steepest_direction_attains_the_dual_norm(ball):
    gradient = torch.randn(2, 5, 7, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = adversarial.steepest(gradient, ball)
    dual = gradient.abs().sum(-1) if ball == "max" else gradient.norm(dim=-1)
    torch.testing.assert_close((found * gradient).sum(-1), dual, rtol=1e-14, atol=0)  # sums of seven products
    assert (adversarial.steepest(torch.zeros(1, 1, 3), ball) == 0).all()
    tiny = adversarial.steepest(1e-200 * gradient, ball)
    torch.testing.assert_close(tiny, found, rtol=1e-14, atol=0)


@pytest.mark.parametrize("ball", adversarial.BALLS)
@pytest.mark.parametrize("attack", adversarial.ATTACKS)
def test_a_linear_network_of_two_classes_in_closed_form(fleet, ball, attack):
    """The worst change takes ``radius |w|*`` off every margin, with the dual norm of the difference of the rows."""
    solution, task = fleet("waves", model={"name": "mlp", "hidden": []})
    radius = {"max": 0.05, "euclidean": 0.1}[ball]
    found = adversarial.measure(solution, task, max_radius=0.05, euclidean_radius=0.1)
    found = found.sel(snapshot="final", ball=ball, attack=attack)
    weight, bias = (solution.values(f"layers.0.{name}", "final") for name in ("weight", "bias"))
    for seed in range(3):
        x, y = (part[seed].numpy() for part in task.split("test"))
        for setting in range(2):
            w = weight[setting, seed, 1] - weight[setting, seed, 0]
            margin = (2 * y - 1) * (x @ w + bias[setting, seed, 1] - bias[setting, seed, 0])
            worst = margin - radius * (np.abs(w).sum() if ball == "max" else np.linalg.norm(w))
            cell = found.isel(setting=setting, seed=seed)
            assert cell["accuracy"].item() == (worst > 0).mean()
            assert cell["drop"].item() == pytest.approx((margin > 0).mean() - (worst > 0).mean(), abs=1e-15)
            # the change is found to some eps, and losses of up to 10 are averaged
            assert cell["loss"].item() == pytest.approx(np.logaddexp(0, -worst).mean(), rel=1e-12)


def test_several_steps_never_help_the_network(fleet):
    solution, task = fleet()
    found = adversarial.measure(solution, task, max_radius=0.3, euclidean_radius=1.5).sel(attack="iterated")
    x, y = task.split("test")
    clean = task.loss(task.logits(at(solution), x), y).mean(-1).view(2, 3).numpy()
    for ball in adversarial.BALLS:
        assert (found["loss"].sel(snapshot="final", ball=ball) > clean).all()


def test_a_constant_network_is_not_moved(fleet):
    solution, task = fleet()
    data = solution.data.copy(deep=True)
    for name in solution.parameters:
        data[f"weight.{name}"][:] = 0.0
    found = adversarial.measure(Solution(data), task)
    assert (found["drop"] == 0).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_radius": 0.0}, "radii 0.0 and 1.0 are above 0"),
        ({"steps": 1}, "steps 1 is at least 2"),
        ({"examples": 0}, "examples 0 at least 1"),
    ],
)
def test_options_outside_their_range_are_refused(fleet, options, message):
    solution, task = fleet()
    with pytest.raises(ValueError, match=message):
        adversarial.measure(solution, task, **options)


def test_inputs_that_are_not_real_are_refused(fleet):
    solution, task = fleet()
    task._tensors["x_test"] = torch.zeros(3, 4, dtype=torch.int64)
    with pytest.raises(ValueError, match="adversarial changes real inputs and those of this task are torch.int64"):
        adversarial.measure(solution, task)

"""The stability thresholds against the spectral radius of each method's own iteration, written down as a matrix."""

import math

import numpy as np
import pytest
import torch
from fleet_example import known_recipes

from imprint.recipes.threshold import hyper, preconditioned, threshold

SGD = {"update": "torch.optim:SGD"}
ADAM = {"update": "torch.optim:Adam"}
NESTEROV = {**SGD, "hyper": {"momentum": 0.9, "nesterov": True}}
RATE = 0.1


def with_sam(rho, **options):
    return {**SGD, "perturbation": {"name": "sam", "rho": rho, "normalize": False, **options}}


def heavy_ball(curvature, rate, beta):
    """(w, v) -> with v' = beta v + curvature w, w' = w - rate v'."""
    return np.array([[1 - rate * curvature, -rate * beta], [curvature, beta]])


def nesterov(curvature, rate, beta):
    """The same buffer, and a step along curvature w + beta v'."""
    return np.array([[1 - rate * curvature * (1 + beta), -rate * beta**2], [curvature, beta]])


def frozen_adam(curvature, rate, beta):
    """v' = beta v + (1 - beta) curvature w for the preconditioned curvature, w' = w - rate v'."""
    added = (1 - beta) * curvature
    return np.array([[1 - rate * added, -rate * beta], [added, beta]])


def sam(curvature, rate, radius):
    """The gradient at w + radius * curvature w."""
    return np.array([[1 - rate * curvature * (1 + radius * curvature)]])


ITERATIONS = {
    "gradient descent": (SGD, lambda c: heavy_ball(c, RATE, 0.0)),
    "heavy ball .5": ({**SGD, "hyper": {"momentum": 0.5}}, lambda c: heavy_ball(c, RATE, 0.5)),
    "heavy ball .9": ({**SGD, "hyper": {"momentum": 0.9}}, lambda c: heavy_ball(c, RATE, 0.9)),
    "Nesterov": (NESTEROV, lambda c: nesterov(c, RATE, 0.9)),
    "SAM": (with_sam(0.05), lambda c: sam(c, RATE, 0.05)),
    "SAM of radius 0": (with_sam(0.0), lambda c: sam(c, RATE, 0.0)),
    "Adam": (ADAM, lambda c: frozen_adam(c, RATE, 0.9)),
    "Adam without momentum": ({**ADAM, "hyper": {"betas": [0.0, 0.999]}}, lambda c: frozen_adam(c, RATE, 0.0)),
}


@pytest.mark.parametrize("name", ITERATIONS)
def test_the_iteration_contracts_below_and_not_above(name):
    recipe, iteration = ITERATIONS[name]
    limit = threshold(recipe, {"lr": RATE})
    below, above = (max(abs(np.linalg.eigvals(iteration(limit * factor)))) for factor in (1 - 1e-6, 1 + 1e-6))
    assert below < 1 < above


def test_torch_steps_with_adams_momentum_diverge_above():
    """An average of gradients over a fixed preconditioner is SGD with dampening: to a thousandth of the threshold."""
    limit, preconditioner = threshold(ADAM, {"lr": 1e-3}), 0.02
    ends = []
    for factor in (0.999, 1.001):
        w = torch.nn.Parameter(torch.full((1,), 1e-3, dtype=torch.float64))
        optimizer = torch.optim.SGD([w], lr=1e-3 / preconditioner, momentum=0.9, dampening=0.9)
        for _ in range(800):
            w.grad = factor * limit * preconditioner * w.detach()
            optimizer.step()
        ends.append(w.abs().item())
    assert ends[0] < 1e-4 and ends[1] > 1e-2


def test_known_numbers():
    assert threshold(SGD, {"lr": 0.1}) == pytest.approx(20)
    assert threshold(ADAM, {"lr": 0.001}) == pytest.approx(38000)
    # 7.32, 6.18 and 4.34 at rate 0.2 were seen on a small network
    found = [threshold(with_sam(rho), {"lr": 0.2}) for rho in (0.05, 0.1, 0.3)]
    assert found == pytest.approx([7.32, 6.18, 4.34], abs=0.005)


def test_a_setting_goes_before_what_is_fixed():
    assert threshold({**SGD, "hyper": {"lr": 1.0, "momentum": 0.5}}, {"lr": 0.1}) == pytest.approx(30)
    assert hyper(ADAM, {"lr": 0.1})["betas"] == (0.9, 0.999)
    assert preconditioned(ADAM) and not preconditioned(SGD)


def test_recipes_of_the_edge_have_thresholds():
    recipes = known_recipes()
    found = {name: threshold(recipes[name], {}) for name in ("sgd_tenth", "sgd_fifth", "heavy_ball_half", "sam_wide")}
    assert found == pytest.approx({"sgd_tenth": 20, "sgd_fifth": 10, "heavy_ball_half": 20, "sam_wide": 10})
    assert threshold(recipes["nesterov_twentieth"], {}) == pytest.approx(3.8 / (0.05 * 2.8))
    assert math.isclose(threshold(recipes["adam_third"], {}), 38 / 3e-4)


@pytest.mark.parametrize(
    ("recipe", "match"),
    [
        ({"update": "muon"}, "no stability threshold is known for 'muon', only for updates .*Adam.*SGD"),
        ({**SGD, "decay": {"name": "decoupled", "weight_decay": 0.1}}, "with decay; take a recipe without"),
        ({**SGD, "schedule": {"name": "cosine"}}, "with schedule"),
        ({**SGD, "averaging": {"name": "ema"}}, "with averaging"),
        ({**SGD, "parametrization": {"name": "power", "alpha": 2.0}}, "with parametrization"),
        ({**SGD, "hyper": {"weight_decay": 0.1}}, "with weight_decay"),
        ({**SGD, "hyper": {"momentum": 0.9, "dampening": 0.5}}, "with dampening"),
        ({**SGD, "hyper": {"maximize": True}}, "with maximize"),
        ({**ADAM, "hyper": {"amsgrad": True}}, "with amsgrad"),
        (with_sam(0.1, normalize=True), "only 'sam' with normalize: false over gradient descent without momentum"),
        ({**with_sam(0.1), "hyper": {"momentum": 0.9}}, "over gradient descent without momentum"),
        ({**with_sam(0.1), **ADAM}, "over gradient descent without momentum"),
        ({**SGD, "perturbation": {"name": "asam"}}, "perturbation .*asam"),
    ],
)
def test_what_has_no_known_threshold_is_refused(recipe, match):
    with pytest.raises(ValueError, match=match):
        threshold(recipe, {"lr": 0.1})


def test_without_a_rate_there_is_none():
    with pytest.raises(ValueError, match="has no lr here"):
        threshold(SGD, {})

"""On a quadratic each method diverges exactly above the curvature that its theory gives, to a thousandth."""

import math

import pytest
import torch

from imprint.fleet.layout import Layout
from imprint.recipes.compose import Composition

RATE, RHO, STEPS = 0.1, 0.05, 12000
SGD = {"update": "torch.optim:SGD", "sees": "elements"}
SAM = (math.sqrt(1 + 8 * RHO / RATE) - 1) / (2 * RHO)
THRESHOLDS = {
    "gradient descent": (SGD, 2 / RATE),
    "heavy ball": ({**SGD, "hyper": {"momentum": 0.5}}, (2 + 2 * 0.5) / RATE),
    "Nesterov": (
        {**SGD, "hyper": {"momentum": 0.5, "nesterov": True}},
        (2 + 2 * 0.5) / (RATE * (1 + 2 * 0.5)),
    ),
    # Andriushchenko and Flammarion 2022: eta lambda (1 + rho lambda) = 2
    "SAM, not normalized": ({**SGD, "perturbation": {"name": "sam", "rho": RHO, "normalize": False}}, SAM),
    # the update and half of the decay's pull: eta (lambda + decay) = 2
    "decoupled decay": ({**SGD, "decay": {"name": "decoupled", "weight_decay": 1.0}}, 2 / RATE - 1.0),
    "coupled decay": ({**SGD, "decay": {"name": "coupled", "weight_decay": 1.0}}, 2 / RATE - 1.0),
}


class Quadratic:
    """``lambda w^2 / 2`` for every replica."""

    def __init__(self, curvature):
        self.curvature, self.passes = curvature, torch.zeros(1)

    def gradient(self, weights):
        return self.curvature * (weights**2).sum(1) / 2, self.curvature * weights


@pytest.mark.slow
@pytest.mark.parametrize("name", THRESHOLDS)
def test_it_diverges_above_its_threshold_and_not_below(name):
    recipe, threshold = THRESHOLDS[name]
    ends = []
    for factor in (0.999, 1.001):
        start = torch.full((1, 1), 1e-3, dtype=torch.float64)
        made = Composition(recipe, Layout({"w": (1,)}), start, torch.zeros(1, dtype=torch.int64), [{"lr": RATE}])
        oracle = Quadratic(factor * threshold)
        for _ in range(STEPS):
            _, gradient = made.measure(oracle)
            made.step(gradient, oracle)
        ends.append(made.weights.abs().item())
    below, above = ends
    assert below < 1e-4 and (above > 1e-2 or math.isnan(above)), ends

"""What the benchmarks train: random data, networks as plain modules and as models of imprint, recipes."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import xarray as xr
from torch import nn

from imprint.recipes.update.muon import Muon
from imprint.task import Task

EXAMPLES, BATCH, CLASSES = 4096, 128, 10
ADAM = {"update": "torch.optim:Adam", "hyper": {"lr": 1e-3}, "sees": "elements"}
RECIPES = {
    "adam": ADAM,
    "muon": {"update": "muon", "hyper": {"lr": 0.02}, "sees": "matrices", "rest": ADAM},
    "shampoo": {
        "update": "shampoo",
        "hyper": {"lr": 0.01, "momentum": 0.9, "accumulation": "average", "beta2": 0.99, "refresh": 10},
        "sees": "matrices",
        "rest": ADAM,
    },
    "soap": {
        "update": "soap",
        "hyper": {"lr": 3e-3, "betas": [0.95, 0.95], "precondition_frequency": 10},
        "sees": "matrices",
        "rest": ADAM,
    },
}


def perceptron(inputs: int, hidden: Sequence[int]) -> nn.Sequential:
    """Return linear layers with ReLU between them."""
    pairs = itertools.pairwise([inputs, *hidden, CLASSES])
    layers = [part for i, o in pairs for part in (nn.Linear(i, o), nn.ReLU())]
    return nn.Sequential(*layers[:-1])


def convolutions(shape: Sequence[int], channels: Sequence[int]) -> nn.Sequential:
    """Return 3 x 3 convolutions, each with ReLU and averages of 2 x 2 pixels, and a linear classifier."""
    layers = [nn.Unflatten(1, tuple(shape))]
    for i, o in itertools.pairwise([shape[0], *channels]):
        layers += [nn.Conv2d(i, o, 3, padding=1), nn.ReLU(), nn.AvgPool2d(2)]
    pixels = (shape[1] >> len(channels)) * (shape[2] >> len(channels))
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(channels[-1] * pixels, CLASSES))


@dataclass
class Network:
    """One network, twice.

    Attributes:
        inputs: number of features.
        model: as a model of imprint.
        plain: makes it of torch's modules.
        recipes: those it is timed with.
    """

    inputs: int
    model: dict
    plain: Callable[[], nn.Sequential]
    recipes: tuple[str, ...]

    def task(self) -> Task:
        """Return a task with random examples."""
        generator = np.random.default_rng(0)
        variables = {}
        for split in ("train", "validation"):
            x = generator.standard_normal((EXAMPLES, self.inputs), np.float32)
            variables[f"x_{split}"] = ((split, "feature"), x)
            variables[f"y_{split}"] = (split, generator.integers(0, CLASSES, EXAMPLES))
        data = xr.Dataset(variables, attrs={"classes": CLASSES, "inputs": self.inputs})
        return Task(data, self.model, "cross_entropy")


def _perceptron(inputs: int, hidden: Sequence[int], *recipes: str) -> Network:
    return Network(inputs, {"name": "mlp", "hidden": hidden}, lambda: perceptron(inputs, hidden), recipes)


NETWORKS = {
    "64-64-64-10": _perceptron(64, [64, 64], "adam", "muon"),
    "784-128-128-10": _perceptron(784, [128, 128], "adam"),
    "14x14, 8 and 16 channels": Network(
        196,
        {"name": "convnet", "shape": [1, 14, 14], "channels": [8, 16]},
        lambda: convolutions([1, 14, 14], [8, 16]),
        ("adam",),
    ),
}


class PlainMuon:
    """Muon on one network's matrices and Adam on the rest, one matrix after the other."""

    def __init__(self, parameters):
        parameters = list(parameters)
        self.parts = [
            Muon([p for p in parameters if p.dim() == 2], lr=0.02),
            torch.optim.Adam([p for p in parameters if p.dim() != 2], lr=1e-3),
        ]

    def step(self):
        """Step both."""
        for part in self.parts:
            part.step()

    def zero_grad(self):
        """Clear both."""
        for part in self.parts:
            part.zero_grad()


def optimizer(recipe: str, parameters):
    """Return the plain optimizer of a recipe for one network."""
    return torch.optim.Adam(parameters, lr=1e-3) if recipe == "adam" else PlainMuon(parameters)

"""A small fleet for any probe: a real task, weights of a random walk, and the trace that belongs to it."""

import importlib
import json

import numpy as np
import pytest
import torch
import xarray as xr

from imprint.solution import Solution
from imprint.task import Task

SEEDS = [3, 0, 7]
SETTINGS = 2
RATES = [0.1, 0.2]
CADENCE = 10


def dataset(name, options, seeds):
    """Build a task's data, drawn for every seed if the task says so."""
    module = importlib.import_module(f"imprint.tasks.{name}")
    options = {**module.EXAMPLE, **options}
    if not module.SEEDED:
        return module.build(**options), module.LOSS
    parts = [module.build(**options, seed=seed) for seed in seeds]
    return xr.concat(parts, xr.IndexVariable("seed", seeds), data_vars="all"), module.LOSS


def random_walk(task, seeds, snapshots, spread=0.3):
    """Weights of every replica at every snapshot, and a trace in which length and passes grow steadily."""
    generator = torch.Generator().manual_seed(0)
    dims = ("setting", "seed", "snapshot")
    sizes = (SETTINGS, len(seeds), len(snapshots))
    about = {"long_name": "for a test", "units": "1"}
    steps = CADENCE * np.arange(len(snapshots))
    variables = {"snapshot_step": (dims, np.broadcast_to(steps, sizes).astype(float), about)}
    for name, weight in task.model.named_parameters():
        jumps = spread * torch.randn(*sizes, *weight.shape, generator=generator, dtype=torch.float64)
        axes = tuple(f"{name}_{axis}" for axis in range(weight.dim()))
        variables[f"weight.{name}"] = ((*dims, *axes), jumps.cumsum(2).numpy(), about)
    for name, rate in (("path_length", 5.0), ("passes", 1.0), ("validation_accuracy", 0.02)):
        values = np.broadcast_to(rate * steps, (SETTINGS, len(seeds), len(steps)))
        variables[name] = (("setting", "seed", "evaluation"), values, about)
    losses = np.broadcast_to(1 / (1 + np.arange(len(steps))), (SETTINGS, len(seeds), len(steps)))
    variables["train_loss"] = (("setting", "seed", "evaluation"), losses, about)
    variables["hyper.lr"] = ("setting", RATES, about)
    coords = {
        "setting": np.arange(SETTINGS),
        "seed": seeds,
        "snapshot": snapshots,
        "step": ("evaluation", steps),
    }
    return xr.Dataset(variables, coords, {"spec": json.dumps({"recipe": {"update": "torch.optim:SGD"}})})


@pytest.fixture
def fleet():
    """Return a function that builds ``(solution, task)`` of 2 settings and 3 seeds in float64."""

    def build(task="classification", model=None, seeds=SEEDS, **options):
        data, loss = dataset(task, options, seeds)
        built = Task(data, model or {"name": "mlp", "hidden": [6, 5]}, loss, precision="float64")
        ends = [f"task_{stage + 1}" for stage in range(built.stages)] if built.stages > 1 else ["middle"]
        return Solution(random_walk(built, seeds, ["init", *ends, "final"])), built

    return build

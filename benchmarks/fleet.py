"""How fast is a fleet? Replica-steps per second against one Trainer per seed and against a plain loop, in one run.

    OMP_NUM_THREADS=1 python benchmarks/fleet.py [--seconds 2]

(a) one Lightning Trainer per replica, TensorDataset and DataLoader, automatic optimization; (b) a plain PyTorch loop
that indexes tensors in memory; (c) a fleet through its Lightning module. The last column is the fleet's share of the
machine's matrix-product peak (a 1024 x 1024 product, measured beside): forward and backward cost 6 operations per
weight and example.
"""

import argparse
import itertools
import logging
import time
import warnings

import numpy as np
import pytorch_lightning as pl
import torch
import xarray as xr
from pytorch_lightning.plugins.environments import LightningEnvironment
from torch import nn

from imprint.fleet.fleet import Fleet
from imprint.fleet.module import FleetModule
from imprint.recipes.update.muon import Muon
from imprint.task import Task

EXAMPLES, BATCH = 4096, 128
NETWORKS = {"64-64-64-10": [64, 64, 64, 10], "784-128-128-10": [784, 128, 128, 10]}
RECIPES = {
    "adam": {"update": "torch.optim:Adam", "hyper": {"lr": 1e-3}, "sees": "elements"},
    "muon": {
        "update": "muon",
        "hyper": {"lr": 0.02},
        "sees": "matrices",
        "rest": {"update": "torch.optim:Adam", "hyper": {"lr": 1e-3}, "sees": "elements"},
    },
}


def data(inputs: int) -> xr.Dataset:
    """Return random examples."""
    generator = np.random.default_rng(0)
    variables = {}
    for split in ("train", "validation"):
        variables[f"x_{split}"] = ((split, "feature"), generator.standard_normal((EXAMPLES, inputs), np.float32))
        variables[f"y_{split}"] = (split, generator.integers(0, 10, EXAMPLES))
    return xr.Dataset(variables, attrs={"classes": 10, "inputs": inputs})


def network(widths: list[int]) -> nn.Sequential:
    """Return the same network as plain modules."""
    layers = [part for i, o in itertools.pairwise(widths) for part in (nn.Linear(i, o), nn.ReLU())]
    return nn.Sequential(*layers[:-1])


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


def optimizer(name: str, parameters):
    """Return the plain optimizer of a recipe."""
    return torch.optim.Adam(parameters, lr=1e-3) if name == "adam" else PlainMuon(parameters)


class Module(pl.LightningModule):
    """One replica as most people train it."""

    def __init__(self, name: str, widths: list[int]):
        super().__init__()
        self.network, self.name = network(widths), name
        self.automatic_optimization = name == "adam"

    def configure_optimizers(self):
        """Return the optimizer, or none where it is stepped by hand."""
        return torch.optim.Adam(self.parameters(), lr=1e-3) if self.name == "adam" else None

    def training_step(self, batch, index):
        """Return the loss of a batch."""
        x, y = batch
        loss = nn.functional.cross_entropy(self.network(x), y)
        if self.name == "adam":
            return loss
        self.plain = getattr(self, "plain", None) or PlainMuon(self.parameters())
        self.plain.zero_grad()
        loss.backward()
        self.plain.step()


def trainer_rate(name: str, widths: list[int], task: Task, seconds: float) -> float:
    """Return steps per second of (a)."""
    x, y = task.split("train")
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), BATCH, shuffle=True)
    options = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    trainer = pl.Trainer(
        max_epochs=-1,
        max_time={"seconds": max(2, int(seconds))},
        accelerator="cpu",
        enable_model_summary=False,
        **options,
    )
    module = Module(name, widths)
    start = time.perf_counter()
    trainer.fit(module, loader)
    return trainer.fit_loop.total_batch_idx / (time.perf_counter() - start)


def loop_rate(name: str, widths: list[int], task: Task, seconds: float) -> float:
    """Return steps per second of (b)."""
    x, y = task.split("train")
    model = network(widths)
    update = optimizer(name, model.parameters())

    def step():
        index = torch.randint(EXAMPLES, (BATCH,))
        update.zero_grad()
        nn.functional.cross_entropy(model(x[index]), y[index]).backward()
        update.step()

    return rate(step, seconds)


class NeverDue:
    """A recorder that never evaluates, so that steps alone are timed."""

    def due(self) -> bool:
        """Return False."""
        return False


def fleet_rate(name: str, task: Task, replicas: int, seconds: float) -> float:
    """Return replica-steps per second of (c), Lightning included."""
    fleet = Fleet(task, RECIPES[name], [{}], list(range(replicas)), BATCH, "stacked")
    options = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    trainer = pl.Trainer(
        max_epochs=1,
        max_time={"seconds": max(2, int(seconds))},
        accelerator="cpu",
        enable_model_summary=False,
        plugins=[LightningEnvironment()],
        **options,
    )
    start = time.perf_counter()
    trainer.fit(FleetModule(fleet, NeverDue()), range(10**9))
    return replicas * fleet.step_count / (time.perf_counter() - start)


def rate(step, seconds: float) -> float:
    """Return calls per second."""
    for _ in range(5):
        step()
    count, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        step()
        count += 1
    return count / (time.perf_counter() - start)


def peak(seconds: float) -> float:
    """Return floating-point operations per second of a large matrix product."""
    a, b = torch.randn(1024, 1024), torch.randn(1024, 1024)
    return rate(lambda: a @ b, seconds) * 2 * 1024**3


def operations(name: str, widths: list[int]) -> float:
    """Return operations per replica-step: 6 per weight and example, and the update's products."""
    pairs = list(itertools.pairwise(widths))
    products = 6 * BATCH * sum(i * o for i, o in pairs)
    if name == "muon":
        products += sum(5 * (4 * min(i, o) ** 2 * max(i, o) + 2 * min(i, o) ** 3) for i, o in pairs)
    return products


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=2.0, help="per measurement")
    seconds = parser.parse_args().seconds
    torch.set_num_threads(1)
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore")
    top = peak(seconds)
    print(f"peak {top / 1e9:.1f} GFLOP/s, batch {BATCH}, float32, one thread\n")
    print("| network | recipe | replicas | (a) Trainer | (b) loop | (c) fleet | c/a | c/b | of peak |")
    print("|---|---|---|---|---|---|---|---|---|")
    for (label, widths), name in itertools.product(NETWORKS.items(), RECIPES):
        task = Task(data(widths[0]), {"name": "mlp", "hidden": widths[1:-1]}, "cross_entropy")
        one, plain = trainer_rate(name, widths, task, seconds), loop_rate(name, widths, task, seconds)
        for replicas in (1, 8, 32, 128):
            fleet = fleet_rate(name, task, replicas, seconds)
            share = fleet * operations(name, widths) / top
            numbers = f"{one:.0f} | {plain:.0f} | {fleet:.0f} | {fleet / one:.1f} | {fleet / plain:.1f} | {share:.0%}"
            print(f"| {label} | {name} | {replicas} | {numbers} |", flush=True)


if __name__ == "__main__":
    main()

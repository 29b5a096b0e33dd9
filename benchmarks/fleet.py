"""How fast is a fleet? Replica-steps per second against one Trainer per seed and against a plain loop, in one run.

    OMP_NUM_THREADS=1 python benchmarks/fleet.py [--seconds 2]

(a) one Lightning Trainer per replica, TensorDataset and DataLoader, automatic optimization (Muon by hand); (b) a plain
PyTorch loop that indexes tensors in memory; (c) a fleet through its Lightning module. They take turns in short rounds,
and a ratio is the median of the rounds' ratios, so that a busy machine slows all sides alike. The last column is the
fleet's share of the machine's matrix-product peak (a 1024 x 1024 product, in the same rounds): the operations are
those that (b) asks of torch's products and convolutions.

The second table compares a step of a fleet with what it cannot do without: its gradients and its factorizations
(eigh, QR), timed inside the same steps. The last line shows what is saved when replicas that are done leave.
"""

import argparse
import contextlib
import logging
import os
import statistics
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import pytorch_lightning as pl
import torch
from networks import BATCH, EXAMPLES, NETWORKS, RECIPES, Network, optimizer
from pytorch_lightning.plugins.environments import LightningEnvironment
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from torch.utils.flop_counter import FlopCounterMode

from imprint.fleet.fleet import Fleet
from imprint.fleet.memory import keep_freed
from imprint.fleet.module import FleetModule
from imprint.fleet.oracle import Oracle
from imprint.task import Task

REPLICAS = (1, 8, 32, 128)
ROUNDS = 7
WARM = 2
REFRESH = 10


def fleet_of(task: Task, recipe: str, replicas: int) -> Fleet:
    """Return a fleet with the executor that its model declares."""
    executor = task.architecture.EXECUTOR["cpu"]
    return Fleet(task, RECIPES[recipe], [{}], list(range(replicas)), BATCH, executor)


class Clock:
    """Times steps after some to warm up, and says when there were enough."""

    def __init__(self, seconds: float):
        self.seconds, self.count = seconds, -WARM

    def tick(self) -> bool:
        """Note the end of a step; return whether time is up."""
        now = time.perf_counter()
        self.count += 1
        if self.count == 0:
            self.start = now
        self.last = now
        return self.count > 0 and now - self.start >= self.seconds

    @property
    def rate(self) -> float:
        """Steps per second."""
        return self.count / (self.last - self.start)


class Single(pl.LightningModule):
    """One replica as most people train it."""

    def __init__(self, recipe: str, model: nn.Module):
        super().__init__()
        self.model, self.automatic_optimization = model, recipe == "adam"
        self.update = optimizer(recipe, self.parameters())

    def configure_optimizers(self):
        """Return the optimizer, or none where it is stepped by hand."""
        return self.update if self.automatic_optimization else None

    def training_step(self, batch, index):
        """Return the loss of a batch."""
        x, y = batch
        loss = nn.functional.cross_entropy(self.model(x), y)
        if not self.automatic_optimization:
            self.update.zero_grad()
            loss.backward()
            self.update.step()
        self.trainer.should_stop = self.clock.tick()
        return loss if self.automatic_optimization else None


class Timed(FleetModule):
    """A fleet that is trained until time is up."""

    def training_step(self, batch, index):
        """Make one step of every replica."""
        super().training_step(batch, index)
        self.trainer.should_stop = self.clock.tick()


class NeverDue:
    """A recorder that never evaluates, so that steps alone are timed."""

    def due(self) -> bool:
        """Return False."""
        return False


def trained(module: pl.LightningModule, batches) -> Callable[[float], float]:
    """Return a measurement of a module's steps per second; every call trains it on."""

    def measure(seconds: float) -> float:
        module.clock = Clock(seconds)
        trainer = pl.Trainer(
            max_epochs=-1,
            accelerator="cpu",
            plugins=[LightningEnvironment()],
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        trainer.fit(module, batches)
        return module.clock.rate

    return measure


def called(step: Callable[[], object]) -> Callable[[float], float]:
    """Return a measurement of a function's calls per second."""

    def measure(seconds: float) -> float:
        clock = Clock(seconds)
        while not clock.tick():
            step()
        return clock.rate

    return measure


def plain_step(network: Network, recipe: str, task: Task) -> Callable[[], None]:
    """Return a step of (b)."""
    x, y = task.split("train")
    model = network.plain()
    update = optimizer(recipe, model.parameters())

    def step():
        index = torch.randint(EXAMPLES, (BATCH,))
        update.zero_grad()
        nn.functional.cross_entropy(model(x[index]), y[index]).backward()
        update.step()

    return step


def in_turn(measures: dict, seconds: float) -> dict:
    """Return every measurement's results, one per round."""
    found = {name: [] for name in measures}
    for _ in range(ROUNDS):
        for name, measure in measures.items():
            found[name].append(measure(seconds / ROUNDS))
    return found


def ratio(above: list[float], below: list[float]) -> float:
    """Return the median of the rounds' ratios."""
    return statistics.median(a / b for a, b in zip(above, below, strict=True))


def rates(label: str, network: Network, recipe: str, seconds: float) -> list[float]:
    """Print the rows of a network and a recipe; return the matrix-product peaks measured beside."""
    task = network.task()
    step = plain_step(network, recipe, task)
    with FlopCounterMode(display=False) as counter:
        step()
    square = torch.randn(1024, 1024)
    loader = DataLoader(TensorDataset(*task.split("train")), BATCH, shuffle=True)
    measures = {
        "peak": called(lambda: square @ square),
        "trainer": trained(Single(recipe, network.plain()), loader),
        "loop": called(step),
    }
    for replicas in REPLICAS:
        module = Timed(fleet_of(task, recipe, replicas), NeverDue())
        measures[replicas] = trained(module, range(10**9))
    found = in_turn(measures, seconds)
    peak = [2 * 1024**3 * rate for rate in found["peak"]]
    for replicas in REPLICAS:
        fleet = [replicas * rate for rate in found[replicas]]
        columns = [f"{statistics.median(rates):.0f}" for rates in (found["trainer"], found["loop"], fleet)]
        columns += [f"{ratio(fleet, found['trainer']):.2f}", f"{ratio(fleet, found['loop']):.2f}"]
        share = ratio([rate * counter.get_total_flops() for rate in fleet], peak)
        print(f"| {label} | {recipe} | {replicas} | {' | '.join(columns)} | {share:.0%} |", flush=True)
    return peak


class Stopwatch:
    """Adds up the time spent in a function, in place of which it stands."""

    def __init__(self, owner: object, name: str):
        self.seconds = 0.0
        function = getattr(owner, name)

        def timed(*arguments, **options):
            start = time.perf_counter()
            result = function(*arguments, **options)
            self.seconds += time.perf_counter() - start
            return result

        self.patch = mock.patch.object(owner, name, timed)


def necessary(recipe: str, replicas: int, seconds: float) -> None:
    """Print a fleet's time per replica-step beside that of its gradients and factorizations."""
    fleet = fleet_of(NETWORKS["64-64-64-10"].task(), recipe, replicas)
    rounds = []
    with contextlib.ExitStack() as stack:
        watches = [Stopwatch(*f) for f in ((Oracle, "gradient"), (torch.linalg, "eigh"), (torch.linalg, "qr"))]
        for watch in watches:
            stack.enter_context(watch.patch)
        for _ in range(ROUNDS + 1):
            for watch in watches:
                watch.seconds = 0.0
            steps, start = 0, time.perf_counter()
            while not steps or time.perf_counter() - start < seconds / ROUNDS:
                for _ in range(REFRESH):
                    fleet.step()
                steps += REFRESH
            times = (time.perf_counter() - start, *(watch.seconds for watch in watches))
            rounds.append([1e6 * value / steps / replicas for value in times])
    # the first round warms up: its first step alone may factorize for the first time
    whole, gradient, eigh, qr = zip(*rounds[1:], strict=True)
    needed = [g + e + q for g, e, q in zip(gradient, eigh, qr, strict=True)]
    columns = [f"{statistics.median(values):.0f}" for values in (whole, gradient, eigh, qr)]
    print(f"| {recipe} | {replicas} | {' | '.join(columns)} | {ratio(whole, needed):.2f} |", flush=True)


def leaving(replicas: int, seconds: float) -> None:
    """Print the time of a fleet of which every second replica is done at half of the steps."""
    task = NETWORKS["64-64-64-10"].task()
    steps = max(10, int(called(fleet_of(task, "adam", replicas).step)(seconds / ROUNDS) * seconds / ROUNDS))

    def run(leave: bool) -> float:
        fleet = fleet_of(task, "adam", replicas)
        start = time.perf_counter()
        for step in range(steps):
            if leave and step == steps // 2:
                fleet.leave(fleet.ids[::2], "finished")
            fleet.step()
        return time.perf_counter() - start

    found = in_turn({"stay": lambda _: run(False), "leave": lambda _: run(True)}, seconds)
    print(
        f"{replicas} replicas, {steps} steps: if every second one is done at half of them, training takes "
        f"{ratio(found['leave'], found['stay']):.2f} of the time (0.75 of the replica-steps are left)"
    )


def load() -> str:
    """Return the machine's load averages."""
    return " ".join(f"{value:.2f}" for value in os.getloadavg())


def processor() -> str:
    """Return the CPU's model, as far as the system tells."""
    file = Path("/proc/cpuinfo")
    lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown CPU")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=2.0, help="per measurement, over all of its rounds")
    seconds = parser.parse_args().seconds
    keep_freed()
    torch.set_num_threads(1)
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore")
    print(f"{processor()}, {torch.get_num_threads()} thread, torch {torch.__version__}, float32, batch {BATCH}")
    print(f"load before: {load()}\n")
    print("| network | recipe | replicas | (a) Trainer | (b) loop | (c) fleet | c/a | c/b | of peak |")
    print("|---|---|---|---|---|---|---|---|---|")
    peaks = []
    for label, network in NETWORKS.items():
        for recipe in network.recipes:
            peaks += rates(label, network, recipe, seconds)
    print(f"\nMatrix-product peak: {min(peaks) / 1e9:.0f} to {max(peaks) / 1e9:.0f} GFLOP/s")
    print("\nMicroseconds per replica-step, 64-64-64-10:\n")
    print("| recipe | replicas | fleet | gradient | eigh | QR | fleet / (gradient + eigh + QR) |")
    print("|---|---|---|---|---|---|---|")
    for recipe in ("shampoo", "soap"):
        for replicas in REPLICAS[1:]:
            necessary(recipe, replicas, seconds)
    print()
    leaving(32, seconds)
    print(f"\nload after: {load()}")


if __name__ == "__main__":
    main()

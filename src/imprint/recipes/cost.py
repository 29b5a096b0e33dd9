"""What a step of a recipe costs next to a step of SGD, measured here and now."""

import statistics
import time

import numpy as np
import torch
import xarray as xr

from imprint.fleet.fleet import Fleet
from imprint.task import Task

WIDTHS = (64, 64, 64, 10)
BATCH, REPLICAS, ROUNDS, STEPS, EXAMPLES = 128, 8, 5, 4, 512
SGD = {"update": "torch.optim:SGD", "hyper": {"lr": 1e-3}, "sees": "elements"}
WHERE = f"perceptron {'-'.join(map(str, WIDTHS))}, batch {BATCH}, {REPLICAS} replicas, one thread"


def relative(recipe: dict, alone: bool = False) -> tuple[float, float]:
    """Return the passes of a step, and its time over the time of a step of SGD on all replicas at once.

    Both are stepped in turn in short rounds, and the median of the rounds' ratios is taken. Time is this thread's on
    the processor: where other jobs wait for it too, the clock on the wall tells more of them than of the recipe.

    Args:
        recipe: canonical, with a name.
        alone: every replica has an optimizer of its own, whatever the recipe sees.
    """
    torch.set_num_threads(1)
    task = _task(biases=recipe.get("sees") != "matrices" or "rest" in recipe)
    fleet, plain = _fleet(task, _alone(recipe) if alone else recipe), _fleet(task, SGD)
    _time(fleet), _time(plain)
    ratios = [_time(fleet) / _time(plain) for _ in range(ROUNDS)]
    return fleet.passes.mean().item() / fleet.step_count, statistics.median(ratios)


def _alone(recipe: dict) -> dict:
    rest = {"rest": {**recipe["rest"], "sees": "network"}} if "rest" in recipe else {}
    return {**recipe, "sees": "network", **rest}


def _fleet(task: Task, recipe: dict) -> Fleet:
    searched = {name: (low * high) ** 0.5 for name, (low, high) in recipe.get("search", {}).items()}
    return Fleet(task, recipe, [searched], list(range(REPLICAS)), BATCH, "stacked", {"steps": 1000})


def _time(fleet: Fleet) -> float:
    start = time.thread_time()
    for _ in range(STEPS):
        fleet.step()
    return time.thread_time() - start


def _task(biases: bool) -> Task:
    generator = np.random.default_rng(0)
    variables = {}
    for split in ("train", "validation"):
        variables[f"x_{split}"] = ((split, "feature"), generator.standard_normal((EXAMPLES, WIDTHS[0]), np.float32))
        variables[f"y_{split}"] = (split, generator.integers(0, WIDTHS[-1], EXAMPLES))
    data = xr.Dataset(variables, attrs={"classes": WIDTHS[-1], "inputs": WIDTHS[0]})
    return Task(data, {"name": "mlp", "hidden": list(WIDTHS[1:-1]), "bias": biases}, "cross_entropy")

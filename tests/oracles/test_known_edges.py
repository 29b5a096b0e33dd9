"""Known answers of stability, by training: where gradient descent ends, with the whole batch and with one example."""

import json

import pytest
import xarray as xr

from imprint.fleet.train import train
from imprint.probes.dynamics import catapult
from imprint.probes.landscape import edge
from imprint.solution import Solution
from imprint.task import Task
from imprint.tasks import second_order_regression, sparse_regression

SEEDS = [900, 901, 902]


def trained(module, model, rate, steps, batch_size=None, snapshots=()):
    """Solution and task of plain gradient descent, at the defaults of a task that is drawn per seed."""
    parts = [module.build(seed=seed) for seed in SEEDS]
    data = xr.concat(parts, xr.IndexVariable("seed", SEEDS), data_vars="all")
    task = Task(data, model, "squared_error", precision="float64")
    recipe = {"update": "torch.optim:SGD", "sees": "elements", "hyper": {"lr": rate}}
    spec = {"recipe": recipe, "batch_size": batch_size, "executor": "stacked", "block": None, "stop": {"steps": steps}}
    spec |= {"snapshots": {f"path_{step}": {"step": step} for step in snapshots}, "evaluate_every": steps // 4}
    solution = train(task, spec, [{"lr": rate}], SEEDS)
    solution.attrs["spec"] = json.dumps(spec)
    return Solution(solution), task


def ends(solution, task):
    assert (catapult.measure(solution, task)["loss"].sel(snapshot="final") < 1e-3).all()
    return edge.measure(solution, task, draws=80).sel(snapshot="final")


def test_second_order_regression_ends_within_five_percent_of_the_edge():
    solution, task = trained(second_order_regression, {"name": "second_order"}, 0.1, 400, snapshots=[10, 20, 40])
    found = ends(solution, task)
    assert (found["reached"] == 1).all()
    assert (found["plateau_ratio"] > 0.95).all() and (found["plateau_ratio"] <= 1).all()


def test_the_whole_batch_bounds_the_largest_eigenvalue_only():
    solution, task = trained(sparse_regression, {"name": "diagonal_net", "scale": 6.5}, 0.1, 400)
    found = ends(solution, task)
    assert (found["ratio"] <= 1).all() and (found["trace_ratio"] > 1).all()


@pytest.mark.slow
def test_single_examples_bound_the_trace():
    """They begin above the bound, which is one of the mean square, and end below it."""
    solution, task = trained(sparse_regression, {"name": "diagonal_net", "scale": 6.5}, 0.02, 4000, batch_size=1)
    assert (edge.measure(solution, task, draws=80)["trace_ratio"].sel(snapshot="init") > 1).all()
    assert (ends(solution, task)["trace_ratio"] <= 1).all()

import pytest
import torch

from imprint.fleet.train import train
from imprint.probes.weights import box
from imprint.solution import Solution

LION = {"update": "pytorch_optimizer:Lion", "hyper": {"lr": 0.05}, "sees": "elements"}


def test_against_a_sorted_list(fleet):
    solution, task = fleet()
    measured = box.measure(solution, task, weight_decay=2.0, near=0.3).sel(snapshot="final").isel(setting=0, seed=2)
    sizes = sorted(abs(value) for name in solution.parameters for value in solution.values(name, "final")[0, 2].ravel())
    assert measured["reach"] == pytest.approx(2 * sizes[-1], rel=1e-15)
    assert measured["at_bound"] == pytest.approx(sum(size >= 0.35 for size in sizes) / len(sizes), rel=1e-15)


def test_evenly_spread_weights_have_the_outermost_share():
    grid = torch.linspace(-4, 4, 100_001, dtype=torch.float64).unsqueeze(0)
    found = box.measure_box(grid, bound=4.0, near=0.05)
    assert found["reach"] == 1
    assert found["at_bound"].item() == pytest.approx(0.05, abs=2e-5)  # two of the grid's points


def test_lion_with_decay_enters_its_box_and_stays(fleet):
    """Sizes above the bound shrink at least as (1 - lr lambda)^t, from 20 times the bound; without decay they grow."""
    _, task = fleet("separable", {"name": "mlp", "hidden": [], "bias": False, "scale": 20.0})
    plan = {"batch_size": None, "executor": "stacked", "block": None, "stop": {"steps": 120}, "evaluate_every": 60}
    plan["snapshots"] = {"middle": {"step": 60}}
    settings = [{"lr": 0.05}]
    decay = {"name": "decoupled", "weight_decay": 1.0}
    reach = {}
    for name, recipe in (("with", LION | {"decay": decay}), ("without", LION)):
        solution = Solution(train(task, {"recipe": recipe, **plan}, settings, [3, 0, 7]))
        reach[name] = box.measure(solution, task, weight_decay=1.0)["reach"].isel(setting=0)
    start, middle, end = reach["with"].transpose("snapshot", "seed").values
    assert (start > 5).all()
    for steps, found in ((60, middle), (120, end)):
        assert (found <= 1 + (start - 1) * 0.95**steps + 1e-12).all()
    assert (end > 0.9).all() and (reach["without"].sel(snapshot="final") > 5).all()


def test_no_box_without_decay(fleet):
    solution, task = fleet()
    with pytest.raises(ValueError, match="weight_decay is 0.0; the box 1 / weight_decay needs a positive one"):
        box.measure(solution, task, weight_decay=0.0)

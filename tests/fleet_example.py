"""Small data sets, tasks, recipes and specs, in float64, for the tests of training."""

import functools
import json
from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr

from imprint.fleet.fleet import Fleet
from imprint.identity import canonical
from imprint.plan import canonical_recipe
from imprint.study import read_recipes
from imprint.task import Task

torch.set_num_threads(1)

ROOT = Path(__file__).parents[1]
SIZES = {"train": 60, "validation": 24, "test": 24}


def gaussian_blobs(inputs=6, classes=3, stages=1, seeds=None, spread=1.0, sizes=SIZES, draw=0):
    """Gaussian classes; a sequence gives each of its tasks an equal part of the classes, ``seeds`` draws per seed."""
    if seeds is not None:
        parts = [gaussian_blobs(inputs, classes, stages, None, spread, sizes, draw + 100 + seed) for seed in seeds]
        return xr.concat(
            parts, "seed", data_vars="all", coords="minimal", compat="override", join="exact"
        ).assign_coords(seed=seeds)
    generator = np.random.default_rng(draw)
    means = 1.5 * generator.standard_normal((classes, inputs))
    variables = {}
    about = {"long_name": "for a test", "units": "1", "source": "drawn here"}
    for split, size in sizes.items():
        y = np.arange(size) % classes
        x = means[y] + spread * generator.standard_normal((size, inputs))
        variables[f"x_{split}"] = ((split, "feature"), x, about)
        variables[f"y_{split}"] = (split, y.astype(np.int64), about)
        if stages > 1:
            variables[f"stage_{split}"] = (split, y * stages // classes, about)
    attrs = {"classes": classes, "inputs": inputs} | ({"stages": stages} if stages > 1 else {})
    return xr.Dataset(variables, attrs=attrs)


def small_task(model=None, loss="cross_entropy", precision="float64", **options):
    """Gaussian classes on a small network; ``options`` are those of the classes."""
    model = {"name": "mlp", "hidden": [7, 5]} | (model or {})
    return Task(gaussian_blobs(**options), model, loss, precision)


def small_convolution(**options):
    """Gaussian classes on 4 x 4 pixels and a small convolution net, in float64."""
    model = {"name": "convnet", "shape": [1, 4, 4], "channels": [3, 4]}
    return Task(gaussian_blobs(inputs=16, **options), model, "cross_entropy", "float64")


def suits(recipe, net):
    """Whether a recipe can train a network: kernels and biases are no matrices."""
    return net == "mlp" or recipe.get("sees") != "matrices" or "rest" in recipe


def network(recipe, net="mlp"):
    """A small task for a recipe; without biases for an update that sees nothing but matrices."""
    if net == "convnet":
        return small_convolution()
    return small_task({"bias": recipe.get("sees") != "matrices" or "rest" in recipe})


def inside(recipe):
    """Two settings inside the search space, or around a fixed rate."""
    if "search" in recipe:
        ((name, (low, high)),) = recipe["search"].items()
        return [{name: low * 3}, {name: high / 3}]
    return [{"lr": recipe["hyper"]["lr"]}, {"lr": recipe["hyper"]["lr"] / 2}]


def known_recipes():
    """Every entry of recipes.yaml as a training job gets it: canonical, through JSON."""
    return {name: json.loads(text) for name, text in canonical_recipes().items()}


@functools.cache
def canonical_recipes():
    """Canonical text of every entry of recipes.yaml, read once."""
    recipes = read_recipes(ROOT / "recipes.yaml")
    return {name: canonical(canonical_recipe(recipe)) for name, recipe in recipes.items()}


def each_recipe(but=()):
    """Test parameters: every entry; one whose parts earlier entries have, say at another rate, is a slow one."""
    seen, found = set(), []
    for name, recipe in known_recipes().items():
        new = parts_of(recipe) - seen
        seen |= new
        if name not in but:
            found.append(pytest.param(name, marks=() if new else pytest.mark.slow))
    return found


def parts_of(recipe):
    """Kind and name of the parts of a canonical recipe."""
    kinds = ("gradient", "perturbation", "decay", "averaging", "parametrization", "schedule")
    return {("update", recipe["update"])} | {(kind, recipe[kind]["name"]) for kind in kinds if kind in recipe}


def spec(recipe, **changes):
    """What a fleet is told."""
    plain = {"batch_size": 10, "executor": "stacked", "block": 3, "stop": {"steps": 20}, "snapshots": {}}
    plain["evaluate_every"] = 10
    return {"recipe": recipe, **plain, **changes}


def fleet_of(
    task, recipe, settings=({"lr": 0.1},), seeds=(0,), batch_size=10, executor="stacked", stop=None, block=3, order=None
):
    """A fleet that is stepped by hand."""
    return Fleet(task, recipe, list(settings), list(seeds), batch_size, executor, stop, block, order)


def steps(fleet, count):
    """Make steps without Lightning, as long as somebody is there."""
    for _ in range(count):
        if len(fleet):
            fleet.step()
    return fleet


def poke(fleet, row, column, value):
    """Set one weight of an active replica."""
    block = next(block for block in fleet.blocks if (block.ids == row).any())
    block.composition.trained[(block.ids == row).nonzero().item(), column] = value


def batches_of(fleet):
    """The next batch of every active replica, joined over blocks."""
    pairs = [fleet.batch(block) for block in fleet.blocks]
    return torch.cat([x for x, _ in pairs]), torch.cat([y for _, y in pairs])


def weights_of(solution, setting, seed, snapshot="final"):
    """All weights of one replica as one vector, by labels of the solution."""
    data = solution.sel(snapshot=snapshot).isel(setting=setting).sel(seed=seed)
    names = sorted(str(name) for name in data if str(name).startswith("weight."))
    return np.concatenate([data[name].values.ravel() for name in names])

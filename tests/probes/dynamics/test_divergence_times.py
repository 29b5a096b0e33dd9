"""Copies that are trained on clones: the known answers, an exact replay, another trainer."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from imprint.fleet.train import train
from imprint.plan import canonical_recipe
from imprint.probes.dynamics import divergence_times
from imprint.solution import Solution
from imprint.study import read_recipes
from imprint.task import Task
from imprint.tasks import clones

MODEL = {"name": "mlp", "hidden": [8]}
SPEC = {"batch_size": 20, "executor": "stacked", "block": 2, "stop": {"steps": 30}}
SEEDS = [900, 901]
KNOWN = read_recipes(Path(__file__).parents[3] / "recipes.yaml")
SETTINGS = [{"lr": 0.05}, {"lr": 0.2}]


def task_of(**changes):
    data = clones.build(**clones.EXAMPLE)
    return Task(data.assign(**changes), MODEL, "cross_entropy", precision="float64")


def solved(task, recipe, **more):
    spec = {**SPEC, "recipe": canonical_recipe(KNOWN[recipe]), "snapshots": {}, "evaluate_every": 10, **more}
    data = train(task, spec, SETTINGS, SEEDS)
    data.attrs["spec"] = json.dumps(spec)
    return Solution(data)


OPTIONS = {"steps": 30, "every": 10, "examples": 100}


@pytest.mark.parametrize("name", ["momentum", "adam", "muon", "sam"])
def test_the_copy_trained_on_the_data_is_the_solution_bit_for_bit(name):
    """With the state of the optimizer, the order of the examples and, for SAM, the second gradient."""
    task = task_of()
    solution = solved(task, name)
    measured = divergence_times.measure(solution, task, **OPTIONS).sel(snapshot="final")
    assert (measured["replay_error"] == 0).all()
    logits = [
        task.logits({key: torch.tensor(solution.values(key, "final")[place]) for key in solution.parameters}, x)
        for x in [task.split("test")[0][:100]]
        for place in range(2)
    ]
    hits = [(one.argmax(-1) == task.split("test")[1][:100]).double().mean(-1).numpy() for one in logits]
    np.testing.assert_array_equal(measured["accuracy"].sel(data="real", after=30), hits)


def test_an_order_that_all_seeds_share_is_replayed():
    task = task_of()
    final = divergence_times.measure(solved(task, "momentum", order=3), task, **OPTIONS).sel(snapshot="final")
    assert (final["replay_error"] == 0).all()


def test_a_copy_is_what_training_on_the_clones_gives():
    """The fleet, trained by Lightning on a task whose training inputs are the clones."""
    task = task_of()
    recipe = "adam"
    measured = divergence_times.measure(solved(task, recipe), task, **OPTIONS).sel(snapshot="final")
    for name in divergence_times.CLONES:
        other = task_of(x_train=task.data[f"clones_{name}"])
        solution = solved(other, recipe)
        x, y = (value[:100] for value in task.split("test"))
        for place in range(2):
            weights = {key: torch.tensor(solution.values(key, "final")[place]) for key in solution.parameters}
            expected = (task.logits(weights, x).argmax(-1) == y).double().mean(-1)
            np.testing.assert_array_equal(measured["accuracy"].sel(data=name, after=30, setting=place), expected)


def test_where_clones_are_the_data_no_copy_ever_falls_behind():
    data = clones.build(**clones.EXAMPLE)
    same = {f"clones_{name}": data["x_train"] for name in divergence_times.CLONES}
    task = task_of(**same)
    measured = divergence_times.measure(solved(task, "momentum"), task, **OPTIONS)
    final = measured.sel(snapshot="final")
    assert (final["steps"] == 40).all() and (final["reached"] == 0).all()
    assert (final["gap_before"] == 0).all() and (final["later_steps"] == 0).all() and (final["later_loss"] == 0).all()
    assert (final["loss"] == final["train_loss"].sel(after=30)).all()
    assert measured["steps"].sel(snapshot="init").isnull().all()


def test_clones_with_the_classes_exchanged_fall_behind_first():
    """What is learned from them is wrong, so the gap opens as soon as anything is learned from the data."""
    data = clones.build(**clones.EXAMPLE)
    wrong = data["clones_gaussian"].copy(data=np.roll(data["clones_gaussian"].values, len(data["train"]) // 10, axis=0))
    task = task_of(clones_isotropic=wrong, clones_gaussian=data["x_train"])
    final = divergence_times.measure(solved(task, "momentum"), task, **OPTIONS).sel(snapshot="final")
    assert (final["steps"].sel(clone="isotropic") <= 20).all()
    assert (final["later_steps"] >= 20).all() and (final["later_loss"] > 0).all() and (final["reached"] == 0.5).all()
    np.testing.assert_array_equal(final["later_loss"], final["loss"].diff("clone").squeeze("clone"))


def test_times_against_a_loop():
    generator = torch.Generator().manual_seed(0)
    real, clone = torch.rand(2, 60, 9, generator=generator)
    clone = real + (clone - 0.5) / 5
    clone[7, 4:6] = torch.nan
    found = divergence_times.first_behind(real, clone, 0.05)
    gaps = divergence_times.largest_gap(real, clone, found)
    for row in range(60):
        behind = [not gap <= 0.05 for gap in (real[row] - clone[row]).tolist()]
        place = next((k for k in range(8) if behind[k] and behind[k + 1]), 9)
        assert found[row] == place
        differences = (real[row] - clone[row]).abs().tolist()[:place]
        assert gaps[row] == pytest.approx(max([0.0, *differences]))
    assert {0, 9} <= set(found.tolist()) and found[7] <= 4


def test_errors():
    task = task_of()
    solution = solved(task, "momentum")
    with pytest.raises(ValueError, match="steps 25 is no multiple of every 10"):
        divergence_times.measure(solution, task, steps=25, every=10)
    bare = Solution(solution.data.drop_attrs())
    with pytest.raises(ValueError, match="needs the recipe.*'spec'"):
        divergence_times.measure(bare, task)

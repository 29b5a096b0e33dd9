"""The data stage: data once, or stacked over the seeds that draw them."""

import importlib

import numpy as np
import pytest

from imprint.stages.common import StageError
from imprint.streams import seed_of

SEPARABLE = {"name": "separable", "classes": 3, "dimensions": 5, "points": 12, "validation": 20, "test": 30}
SLABS = {"name": "slabs", "slabs": 3, "dimensions": 5, "train": 40, "validation": 20, "test": 20}


def make(bench, task, seeds=None, out="data"):
    spec = {"task": task} | ({"seeds": seeds} if seeds else {})
    return bench.run("data", bench.coded("data", spec, (f"imprint.tasks.{task['name']}",)), out=out)


@pytest.mark.parametrize("task", [SEPARABLE, SLABS], ids=lambda task: task["name"])
def test_seeds_are_stacked_in_their_order(bench, task):
    found = make(bench, task, [1001, 1000, 5])
    assert found["seed"].values.tolist() == [1001, 1000, 5]
    build = importlib.import_module(f"imprint.tasks.{task['name']}").build
    options = {key: value for key, value in task.items() if key != "name"}
    for seed in (1001, 1000, 5):
        own = build(**options, seed=seed_of(seed, "data"))
        for name in ("x_train", "y_train", "x_validation", "x_test", "y_test"):
            assert found[name].dims == ("seed", *own[name].dims)
            np.testing.assert_array_equal(found[name].sel(seed=seed).values, own[name].values)
        assert found.attrs["classes"] == own.attrs["classes"] and found.attrs["inputs"] == own.attrs["inputs"]
    assert not np.array_equal(found["x_train"].values[0], found["x_train"].values[1])


@pytest.mark.parametrize("task", [SEPARABLE, SLABS], ids=lambda task: task["name"])
def test_more_seeds_change_nothing_for_the_others(bench, task):
    block, other = make(bench, task, [0, 1, 2]), make(bench, task, [2], out="other")
    for name in ("x_train", "y_test"):
        np.testing.assert_array_equal(block[name].sel(seed=2).values, other[name].sel(seed=2).values)


def test_labels_of_a_view_are_the_same_for_every_seed(bench):
    found = make(bench, SLABS, [0, 1])
    flags = [name for name, value in found.data_vars.items() if "flag_values" in value.attrs]
    assert flags
    assert all("seed" not in found[name].dims for name in flags)


def test_one_seed_keeps_its_axis(bench):
    assert make(bench, SEPARABLE, [4])["x_train"].shape == (1, 12, 5)


def test_data_that_no_seed_draws(bench):
    task = {"name": "classification", "data": "digits", "pool": 2, "limit": 100}
    found = make(bench, task)
    assert "seed" not in found.dims and found["x_train"].shape == (100, 16)


def test_the_same_bytes_twice(bench):
    make(bench, SLABS, [0, 1], out="one")
    make(bench, SLABS, [0, 1], out="other")
    assert bench.path("one").read_bytes() == bench.path("other").read_bytes()


def test_an_option_out_of_range_is_told_with_the_task(bench):
    with pytest.raises(StageError, match=r"task separable: "):
        make(bench, {**SEPARABLE, "classes": 1}, [0])
    assert not bench.path("data").exists()

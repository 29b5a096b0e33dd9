"""Rules that choose a setting, on searches written by hand."""

import numpy as np
import pytest
import xarray as xr

from imprint import store
from imprint.fleet.selection import choose, crossings, edges, metric, select

FINISHED, DIVERGED, MISSED = 0, 1, 2


def search(accuracy, loss=None, status=None, stages=1):
    """A search of settings with one or more seeds; loss is the trace's last value, followed by nothing."""
    accuracy = np.array(accuracy, dtype=float)
    accuracy = accuracy.reshape(len(accuracy), -1, stages)
    count, seeds = accuracy.shape[:2]
    loss = 1 - accuracy.mean(2) if loss is None else np.array(loss, dtype=float).reshape(count, -1)
    trace = np.stack([np.full((count, seeds), 9.0), loss, np.full((count, seeds), np.nan)], -1)
    status = np.zeros((count, seeds)) if status is None else np.array(status).reshape(count, -1)
    rates = 0.01 * 2.0 ** np.arange(count)
    return xr.Dataset(
        {
            "learned": (("setting", "seed", "stage_learned"), accuracy),
            "validation_loss": (("setting", "seed", "evaluation"), trace),
            "status": (("setting", "seed"), status),
            "hyper.lr": ("setting", rates),
        },
        coords={"setting": range(count), "seed": range(1000, 1000 + seeds), "step": ("evaluation", [0, 5, 10])},
    )


def test_max_and_min():
    found = search([0.2, 0.9, 0.5])
    assert choose(found, {"learning_accuracy": "max"}) == 1
    assert choose(found, {"validation_loss": "min"}) == 1
    assert choose(search([0.2, 0.9, 0.5], loss=[3, 2, 1]), {"validation_loss": "min"}) == 2


def test_of_equals_the_first():
    assert choose(search([0.2, 0.9, 0.9]), {"learning_accuracy": "max"}) == 1
    assert choose(search([0.96, 1.0]), {"learning_accuracy": 0.98, "within": 0.05}) == 0


def test_a_target_takes_the_nearest_within_its_tolerance():
    found = search([0.90, 0.97, 0.995])
    assert choose(found, {"learning_accuracy": 0.98, "within": 0.02}) == 1
    assert choose(found, {"learning_accuracy": 0.98, "within": 0.005}) is None
    assert choose(found, {"learning_accuracy": 0.5, "within": 0.1}) is None


def test_a_metric_is_the_mean_over_seeds_and_tasks_of_the_sequence():
    found = search([[[1.0, 0.5], [0.5, 0.0]], [[0.7, 0.7], [0.7, 0.6]]], stages=2)
    # means of two and two numbers
    np.testing.assert_allclose(metric(found, "learning_accuracy"), [0.5, 0.675], rtol=1e-15)
    found = search([[0, 0], [0, 0]], loss=[[1.0, 3.0], [1.0, 2.0]])
    assert metric(found, "validation_loss").tolist() == [2.0, 1.5]


def test_the_loss_is_that_of_the_last_evaluation_that_there_was():
    found = search([0.0, 0.0], loss=[0.3, 0.4])
    assert metric(found, "validation_loss").tolist() == [0.3, 0.4]


@pytest.mark.parametrize("status", [DIVERGED, MISSED])
def test_one_seed_that_did_not_finish_makes_a_setting_the_worst(status):
    found = search([[0.6, 0.6], [0.99, 0.99]], loss=[[0.5, 0.5], [0.1, 0.1]], status=[[0, 0], [0, status]])
    assert metric(found, "learning_accuracy").tolist() == [0.6, -np.inf]
    assert metric(found, "validation_loss").tolist() == [0.5, np.inf]
    assert choose(found, {"learning_accuracy": "max"}) == choose(found, {"validation_loss": "min"}) == 0
    assert choose(found, {"learning_accuracy": 0.99, "within": 0.1}) is None


def test_where_nothing_finished_nothing_is_chosen():
    found = search([np.nan, np.nan], loss=[np.nan, np.nan], status=[DIVERGED, MISSED])
    for rule in ({"learning_accuracy": "max"}, {"validation_loss": "min"}, {"validation_loss": 1.0, "within": 9.0}):
        assert choose(found, rule) is None
    assert edges(found, {"best": {"validation_loss": "min"}}) == set()
    assert crossings(found, {"matched": {"learning_accuracy": 0.5, "within": 0.1}}) == []


def test_edges():
    best = {"best": {"learning_accuracy": "max"}}
    assert edges(search([0.9, 0.5, 0.1]), best) == {"low"}
    assert edges(search([0.1, 0.5, 0.9]), best) == {"high"}
    assert edges(search([0.1, 0.9, 0.5]), best) == set()
    both = {**best, "matched": {"learning_accuracy": 0.5, "within": 0.1}}
    assert edges(search([0.9, 0.7, 0.5]), both) == {"low", "high"}
    assert edges(search([0.9, 0.7, 0.2]), {"matched": both["matched"]}) == set()


def test_crossings():
    rule = {"learning_accuracy": 0.8, "within": 0.01}
    assert crossings(search([0.2, 0.5, 0.9, 0.95]), {"matched": rule}) == [1]
    assert crossings(search([0.2, 0.9, 0.95, 0.5]), {"matched": rule}) == [0]  # of two the first
    assert crossings(search([0.2, 0.5, 0.805, 0.95]), {"matched": rule}) == []  # met
    assert crossings(search([0.2, 0.5, 0.6, 0.7]), {"matched": rule}) == []  # nowhere between
    assert crossings(search([0.2, 0.5, 0.9, 0.95]), {"best": {"learning_accuracy": "max"}}) == []
    two = {"matched": rule, "low": {"learning_accuracy": 0.4, "within": 0.01}}
    assert crossings(search([0.2, 0.5, 0.9, 0.95]), two) == [1, 0]


def test_select_is_what_training_and_the_atlas_read():
    rules = {
        "best": {"learning_accuracy": "max"},
        "matched": {"learning_accuracy": 0.5, "within": 0.05},
        "missed": {"validation_loss": 7.0, "within": 0.1},
    }
    found = select(search([0.2, 0.52, 0.9], status=[DIVERGED, FINISHED, FINISHED]), rules)
    store.check(found)
    assert found["select"].values.tolist() == ["best", "matched", "missed"]
    assert found["chosen"].values.tolist() == [2, 1, -1]
    assert found["at_edge"].values.tolist() == [1, 0, 0]
    np.testing.assert_array_equal(found["chosen.hyper.lr"].values, [0.04, 0.02, np.nan])
    assert found["hyper.lr"].values.tolist() == [0.01, 0.02, 0.04]
    np.testing.assert_array_equal(found["metric"].sel(select="best").values, [np.nan, 0.52, 0.9])
    assert found["metric"].dims == ("select", "setting")


def test_test_data_and_evaluation_seeds_are_not_looked_at():
    found = search([0.2, 0.9])
    poisoned = found.assign(test_accuracy=("setting", [1.0, 0.0]), train_loss=found["validation_loss"] * np.nan)
    assert select(poisoned, {"best": {"learning_accuracy": "max"}})["chosen"].item() == 1

"""Runs in the array of their design."""

import itertools

import numpy as np
import pandas as pd
import pytest

from imprint.claims.arranged import arranged, places

RECIPES = ["sgd_low", "adam_low", "sgd_high", "adam_high"]


def table(tasks=("a",), recipes=tuple(RECIPES), orders=(None,), seeds=3):
    """Rows in disorder, whose values tell their place: task, recipe, seed and order are digits."""
    rows = [
        {"task": task, "recipe": recipe, "seed": seed, "order": order, "value": 1000.0 * i + 100 * j + 10 * seed + k}
        for (i, task), (j, recipe), seed, (k, order) in itertools.product(
            enumerate(tasks), enumerate(recipes), range(seeds), enumerate(orders)
        )
    ]
    runs = pd.DataFrame(rows)
    return runs.drop(columns="order") if orders == (None,) else runs


def test_recipes_of_an_optimizer_are_its_settings():
    design, y = arranged(table(), RECIPES)
    assert design.axes == ("optimizer", "setting", "seed")
    assert y[..., 0].tolist() == [[0, 200], [100, 300]] and y[1, 0].tolist() == [100, 110, 120]


def test_fixed_orders_are_crossed_with_the_other_seeds():
    design, y = arranged(table(orders=(7, 3)), RECIPES)
    assert design.axes == ("optimizer", "rate", "init", "order") and y.shape == (2, 2, 3, 2)
    assert y[1, 0, 2].tolist() == [120, 121]


def test_tasks_are_an_axis():
    design, y = arranged(table(tasks=("a", "b"), recipes=("sgd", "adam")), ["sgd", "adam"])
    assert design.axes == ("task", "optimizer", "seed") and y[1, 1].tolist() == [1100, 1110, 1120]


def test_what_has_no_value_is_missing_and_what_has_none_at_all_is_no_level():
    runs = table(recipes=("sgd", "adam", "muon"))
    runs = runs[(runs["recipe"] != "muon") & ~((runs["recipe"] == "adam") & (runs["seed"] == 1))]
    design, y = arranged(runs, ["sgd", "adam", "muon"])
    assert design.axes == ("optimizer", "seed")
    np.testing.assert_array_equal(y, [[0, 10, 20], [100, np.nan, 120]])


@pytest.mark.parametrize(
    ("change", "axes"), [({"seeds": 1}, ("optimizer", "setting")), ({"recipes": ("sgd_low",)}, ("seed",))]
)
def test_one_level_is_no_axis(change, axes):
    assert arranged(table(**change), RECIPES)[0].axes == axes


def test_tasks_that_differ_in_more_than_the_order_are_crossed_with_it():
    tasks = [{"name": f"x.{name}", "task": task} for name, task in (
        ("wide_0", {"width": 9, "order": 0}), ("wide_1", {"width": 9, "order": 1}),
        ("thin_0", {"width": 3, "order": 0}), ("thin_1", {"width": 3, "order": 1}),
    )]  # fmt: skip
    assert [tuple(place.values()) for place in places(tasks).values()] == [
        ("wide_0", 0),
        ("wide_0", 1),
        ("thin_0", 0),
        ("thin_0", 1),
    ]

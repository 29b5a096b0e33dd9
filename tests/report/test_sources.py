"""Where numbers come from: the stores of a measure, of all blocks of seeds."""

import pytest

from imprint.report.sources import Sources, named

PLACES = [
    {"experiment": "toy", "kind": kind, "recipe": recipe, "stop": stop, "seeds": seeds, "probe": probe, "file": file}
    for kind, recipe, stop, seeds, probe, file in (
        ("training", "adam", "steps", [0, 1], "", "results/store/train/a.zarr.zip"),
        ("probe", "adam", "steps", [0, 1], "rank", "results/store/probe/a.zarr.zip"),
        ("probe", "adam", "steps", [2], "rank", "results/store/probe/b.zarr.zip"),
        ("probe", "adam", "loss", [0, 1], "rank", "results/store/probe/c.zarr.zip"),
        ("probe", "muon", "steps", [0, 1], "rank", "results/store/probe/d.zarr.zip"),
        ("search_probe", "adam", "steps", [1000], "rank", "results/store/probe/e.zarr.zip"),
    )
]


@pytest.mark.parametrize(
    ("measure", "recipes", "files"),
    [
        ("rank.effective", ["adam"], ["../store/probe/a.zarr.zip", "../store/probe/b.zarr.zip"]),
        ("rank.effective", ["muon", "adam"], [f"../store/probe/{name}.zarr.zip" for name in "dab"]),
        ("training.status", ["adam"], ["../store/train/a.zarr.zip"]),
        ("trace.train_loss", ["adam"], ["../store/train/a.zarr.zip"]),
        ("other.x", ["adam"], []),
    ],
)
def test_the_stores_of_a_measure(measure, recipes, files):
    assert [found["href"] for found in Sources(PLACES).of(["toy"], measure, recipes, "steps")] == files


def test_a_link_names_the_variable_the_recipe_and_the_seeds():
    first, second = Sources(PLACES).of(["toy"], "rank.effective", ["adam"], "steps")
    assert first["title"] == "variable effective of adam, seeds 0 to 1"
    assert second["title"] == "variable effective of adam, seeds 2"


@pytest.mark.parametrize(
    ("label", "recipes"),
    [
        ("muon - adam", ["adam", "muon"]),
        ("adam_slow - adam", ["adam", "adam_slow"]),
        ("adam_slow: wide - narrow", ["adam_slow"]),
        ("rank correlation with trace over adam, muon", ["adam", "muon"]),
    ],
)
def test_recipes_that_a_label_names(label, recipes):
    assert named(label, ["adam", "adam_slow", "muon"]) == recipes

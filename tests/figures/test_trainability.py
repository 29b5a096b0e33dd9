"""The figure of a long sequence: what is drawn, and that awkward input draws."""

import atlas_example
import numpy as np
import pytest
import xarray as xr
from test_all_figures import drawn

from imprint.figures import trainability

pytestmark = pytest.mark.filterwarnings("error")
RECIPES = ["sgd", "muon", "adam", "adam_l2", "adam_spectral", "adam_fast"]
TASKS = 20


def atlas(recipes=RECIPES, seeds=8, reached=True):
    """Accuracies that fall, and units that die, faster for later recipes; the last was not tuned."""
    names = ["init", *[f"task_{k + 1}" for k in range(TASKS)], "final"]
    coords = {"stop": ["steps"], "select": ["best", "fixed"], "recipe": list(recipes), "seed": list(range(seeds))}
    coords["snapshot"] = names
    random = np.random.default_rng(0)
    speed = 0.03 * np.arange(len(recipes))[:, None, None] / len(recipes)
    fall = (speed * np.arange(TASKS + 2))[None, None]
    trained = atlas_example.measure(random, coords, 0.9 - fall, 0.01, long_name="accuracy").clip(0, 1)
    trained = trained.where(trained["snapshot"] != "init")
    dead = atlas_example.measure(random, coords, fall, 0.005, long_name="dead units").clip(0, 1)
    fixed = xr.DataArray([name.endswith("fast") for name in recipes], coords={"recipe": list(recipes)})
    there = (xr.DataArray(["best", "fixed"], coords={"select": ["best", "fixed"]}) == "fixed") == fixed
    there = there & reached
    groups = {"trainability": {"trained": trained.where(there)}, "dead_units": {"overall": dead.where(there)}}
    return atlas_example.tree({"long": {name: xr.Dataset(values) for name, values in groups.items()}})


SPEC = {"name": "long", "recipes": RECIPES, "seeds": list(range(8)), "stop": {"steps": {}}, "select": {"best": {}}}


def test_means_are_those_of_the_probes():
    found = trainability.data(atlas(), None, SPEC)
    assert len(found) == len(RECIPES) * 2 * TASKS  # the recipe with a fixed rate is beside the others
    assert set(found["select"]) == {"best"}
    whole = atlas()["long/trainability"].to_dataset()["trained"].sel(recipe="muon", select="best", snapshot="task_7")
    row = found[(found["recipe"] == "muon") & (found["task"] == 7) & (found["measure"] == "trained")]
    assert row["mean"].item() == pytest.approx(whole.mean().item(), rel=1e-12)
    assert row["n"].item() == 8


@pytest.mark.parametrize(
    ("recipes", "seeds"), [(RECIPES, 8), (RECIPES[:1], 8), (RECIPES, 1), (["adam", "her_own_optimizer"], 3)]
)
def test_draws(recipes, seeds):
    _, texts, _ = drawn("trainability", atlas(recipes, seeds), None, SPEC)
    words = [text.get_text() for text in texts]
    assert {"dead units", "training accuracy when the task is left", *recipes} <= set(words)


def test_nothing_finished_is_said_in_words():
    _, texts, _ = drawn("trainability", atlas(reached=False), None, SPEC)
    assert [text.get_text() for text in texts] == ["No replica reached the end of a task."]

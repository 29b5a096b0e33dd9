"""The figure of the edge of stability: what is drawn, and that awkward input draws."""

import atlas_example
import numpy as np
import pytest
import xarray as xr
from test_all_figures import drawn

from imprint.figures import edge, style

pytestmark = pytest.mark.filterwarnings("error")
RECIPES = [
    "sgd_tenth",
    "sgd_fifth",
    "heavy_ball_half",
    "nesterov_twentieth",
    "sam_narrow",
    "sam_middle",
    "sam_wide",
    "adam_third",
    "adam_fast",
    "adam_triple",
]
STEPS = [0, 200, 400, 800, 1300, 1800, 2100, 2400, 2700, 3000]


def atlas(recipes=RECIPES, seeds=8, reached=True):
    """Ratios that rise to 1, Adam's from the second snapshot on; plateaus at the last."""
    names = ["init", *[f"path_{step}" for step in STEPS[1:-1]], "final"]
    coords = {"stop": ["steps"], "select": ["fixed"], "recipe": list(recipes), "seed": list(range(seeds))}
    coords["snapshot"] = names
    random = np.random.default_rng(0)
    start = np.array([0.72 if name.startswith("sgd") else 0.9 for name in recipes])[:, None, None]
    rise = 1 - (1 - start) * np.exp(-np.array(STEPS) / 300)
    ratio = atlas_example.measure(random, coords, rise[None, None], 0.01, long_name="ratio")
    ratio.loc[{"snapshot": "init", "recipe": [name for name in recipes if name.startswith("adam")]}] = np.nan
    last = ratio.where(ratio["snapshot"] == "final")
    groups = {"edge": xr.Dataset({"ratio": ratio, "plateau_ratio": last, "trace_ratio": 8 * ratio})}
    if not reached:
        groups["edge"] = groups["edge"] * np.nan
    steps = np.array(STEPS, float)[None, None, None, None]
    groups["training"] = atlas_example.training(random, coords, list(recipes), steps, 0.1)
    return atlas_example.tree({"network": groups})


def spec(recipes=RECIPES, seeds=8):
    return {
        "name": "network",
        "recipes": list(recipes),
        "seeds": list(range(seeds)),
        "stop": {"steps": {}},
        "select": {},
    }


def test_values_are_those_of_the_probe():
    found = edge.data(atlas(), None, spec())
    whole = atlas()["network/edge"].to_dataset()
    assert (found["measure"] == "ratio").sum() == whole["ratio"].notnull().sum()
    last = found[(found["measure"] == "trace_ratio") & (found["recipe"] == "sam_wide")]
    np.testing.assert_array_equal(last["value"], whole["trace_ratio"].sel(recipe="sam_wide", snapshot="final")[0, 0])
    assert set(last["step"]) == {3000.0}


def test_threshold_is_drawn_in_every_panel_and_curves_have_their_colour():
    figure, texts, _ = drawn("edge", atlas(), None, spec())
    for ax in figure.axes:
        levels = [np.asarray(line.get_data()) for line in ax.lines]
        assert any((level == 1).all(1).any() for level in levels if level.shape[1] == 2)
    colours = {line.get_color() for line in figure.axes[0].lines if len(line.get_xdata()) > 2}
    assert colours == {style.recipe(name)[0] for name in RECIPES}
    assert {text.get_text() for text in texts} >= set(RECIPES)


@pytest.mark.parametrize(
    "awkward", [{"recipes": RECIPES[:1]}, {"seeds": 1}, {"recipes": ["sgd_tenth", "her_own_optimizer"]}], ids=str
)
def test_awkward_input_draws(awkward):
    _, texts, _ = drawn("edge", atlas(**awkward), None, spec(**awkward))
    assert len(texts) > 5


def test_nothing_known_is_said_in_words():
    _, texts, _ = drawn("edge", atlas(reached=False), None, spec())
    assert [text.get_text() for text in texts] == ["No replica has a curvature."]

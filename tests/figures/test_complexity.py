"""The figure of complexity before and after: what is drawn, and that awkward input draws."""

import atlas_example
import numpy as np
import pytest
import xarray as xr
from test_all_figures import drawn

from imprint.figures import complexity

pytestmark = pytest.mark.filterwarnings("error")
RECIPES = ["sgd", "momentum", "adam", "lion", "muon", "shampoo"]
LEVELS = {"fourier": (2.3, 3.1), "chebyshev": (5.6, 8.5), "lempel_ziv": (216.0, 250.0)}


def atlas(recipes=RECIPES, seeds=10, reached=True):
    """Complexity that rises from a start that all recipes share, to later recipes' higher ends."""
    coords = {"stop": ["loss"], "select": ["best"], "recipe": list(recipes), "seed": list(range(seeds))}
    coords["snapshot"] = ["init", "final"]
    random, values = np.random.default_rng(0), {}
    for name, (first, last) in LEVELS.items():
        level = np.stack([np.full(len(recipes), first), last * (1 + 0.02 * np.arange(len(recipes)))], -1)
        found = atlas_example.measure(random, coords, level[None, None, :, None], 0.05 * first, long_name=name)
        found.loc[{"snapshot": "init"}] = found.sel(snapshot="init").isel(recipe=0, drop=True)
        values[name] = found if reached else found * np.nan
    return atlas_example.tree({"square": {"complexity": xr.Dataset(values)}})


SPEC = {"name": "square", "recipes": RECIPES, "seeds": list(range(10)), "stop": {"loss": {}}, "select": {"best": {}}}


def test_values_are_those_of_the_probe():
    found = complexity.data(atlas(), None, SPEC)
    assert len(found) == len(RECIPES) * 10 * len(LEVELS)
    row = found[(found["recipe"] == "muon") & (found["seed"] == 4) & (found["measure"] == "chebyshev")]
    cell = atlas()["square/complexity"].to_dataset()["chebyshev"].sel(recipe="muon", seed=4).squeeze()
    assert row[["before", "after"]].values.tolist() == [cell.sel(snapshot=["init", "final"]).values.tolist()]


@pytest.mark.parametrize(
    ("recipes", "seeds"), [(RECIPES, 10), (RECIPES[:1], 10), (RECIPES, 1), (["adam", "her_own_optimizer"], 3)]
)
def test_draws(recipes, seeds):
    _, texts, _ = drawn("complexity", atlas(recipes, seeds), None, SPEC)
    words = [text.get_text() for text in texts]
    assert {"cycles per side", "order of polynomials", "phrases", *recipes} <= set(words)


def test_nothing_finished_is_said_in_words():
    _, texts, _ = drawn("complexity", atlas(reached=False), None, SPEC)
    assert [text.get_text() for text in texts] == ["No replica reached a snapshot that is compared."]

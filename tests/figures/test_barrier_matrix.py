"""The barrier matrix shows means and bootstrap intervals of the pairs it says."""

import atlas_example
import numpy as np
import pytest
import xarray as xr
from matplotlib.backends.backend_agg import FigureCanvasAgg

from imprint.figures import barrier_matrix, render

RECIPES = ["momentum", "adam", "muon"]
SPEC = {"name": "connectivity", "recipes": RECIPES, "seeds": list(range(8)), "stop": {"loss": {}}, "select": {}}


def atlas(recipes=RECIPES, seeds=8, level=1.0):
    """Barriers that differ by partner, fall tenfold by matching and vanish between twins."""
    random = np.random.default_rng(0)
    coords = {"stop": ["loss"], "select": ["best"], "recipe": recipes, "seed": range(seeds)}
    coords |= {"snapshot": ["init", "final"], "partner": recipes, "start": ["same", "other"]}
    coords["units"] = ["given", "matched"]
    shape = [len(labels) for labels in coords.values()]
    values = level * (0.5 + 0.1 * np.arange(len(recipes))[:, None, None]) * np.array([[0.02, 0.02], [1.0, 0.1]])
    values = values * np.exp(0.1 * random.normal(size=shape))
    values[:, :, :, :, 0] = np.nan
    for place in range(len(recipes)):
        values[:, :, place, :, 1, place, 0] *= 0
    data = xr.Dataset({"loss_barrier": (tuple(coords), values)}, coords)
    return atlas_example.tree({"connectivity": {"connectivity": data}})


def painted(figure):
    FigureCanvasAgg(figure).draw()
    return [text.get_text() for ax in figure.axes for text in ax.texts]


def test_a_cell_is_the_mean_over_pairs_with_its_interval():
    table = barrier_matrix.data(atlas(), None, SPEC)
    assert len(table) == 27
    cell = table[(table["recipe"] == "adam") & (table["partner"] == "muon")].set_index(["start", "units"])
    values = atlas()["connectivity/connectivity"]["loss_barrier"].sel(snapshot="final", recipe="adam", partner="muon")
    given = values.sel(start="other", units="given").values.ravel()
    assert cell.loc[("other", "given"), "mean"] == pytest.approx(given.mean(), rel=1e-12)
    assert cell.loc[("other", "given"), "n"] == 8
    low, high = cell.loc[("other", "given"), ["low", "high"]]
    assert given.min() < low < given.mean() < high < given.max()


def test_the_bootstrap_agrees_with_the_normal_limit():
    values = np.random.default_rng(1).normal(size=400)
    mean, low, high, n = barrier_matrix.interval(values)
    half = 1.96 * values.std() / np.sqrt(n)
    # a quantile from 9999 draws has a standard error of about 3 % of the standard deviation of the mean
    assert (low, high) == pytest.approx((mean - half, mean + half), abs=0.1 * half)


def test_equal_values_have_an_interval_of_no_length_and_one_value_none():
    assert barrier_matrix.interval(np.full(8, 0.3)) == (0.3, 0.3, 0.3, 8)
    assert np.isnan(barrier_matrix.interval(np.array([0.3]))[1:3]).all()


def test_every_cell_is_written():
    figure = barrier_matrix.draw(atlas(), None, SPEC)
    texts = painted(figure)
    assert len(texts) == 2 * 27 and texts.count("0.000") == 3
    assert [ax.get_title(loc="left") for ax in figure.axes] == list(barrier_matrix.TITLES)


@pytest.mark.parametrize("awkward", ["one seed", "one recipe", "nothing reached"])
def test_awkward_input_draws(awkward):
    made = {"one seed": {"seeds": 1}, "one recipe": {"recipes": ["adam"]}, "nothing reached": {"level": np.nan}}
    figure = barrier_matrix.draw(atlas(**made[awkward]), None, SPEC)
    assert bool(painted(figure)) == (awkward != "nothing reached")


def test_it_is_drawn_by_name(tmp_path):
    files = [tmp_path / f"a.{end}" for end in ("svg", "png", "csv")]
    render.render("barrier_matrix", atlas(), None, SPEC, *files)
    assert all(file.stat().st_size for file in files)

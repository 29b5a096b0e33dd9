"""The figures of the spectrum and of the valley: what they show, and that they draw from awkward parts of a study."""

import atlas_example
import numpy as np
import pytest
import test_all_figures as checks
import xarray as xr

from imprint.figures import loss_plane, spectral_density
from imprint.probes.landscape import spectral_density as probe

FIGURES = ["spectral_density", "loss_plane"]
RECIPES = ["adamw", "muon", "soap"]


def example(recipes=RECIPES, seeds=atlas_example.SEEDS):
    """Atlas and spec: peaks at 0 of a width, and bowls of a curvature, that grow from recipe to recipe."""
    random = np.random.default_rng(0)
    labels = {"stop": ["steps"], "select": ["best"], "recipe": list(recipes), "seed": list(seeds)}
    coords = {**labels, "snapshot": ["init", "common", "final"]}
    size = np.linspace(1, 2, len(recipes))
    relative = probe.grid()[1].tolist()
    place, at, side = spectral_density.position(np.array(relative)), np.linspace(-1, 1, 21), np.linspace(-1, 1, 5)
    peak = -0.5 * (place / (0.1 * atlas_example.column(size, "recipe", 1))) ** 2 - 30 * np.abs(place)
    density = np.exp(atlas_example.measure(random, coords, np.maximum(peak, -12), 0.2, {"relative": relative}))
    bowl = 0.01 + atlas_example.column(size, "recipe", 2) * at**2
    lines = atlas_example.measure(random, coords, bowl, 0.001, {"direction": [1, 2], "along": at.tolist()})
    bowl = 0.01 + atlas_example.column(size, "recipe", 2) * (side[:, None] ** 2 + 2 * side**2)
    plane = atlas_example.measure(random, coords, bowl, 0.001, {"first": side.tolist(), "second": side.tolist()})
    groups = {
        "spectral_density": xr.Dataset({"density": density}),
        "loss_plane": xr.Dataset({"loss": lines, "plane": plane}),
    }
    spec = {**atlas_example.experiments()[0], "name": "q.mlp", "recipes": list(recipes), "seeds": list(seeds)}
    return atlas_example.tree({"q.mlp": groups}), spec


@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.parametrize(
    "awkward", [{}, {"recipes": RECIPES[:1]}, {"seeds": [0]}, {"recipes": ["adamw", "her_own_optimizer"]}], ids=str
)
def test_it_draws(name, awkward):
    atlas, spec = example(**awkward)
    figure, texts, _ = checks.drawn(name, atlas, None, spec)
    assert set(spec["recipes"]) <= {text.get_text() for text in texts}
    width, height = figure.bbox.width, figure.bbox.height
    boxes = [checks.letters(text, figure.canvas.get_renderer()) for text in texts]
    assert all(box.x0 >= -1 and box.y0 >= -1 and box.x1 <= width + 1 and box.y1 <= height + 1 for box in boxes)


@pytest.mark.parametrize("name", FIGURES)
def test_nothing_finished_is_said_in_words(name):
    atlas, spec = example()
    _, texts, _ = checks.drawn(name, atlas * np.nan, None, spec)
    assert len(texts) == 1 and texts[0].get_text().startswith("No replica reached")


def test_the_scale_is_that_of_the_probe():
    edges, relative = probe.grid()
    # a round trip through a logarithm, of numbers of order 1
    np.testing.assert_allclose(spectral_density.position(relative.numpy()), (edges[1:] + edges[:-1]) / 2, atol=1e-13)


def test_the_spectrum_is_the_mean_over_seeds():
    atlas, spec = example()
    table = spectral_density.data(atlas, None, spec)
    assert set(table["snapshot"]) == {"common", "final"}
    own = table[(table["recipe"] == "muon") & (table["snapshot"] == "final")].sort_values("relative")
    expected = atlas["q.mlp/spectral_density"]["density"].sel(recipe="muon", snapshot="final").mean("seed")
    np.testing.assert_allclose(own["mean"], expected.values.ravel(), rtol=1e-13)  # eight numbers in another order


def test_the_valley_is_the_mean_over_seeds():
    atlas, spec = example()
    table = loss_plane.data(atlas, None, spec)
    own = table[(table["recipe"] == "soap") & (table["snapshot"] == "final")]
    cell = atlas["q.mlp/loss_plane"].to_dataset().sel(recipe="soap", snapshot="final", stop="steps", select="best")
    lines = own[own["measure"] == "loss"].sort_values("along")
    # a few numbers in another order
    np.testing.assert_allclose(lines["mean"], cell["loss"].mean(["seed", "direction"]), rtol=1e-13)
    plane = own[own["measure"] == "plane"].sort_values(["first", "second"])
    logs = np.log(np.maximum(cell["plane"], 1e-6)).mean("seed")
    np.testing.assert_allclose(plane["mean"], np.exp(logs.values.ravel()), rtol=1e-12)

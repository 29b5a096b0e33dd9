"""The two figures of rounding: what they show, and that they draw from a full study and from awkward parts of it."""

import atlas_example
import numpy as np
import pytest
import test_all_figures as checks
import xarray as xr

from imprint.figures import quantization_curve, quantization_error

BITS = [8, 4, 3, 2]
RECIPES = ["momentum", "adamw", "muon", "shampoo_graft", "soap"]
EPS = np.finfo(float).eps


def example(recipes=RECIPES, seeds=atlas_example.SEEDS, bits=BITS):
    """Atlas and spec: a drop that doubles with each width lost and follows the error, not the outliers."""
    random = np.random.default_rng(0)
    labels = {"stop": ["steps"], "select": ["best"], "recipe": list(recipes), "seed": list(seeds)}
    coords = {**labels, "snapshot": ["init", "common", "final"]}
    size = np.linspace(1, 2, len(recipes))
    level = atlas_example.column(size, "recipe", 2) * 0.004 * 2.0 ** np.arange(len(bits))
    widths, operands = {"rounded": ["weights", "both"], "bits": bits}, {"operand": ["weights", "activations"]}
    drop = atlas_example.measure(random, coords, level, 0.001, widths, long_name="lost")
    group = xr.Dataset({"drop": drop, "last_error": 3 * drop + 1e-4})
    for name in ("max_to_mean", "fourth_moment"):
        group[name] = atlas_example.measure(random, coords, 4.0, 0.3, operands, long_name=name)
    spec = {**atlas_example.experiments()[0], "name": "q.mlp", "recipes": list(recipes), "seeds": list(seeds)}
    return atlas_example.tree({"q.mlp": {"quantization": group}}), spec


@pytest.mark.parametrize("name", ["quantization_curve", "quantization_error"])
@pytest.mark.parametrize(
    "awkward", [{}, {"recipes": RECIPES[:1]}, {"seeds": [0]}, {"recipes": ["adamw", "her_own_optimizer"]}], ids=str
)
def test_it_draws(name, awkward):
    atlas, spec = example(**awkward)
    figure, texts, _ = checks.drawn(name, atlas, None, spec)
    words = {text.get_text() for text in texts}
    assert set(spec["recipes"]) <= words
    width, height = figure.bbox.width, figure.bbox.height
    boxes = [checks.letters(text, figure.canvas.get_renderer()) for text in texts]
    assert all(box.x0 >= -1 and box.y0 >= -1 and box.x1 <= width + 1 and box.y1 <= height + 1 for box in boxes)


@pytest.mark.parametrize("name", ["quantization_curve", "quantization_error"])
def test_nothing_finished_is_said_in_words(name):
    atlas, spec = example()
    _, texts, _ = checks.drawn(name, atlas * np.nan, None, spec)
    assert len(texts) == 1 and texts[0].get_text().startswith("No replica reached")


def test_a_width_that_was_not_measured_is_said_in_words():
    atlas, spec = example(bits=[8, 4])
    _, texts, _ = checks.drawn("quantization_error", atlas, None, spec)
    assert [text.get_text() for text in texts] == ["No replica reached the condition with 3 bits measured."]


def test_the_curve_shows_the_drops_after_training():
    atlas, spec = example()
    table = quantization_curve.data(atlas, None, spec)
    assert set(table["snapshot"]) == {"common", "final"}
    drop = atlas["q.mlp/quantization"]["drop"].sel(snapshot=["common", "final"])
    assert len(table) == drop.size
    own = table[(table["recipe"] == "muon") & (table["bits"] == 2) & (table["rounded"] == "both")]
    expected = drop.sel(recipe="muon", bits=2, rounded="both").values
    np.testing.assert_array_equal(np.sort(own["value"]), np.sort(expected.ravel()))


def test_the_correlation_is_that_of_the_replicas_at_three_bits():
    atlas, spec = example()
    table = quantization_error.data(atlas, None, spec)
    group = atlas["q.mlp/quantization"].to_dataset().sel(snapshot="final")
    drop = group["drop"].sel(rounded="both", bits=3).values.ravel()
    rivals = {
        "last_error": group["last_error"].sel(rounded="both", bits=3),
        "max_to_mean": group["max_to_mean"].sel(operand="activations"),
        "fourth_moment": group["fourth_moment"].sel(operand="activations"),
    }
    for name, values in rivals.items():
        own = table[(table["predictor"] == name) & (table["snapshot"] == "final")]
        assert len(own) == len(drop)
        expected = np.corrcoef(values.values.ravel(), drop)[0, 1]
        # 40 products of numbers near 1
        np.testing.assert_allclose(own["correlation"], expected, rtol=0, atol=1e-13)
        assert (own["low"] <= own["correlation"]).all() and (own["correlation"] <= own["high"]).all()
    assert table[table["predictor"] == "last_error"]["correlation"].min() > 0.99


def test_the_bootstrap_interval_covers_as_it_says():
    """Fisher's interval for a Gaussian pair, 40 replicas with correlation 0.6: ends within a fifth of its width."""
    random = np.random.default_rng(3)
    x = random.normal(size=40)
    y = 0.6 * x + 0.8 * random.normal(size=40)
    r, low, high = quantization_error.correlation(x, y)
    ends = np.tanh(np.arctanh(r) + np.array([-1.96, 1.96]) / np.sqrt(37))
    # the bootstrap's own error at n = 40 is of the order of 1/sqrt(40) of the width
    np.testing.assert_allclose((low, high), ends, atol=0.2 * np.ptp(ends))


def test_what_does_not_vary_has_no_correlation():
    assert np.isnan(quantization_error.correlation(np.ones(9), np.arange(9.0))).all()
    assert np.isnan(quantization_error.correlation(np.arange(2.0), np.arange(2.0))).all()

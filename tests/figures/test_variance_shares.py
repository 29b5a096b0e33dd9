"""The figure of variance shares reads all orders of an experiment, and shows the shares and the outliers it says."""

import atlas_example
import numpy as np
import pytest
import xarray as xr
from test_all_figures import drawn

from imprint.claims.shares import TERMS, shares
from imprint.figures import render, variance_shares

RECIPES = [f"{name}_{rate}" for name in ("sgd", "momentum", "adam", "muon") for rate in ("low", "middle", "high")]
VARIABLES = {
    "performance": ("train_loss", "test_loss", "test_accuracy"),
    "distance": ("distance", "relative_distance"),
    "class_cosine": ("cosine", "centred_cosine"),
    "sparsity": ("near_zero", "hoyer"),
}
SPEC = {"name": "runs.order_0", "seeds": list(range(8)), "stop": {"steps": {}}, "select": {}}
SPEC |= {"recipes": RECIPES, "probes": list(VARIABLES)}


def atlas(recipes=RECIPES, seeds=8, orders=6):
    """Measures whose variance moves from the optimizer to the seeds, by their number; one is constant."""
    random = np.random.default_rng(0)
    groups = {f"runs.order_{order}": {} for order in range(orders)}
    groups["runs_of_others"] = {}
    coords = {"stop": ["steps"], "select": ["fixed"], "recipe": recipes, "seed": range(seeds)}
    coords["snapshot"] = ["init", "matched_loss", "final"]
    shape = (len(recipes), seeds, 3)
    for number, (probe, name) in enumerate((p, variable) for p in VARIABLES for variable in VARIABLES[p]):
        recipe = random.normal(size=(len(recipes), 1, 1)) * (3 - number / 3)
        init = random.normal(size=(1, seeds, 1)) * number / 4
        for order, group in enumerate(groups.values()):
            values = recipe + init + random.normal() + random.normal(size=shape)
            values[:, :, 1] *= name != "hoyer"
            group.setdefault(probe, xr.Dataset(coords=coords))[name] = (tuple(coords), values[None, None])
            if name == "test_loss" and order == 2:
                values[1, 5, 2] += 90
    return atlas_example.tree(groups)


@pytest.fixture(scope="module")
def example():
    return atlas()


def test_shares_are_those_of_all_orders(example):
    table = variance_shares.data(example, None, SPEC)
    own = table[(table["measure"] == "distance: relative distance") & (table["snapshot"] == "matched_loss")]
    parts = [
        example[f"runs.order_{order}/distance"]["relative_distance"].sel(snapshot="matched_loss").squeeze()
        for order in range(6)
    ]
    y = np.stack([part.transpose("recipe", "seed").values for part in parts], -1)
    found = shares(y.reshape(4, 3, 8, 6))
    assert own["term"].tolist() == list(TERMS)
    for column in ("share", "low", "high", "component"):
        # sums in another order: eps times the hundred values that a mean square adds up
        np.testing.assert_allclose(own[column], getattr(found, column), rtol=1e-12, atol=1e-12)
    assert set(table.loc[table["kind"] == "share", "snapshot"]) == {"matched_loss", "final"}


def test_the_planted_outlier_is_named_with_its_metric(example):
    table = variance_shares.data(example, None, SPEC)
    found = table[table["kind"] == "outlier"].sort_values("value").iloc[-1]
    assert found[["measure", "recipe", "order", "snapshot"]].tolist() == [
        "performance.test_loss",
        "sgd_middle",
        "order_2",
        "final",
    ]
    assert found["seed"] == 5 and found["runs"] == 48 and found["value"] > found["to"] > found["median"]
    assert set(table["measure"].dropna()) >= {"performance: test loss"}  # every metric is also a measure with shares


def test_a_constant_measure_is_said_in_words(example):
    table = variance_shares.data(example, None, SPEC)
    own = table[(table["measure"] == "sparsity: hoyer") & (table["snapshot"] == "matched_loss")]
    assert own["share"].isna().all() and set(own["reason"]) == {"constant"}
    _, texts, _ = drawn("variance_shares", example, None, SPEC)
    assert "constant" in [text.get_text() for text in texts]


def test_bars_end_at_one_and_texts_are_inside(example):
    figure, texts, renderer = drawn("variance_shares", example, None, SPEC)
    for ax in figure.axes:
        ends = {}
        for patch in ax.patches:
            ends[round(patch.get_y(), 3)] = max(ends.get(round(patch.get_y(), 3), 0), patch.get_x() + patch.get_width())
        assert len(ends) == 9 and sorted(ends.values())[1:] == pytest.approx([1] * 8)  # 1e-6: sums of eleven shares
    for text in texts:
        box = text.get_window_extent(renderer)
        assert box.x0 >= -1 and box.y0 >= -1 and box.x1 <= figure.bbox.width + 1 and box.y1 <= figure.bbox.height + 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"recipes": RECIPES[:5]}, "not as many rates of each optimizer"),
        ({"recipes": RECIPES[:2]}, "must be 2 each, and are 1 x 2 x 8 x 6"),
        ({"probes": []}, "no measure has a value"),
        ({"name": "absent"}, "no measure has a value"),
    ],
)
def test_where_there_are_none_it_says_why(example, change, words):
    figure, texts, renderer = drawn("variance_shares", example, None, SPEC | change)
    assert len(texts) == 1 and words in texts[0].get_text()
    assert texts[0].get_window_extent(renderer).x1 <= figure.bbox.width


@pytest.mark.slow
def test_equal_inputs_give_equal_bytes(example, tmp_path):
    for name in "ab":
        render.render(
            "variance_shares", example, None, SPEC, *(tmp_path / f"{name}.{end}" for end in ("svg", "png", "csv"))
        )
    for end in ("svg", "png", "csv"):
        assert (tmp_path / f"a.{end}").read_bytes() == (tmp_path / f"b.{end}").read_bytes()

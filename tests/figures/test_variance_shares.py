"""The figure of variance shares reads all tasks of a design, and shows the shares and the outliers it says."""

import atlas_example
import numpy as np
import pytest
import xarray as xr
from test_all_figures import drawn

from imprint.claims.design import Design
from imprint.claims.shares import shares
from imprint.figures import render, variance_shares

RECIPES = [f"{name}_{rate}" for name in ("sgd", "momentum", "adam", "muon") for rate in ("low", "middle", "high")]
VARIABLES = {
    "performance": ("train_loss", "test_loss", "test_accuracy"),
    "distance": ("distance", "relative_distance"),
    "class_cosine": ("cosine", "centred_cosine"),
    "sparsity": ("near_zero", "hoyer"),
}
SPEC = {"seeds": list(range(8)), "stop": {"steps": {}}, "select": {}, "recipes": RECIPES, "probes": list(VARIABLES)}
CROSSED = Design(("optimizer", "rate", "init", "order"))


def specs(orders=6, **changes):
    """The tasks of the example, one for each order."""
    return [{**SPEC, "name": f"runs.order_{order}", "task": {"order": order}, **changes} for order in range(orders)]


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
    table = variance_shares.data(example, None, specs())
    own = table[(table["measure"] == "distance: relative distance") & (table["snapshot"] == "matched_loss")]
    parts = [
        example[f"runs.order_{order}/distance"]["relative_distance"].sel(snapshot="matched_loss").squeeze()
        for order in range(6)
    ]
    y = np.stack([part.transpose("recipe", "seed").values for part in parts], -1)
    found = shares(y.reshape(4, 3, 8, 6), CROSSED)
    assert own["term"].tolist() == list(CROSSED.terms) and set(own["method"]) == {"REML"}
    assert own["axes"].tolist()[-2:] == ["optimizer x init x order", "rate x init x order"]
    for column in ("share", "low", "high", "component"):
        # sums in another order: eps times the hundred values that a mean square adds up, and what scoring leaves
        np.testing.assert_allclose(own[column], getattr(found, column), rtol=1e-8, atol=1e-8)
    assert set(table.loc[table["kind"] == "share", "snapshot"]) == {"matched_loss", "final"}


def test_the_planted_outlier_is_named_with_its_metric(example):
    table = variance_shares.data(example, None, specs())
    found = table[table["kind"] == "outlier"].sort_values("value").iloc[-1]
    assert found[["measure", "recipe", "order", "snapshot"]].tolist() == [
        "performance.test_loss",
        "sgd_middle",
        2,
        "final",
    ]
    assert found["seed"] == 5 and found["runs"] == 48 and found["value"] > found["to"] > found["median"]
    assert set(table["measure"].dropna()) >= {"performance: test loss"}  # every metric is also a measure with shares


def test_a_constant_measure_is_said_in_words(example):
    table = variance_shares.data(example, None, specs())
    own = table[(table["measure"] == "sparsity: hoyer") & (table["snapshot"] == "matched_loss")]
    assert own["share"].isna().all() and set(own["reason"]) == {"constant"}
    _, texts, _ = drawn("variance_shares", example, None, specs())
    assert "constant" in [text.get_text() for text in texts]


def test_bars_end_at_one_and_texts_are_inside(example):
    figure, texts, renderer = drawn("variance_shares", example, None, specs())
    for ax in figure.axes:
        ends = {}
        for patch in ax.patches:
            ends[round(patch.get_y(), 3)] = max(ends.get(round(patch.get_y(), 3), 0), patch.get_x() + patch.get_width())
        assert len(ends) == 9 and sorted(ends.values())[1:] == pytest.approx([1] * 8)  # 1e-6: sums of eleven shares
    for text in texts:
        box = text.get_window_extent(renderer)
        assert box.x0 >= -1 and box.y0 >= -1 and box.x1 <= figure.bbox.width + 1 and box.y1 <= figure.bbox.height + 1


@pytest.mark.parametrize(
    ("tasks", "words"),
    [
        (specs(recipes=RECIPES[:1]), "values of two recipes and of two seeds are needed"),
        (specs(probes=[]), "no measure has a value"),
        ([{**SPEC, "name": "absent", "task": {}}], "no measure has a value"),
        (specs(seeds=range(20)), "864 of 1440 replicas have no value"),
    ],
)
def test_where_there_are_none_it_says_why(example, tasks, words):
    atlas = example
    if len(tasks[0]["recipes"]) == 1:
        atlas = example.map_over_datasets(lambda part: part.isel(recipe=[0]) if "recipe" in part.dims else part)
    figure, texts, renderer = drawn("variance_shares", atlas, None, tasks)
    assert len(texts) == 1 and words in texts[0].get_text()
    assert texts[0].get_window_extent(renderer).x1 <= figure.bbox.width


def test_one_order_leaves_the_other_axes(example):
    table = variance_shares.data(example, None, specs(1))
    own = table[(table["measure"] == "distance") & (table["snapshot"] == "final")]
    assert own["term"].tolist() == ["optimizer", "rate", "init", "optimizer x init", "residual"]
    assert own["planned"].tolist() == [96] * 5 == own["count"].tolist()


def test_tasks_are_an_axis_where_they_are_not_orders(example):
    recipes = [name for name in RECIPES if name.endswith("low")]
    part = example.map_over_datasets(lambda part: part.sel(recipe=recipes) if "recipe" in part.dims else part)
    tasks = [{**spec, "task": {"width": order}, "recipes": recipes} for order, spec in enumerate(specs(2))]
    table = variance_shares.data(part, None, tasks)
    own = table[(table["measure"] == "distance") & (table["snapshot"] == "final")]
    assert own["term"].tolist()[:3] == ["task", "optimizer", "seed"] and len(own) == 7
    assert (table["kind"] == "share").all()  # the rule for outliers is of runs over crossed orders
    _, texts, _ = drawn("variance_shares", part, None, tasks)
    assert "residual (task x optimizer x seed)" in [text.get_text() for text in texts]


def test_missing_replicas_are_counted_beside_their_bar(example):
    holes = example.copy(deep=True)
    holes["runs.order_1/distance"]["distance"][:, :, 3, :2, 2] = np.nan
    table = variance_shares.data(holes, None, specs())
    own = table[(table["measure"] == "distance") & (table["snapshot"] == "final")]
    assert set(own["reason"]) == {"2 of 576 replicas have no value"} and set(own["count"]) == {574}
    assert own["low"].isna().all() and own["share"].sum() == pytest.approx(1)
    _, texts, _ = drawn("variance_shares", holes, None, specs())
    assert [text.get_text() for text in texts].count("574/576") == 1


def test_a_measure_of_one_recipe_alone_keeps_its_row_and_says_why(example):
    lone = example.copy(deep=True)
    for order in range(6):
        lone[f"runs.order_{order}/distance"]["distance"][:, :, 1:] = np.nan
    words = [text.get_text() for text in drawn("variance_shares", lone, None, specs())[1]]
    assert "distance" in words and words.count("values of two recipes and of two seeds are needed") == 2


def test_a_pure_function_of_the_recipe_or_the_seed_is_said_in_words(example):
    known = example.copy(deep=True)
    for order in range(6):
        part = known[f"runs.order_{order}/distance"]
        part["distance"][:] = np.arange(12.0)[:, None, None]
        part["relative_distance"][:] = np.arange(8.0)[:, None]
    table = variance_shares.data(known, None, specs()).set_index("measure")
    assert set(table.loc["distance", "reason"]) == {"set by recipe alone: the same for every seed"}
    assert set(table.loc["distance: relative distance", "reason"].dropna()) == {
        "set by seed alone: the same for every recipe"
    }
    words = [text.get_text() for text in drawn("variance_shares", known, None, specs())[1]]
    assert words.count("set by recipe alone: the same for every seed") == 2  # a row in each mode


@pytest.mark.slow
def test_equal_inputs_give_equal_bytes(example, tmp_path):
    for name in "ab":
        render.render(
            "variance_shares", example, None, specs(), *(tmp_path / f"{name}.{end}" for end in ("svg", "png", "csv"))
        )
    for end in ("svg", "png", "csv"):
        assert (tmp_path / f"a.{end}").read_bytes() == (tmp_path / f"b.{end}").read_bytes()

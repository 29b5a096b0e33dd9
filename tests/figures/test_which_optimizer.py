"""The figure of which optimizer: it reads all orders at equal loss, shows the trial's numbers and what was left out."""

import atlas_example
import numpy as np
import pytest
import xarray as xr
from test_all_figures import drawn

from imprint.claims import tell
from imprint.figures import render, which_optimizer

RECIPES = [f"{name}_{rate}" for name in ("sgd", "momentum", "adam") for rate in ("low", "middle", "high")]
LAYERS = ["hidden_1", "hidden_2"]
SPEC = {"name": "runs.order_0", "seeds": list(range(5)), "stop": {"steps": {}}, "select": {}, "task": {"order": 0}}
SPEC |= {"recipes": RECIPES, "probes": ["performance", "effective_rank", "path_length"]}
SPEC |= {"snapshots": {"matched_loss": {"train_loss": 0.1}}}
WORDS = "Optimizers are not told apart here: "


def atlas(recipes=RECIPES, seeds=5, orders=4):
    """The rank of each layer tells Adam from the other two, which are alike; the path is rate times steps."""
    random = np.random.default_rng(0)
    groups = {f"runs.order_{order}": order_of_runs(random, recipes, seeds) for order in range(orders)}
    groups["runs_of_others"] = order_of_runs(random, recipes, seeds)
    return atlas_example.tree(groups)


def order_of_runs(random, recipes, seeds):
    """Groups of one task."""
    coords = {"stop": ["steps"], "select": ["fixed"], "recipe": recipes, "seed": range(seeds)}
    coords["snapshot"] = ["init", "matched_loss", "final"]
    adam = np.array([recipe.startswith("adam") for recipe in recipes])[:, None, None]
    shape = (len(recipes), seeds, 3)
    steps = np.round(100 + 20 * random.random(shape))
    rate = np.array([0.01 * 2.0**place for place in range(len(recipes))])[:, None, None]
    rank = 20 + random.normal(size=(*shape, 2)) + 9 * adam[..., None]
    layers = xr.Dataset({"rank": ((*coords, "layer"), rank[None, None])}, coords={**coords, "layer": LAYERS})
    both = {"train_loss": random.normal(size=shape), "test_loss": random.normal(size=shape)}
    return {
        "performance": dataset(coords, **both),
        "effective_rank": layers,
        "path_length": dataset(coords, path_length=rate * steps),
        "training": dataset(coords, snapshot_step=steps),
    }


def dataset(coords, **variables):
    """Measures over the base axes."""
    return xr.Dataset({name: (tuple(coords), v[None, None]) for name, v in variables.items()}, coords=coords)


@pytest.fixture(scope="module")
def example():
    return atlas()


def of(table, kind):
    """Rows of one kind by name."""
    return table[table["kind"] == kind].set_index("name")


def test_features_are_the_labels_of_all_orders_at_equal_loss(example):
    groups = [RECIPES[:3], RECIPES[3:6], RECIPES[6:]]
    runs = which_optimizer.runs(example, SPEC, groups, "matched_loss")
    assert runs.x_NF.shape == (9 * 5 * 4, 5)
    assert runs.measure_F.tolist() == [
        "performance.train_loss",
        "performance.test_loss",
        "effective_rank.rank",
        "effective_rank.rank",
        "path_length.path_length",
    ]
    place = (4 * 5 + 3) * 4 + 2  # momentum_middle, seed 3, order 2
    read = example["runs.order_2"].sel(recipe="momentum_middle", seed=3, snapshot="matched_loss")
    np.testing.assert_array_equal(runs.x_NF[place, 2:4], read["effective_rank/rank"].squeeze())
    assert runs.x_NF[place, 4] == read["path_length/path_length"]
    assert runs.steps_N[place] == read["training/snapshot_step"]
    assert (runs.optimizer_N[place], runs.setting_N[place], runs.seed_N[place]) == (1, 1, 3)


def test_the_table_has_the_trials_numbers(example):
    table = which_optimizer.data(example, None, SPEC)
    runs = which_optimizer.runs(example, SPEC, [RECIPES[:3], RECIPES[3:6], RECIPES[6:]], "matched_loss")
    found = tell.trial(runs.features(np.array([False, True, True, True, False])))
    kept = of(table, "accuracy").loc["kept"]
    for key in ("low", "high", "chance", "p_seed", "p_setting"):
        assert kept[key] == getattr(found, key)
    assert (kept["value"], kept["runs"], kept["features"]) == (found.accuracy, 180, 3)
    assert of(table, "accuracy")["features"].tolist() == [3, 5, 2, 3]
    assert of(table, "taken")["value"].astype(int).tolist() == found.counts_PP.ravel().tolist()
    assert of(table, "taken").loc["adam", "value"].tolist() == [0, 0, 60]
    assert of(table, "importance")["value"].idxmax() == of(table, "probe")["value"].idxmax() == "effective_rank"


def test_what_is_left_out_is_named_with_the_reason(example):
    left = of(which_optimizer.data(example, None, SPEC), "excluded")
    assert list(left.index) == ["path_length.path_length", "performance.train_loss"]
    assert left["value"].iloc[0] > 0.999 and "overshoots" in left["other"].iloc[1]
    renamed = {name: group.to_dataset() for name, group in example["runs.order_0"].children.items()}
    ranks = renamed["effective_rank"]["rank"].copy()
    ranks[..., 1] = renamed["path_length"]["path_length"]
    renamed["effective_rank"] = xr.Dataset({"rank": ranks})
    table = which_optimizer.data(atlas_example.tree({"runs.order_0": renamed}), None, SPEC)
    assert "effective_rank.rank (1 of 2 labels)" in of(table, "excluded").index


def test_runs_that_miss_the_loss_are_counted_and_told():
    changed = atlas()
    for order in range(4):
        group = changed[f"runs.order_{order}"]
        group["training"]["snapshot_step"].loc[{"recipe": "adam_high", "seed": 1, "snapshot": "matched_loss"}] = -1
        for probe in SPEC["probes"]:
            for values in group[probe].data_vars.values():
                values.loc[{"recipe": "adam_high", "seed": 1, "snapshot": "matched_loss"}] = np.nan
    changed["runs.order_0/performance"]["test_loss"].loc[{"recipe": "sgd_low", "seed": 0}] = np.nan
    spec = SPEC | {"recipes": [*RECIPES, "muon_slow"]}
    table = which_optimizer.data(changed, None, spec)
    assert of(table, "dropped").loc["adam", ["value", "runs"]].tolist() == [4, 60]
    assert of(table, "taken").loc["adam", "value"].sum() == 56
    assert of(table, "unused").index.tolist() == ["muon_slow"]
    assert table.loc[table["kind"] == "imputed", "value"].tolist() == [1]
    _, texts, _ = drawn("which_optimizer", changed, None, spec)
    words = " ".join(text.get_text().replace("\n", " ") for text in texts)
    assert "did not reach the training loss: 4 of adam." in words and "1 of 528 values imputed" in words
    assert "Too few settings: muon_slow." in words and "rate and steps: path_length.path_length" in words


def test_an_optimizer_that_never_reaches_the_loss_is_dropped_as_a_whole():
    changed = atlas()
    for order in range(4):
        steps = changed[f"runs.order_{order}/training"]["snapshot_step"]
        steps.loc[{"recipe": RECIPES[3:6], "snapshot": "matched_loss"}] = -1
    table = which_optimizer.data(changed, None, SPEC)
    assert of(table, "dropped").loc["momentum", ["value", "runs"]].tolist() == [60, 60]
    assert of(table, "taken").index.tolist() == ["sgd", "sgd", "adam", "adam"]
    assert of(table, "accuracy").loc["kept", ["value", "chance"]].tolist() == [1.0, 0.5]


def test_optimizers_may_have_unequally_many_settings():
    recipes = [*RECIPES, "adam_highest"]
    table = which_optimizer.data(atlas(recipes), None, SPEC | {"recipes": recipes})
    assert of(table, "dropped")["runs"].tolist() == [60, 60, 80]
    assert of(table, "taken").loc["adam", "value"].tolist() == [0, 0, 80]


def test_a_probe_without_the_snapshot_is_named_as_lacking():
    changed = atlas()
    for order in range(4):
        name = f"runs.order_{order}/performance"
        changed[name] = changed[name].to_dataset().sel(snapshot=["init", "final"])
    left = of(which_optimizer.data(changed, None, SPEC), "lacking")
    assert left.index.tolist() == ["performance.test_loss", "performance.train_loss"]


def test_a_measure_that_many_runs_lack_is_left_out_and_named(example):
    changed = atlas()
    for order in range(4):
        changed[f"runs.order_{order}/performance"]["test_loss"].loc[{"seed": 2}] = np.nan
    assert of(which_optimizer.data(changed, None, SPEC), "lacking").index.tolist() == ["performance.test_loss"]


def test_the_picture_says_the_numbers_and_texts_are_inside(example):
    table = which_optimizer.data(example, None, SPEC)
    figure, texts, renderer = drawn("which_optimizer", example, None, SPEC)
    words = [text.get_text() for text in texts]
    kept = of(table, "accuracy").loc["kept"]
    assert f"{kept['value']:.2f}" in words and "100%\n60" in words and "adam (60)" in words
    said = words[-1] if "Accuracy" in words[-1] else next(word for word in words if word.startswith("Accuracy"))
    assert f"Accuracy {kept['value']:.2f}, chance 0.33; p = {kept['p_seed']:.3g}" in said.replace("\n", " ")
    for text in texts:
        box = text.get_window_extent(renderer)
        assert box.x0 >= -1 and box.y0 >= -1 and box.x1 <= figure.bbox.width + 1 and box.y1 <= figure.bbox.height + 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"recipes": RECIPES[:5]}, "there are 1, 5 and 3"),
        ({"recipes": ["sgd_low", "adam_low"]}, "no optimizer has enough settings"),
        ({"probes": []}, "no optimizer has enough settings"),
        ({"probes": ["path_length"]}, "no measure of a run"),
        ({"snapshots": {"early": {"step": 5}}}, "no optimizer has enough settings"),
        ({"name": "absent"}, "no optimizer has enough settings"),
    ],
)
def test_where_it_cannot_be_told_it_says_why(example, change, words):
    figure, texts, renderer = drawn("which_optimizer", example, None, SPEC | change)
    assert len(texts) == 1 and texts[0].get_text().startswith(WORDS) and words in texts[0].get_text()
    assert texts[0].get_window_extent(renderer).x1 <= figure.bbox.width


def test_without_a_fixed_order_an_experiment_is_alone(example):
    runs = which_optimizer.runs(example, SPEC | {"task": {}}, [RECIPES[:3], RECIPES[3:6]], "matched_loss")
    assert len(runs.x_NF) == 6 * 5


@pytest.mark.slow
def test_equal_inputs_give_equal_bytes(example, tmp_path):
    for name in "ab":
        files = (tmp_path / f"{name}.{end}" for end in ("svg", "png", "csv"))
        render.render("which_optimizer", example, None, SPEC, *files)
    for end in ("svg", "png", "csv"):
        assert (tmp_path / f"a.{end}").read_bytes() == (tmp_path / f"b.{end}").read_bytes()

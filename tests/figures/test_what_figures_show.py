"""The numbers behind the figures, against closed forms and other libraries."""

import collections
import itertools
from pathlib import Path

import atlas_example
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from matplotlib.colors import to_rgb
from scipy import stats

from imprint import study
from imprint.claims.verdict import verdict
from imprint.figures import frames, imprint_map, learning_curves, margin_ratio, search, seeds, style, verdicts

EPS = np.finfo(float).eps
ROOT = Path(__file__).parents[2]


def test_interval_is_scipys():
    values = np.array([1.0, 2.0, 4.0, 8.0])
    mean, low, high, n = frames.interval(values)
    expected = stats.t.interval(0.95, 3, loc=values.mean(), scale=stats.sem(values))
    np.testing.assert_allclose((mean, low, high), (3.75, *expected), rtol=8 * EPS)  # a few roundings each
    assert n == 4


def test_log_interval_is_geometric():
    mean, low, high, _ = frames.interval(np.array([1.0, 100.0]), log=True)
    assert mean == pytest.approx(10, rel=8 * EPS)
    assert low * high == pytest.approx(100, rel=1e-13)  # symmetric in logarithms; exp of about 29 loses 5 bits


def test_summary_is_interval_by_group():
    random = np.random.default_rng(0)
    frame = pd.DataFrame({"recipe": np.repeat(["b", "a"], 5), "value": random.lognormal(size=10)})
    table = frames.summary(frame, ["recipe"], log=True)
    assert list(table["recipe"]) == ["b", "a"]  # order of appearance
    for row in table.itertuples(index=False):
        alone = frames.interval(frame[frame["recipe"] == row.recipe]["value"].to_numpy(), log=True)
        np.testing.assert_allclose(row[1:], alone, rtol=64 * EPS)  # pandas sums in another order


def test_one_seed_has_a_mean_and_no_interval():
    mean, low, high, n = frames.interval(np.array([3.0]))
    assert (mean, n) == (3.0, 1) and np.isnan([low, high]).all()


def test_compared_snapshots():
    assert frames.endpoint(["init", "matched_loss", "final"]) == ["matched_loss", "final"]
    assert frames.endpoint(["task_1", "task_2"]) == ["task_2"]
    assert frames.endpoint(["init", "task_1", "final"]) == ["final"]
    assert frames.endpoint(["init", "path_2_0", "path_0_5", "loss_0.1", "final"]) == ["loss_0.1", "final"]


def test_panels_of_a_measure_with_many_labels_are_those_of_its_claims():
    atlas, claims = atlas_example.atlas(), atlas_example.claims()
    experiment = next(spec for spec in atlas_example.experiments() if spec["name"] == "sparsity")
    kept = atlas["sparsity/pruning_curve"]["kept"].values[3]
    own = claims.iloc[:1].assign(experiment="sparsity", measure="pruning_curve.accuracy", where=f"kept={kept}")
    assert not any("pruning_curve" in name for name in seeds.data(atlas, claims, experiment)["panel"])
    assert list(pd.unique(seeds.data(atlas, own, experiment)["panel"])) == [
        f"pruning_curve.accuracy, {kept}",
        "performance.test_accuracy",
    ]


def test_mode_titles_name_what_differs():
    titles = frames.mode_titles([("steps", "best", "final"), ("loss", "best", "final")])
    assert list(titles.values()) == ["stop: steps", "stop: loss"]


def test_fixed_recipes_stand_in_every_selection():
    frame = pd.DataFrame({"select": ["best", "matched", "fixed"], "recipe": ["a", "a", "b"]})
    pooled = frames.pooled(frame)
    assert sorted(zip(pooled["select"], pooled["recipe"], strict=True)) == [
        ("best", "a"),
        ("best", "b"),
        ("matched", "a"),
        ("matched", "b"),
    ]
    only = frame[frame["select"] == "fixed"]
    assert frames.pooled(only) is only


def row(expect, estimate=0.0, low=0.0, high=0.0, sd=1.0):
    """What `standardized` reads of a row."""
    return {"expect": expect, "estimate": estimate, "low": low, "high": high, "sd": sd}


def test_forest_positions_are_in_margins():
    assert verdicts.standardized(row("greater_by 0.5", 1, 0.5, 2)) == (2, 1, 4)
    assert verdicts.standardized(row("less_by 0.5", -1, -2, 0.5)) == (2, -1, 4)
    assert verdicts.standardized(row("at_most 3", 2, 1, 4, sd=0.5)) == (2, -2, 4)
    assert verdicts.standardized(row("at_least 3", 2, 1, 4, sd=0.5)) == (-2, -4, 2)
    assert verdicts.standardized(row("within [1, 3]", 2, 1, 3)) == (0, -1, 1)


def test_supported_is_where_the_interval_lies_in_the_zone():
    """The picture's rule (bar inside the pale zone) against the verdict's, on random intervals."""
    random = np.random.default_rng(1)
    forms = [
        "greater_by 0.7",
        "less_by 0.7",
        "equal_within 0.7",
        "at_most 0.3",
        "at_least 0.3",
        "within [-0.4, 0.9]",
    ]
    seen = set()
    for text, _ in itertools.product(forms, range(200)):
        low, high = np.sort(random.normal(size=2))
        form, numbers = verdicts.expected(text)
        word, _ = verdict(low, high, form=form, bound=tuple(numbers) if form == "within" else numbers[0])
        _, left, right = verdicts.standardized(row(text, (low + high) / 2, low, high))
        symmetric = form in verdicts.SYMMETRIC
        inside = -1 <= left and right <= 1 if symmetric else left >= 0
        small = form in ("greater_by", "less_by") and -1 < left and right < 1  # equivalent comes first there
        assert (word == "supported") == (inside and not small), (text, low, high, word)
        seen.add((form, word))
    assert len(seen) >= 16  # every form met both sides


def test_controls_come_first_and_claims_stay_together(study):
    atlas, claims, specs = study
    shuffled = claims.sample(frac=1, random_state=3)
    table = verdicts.data(atlas, shuffled, list(specs.values()))
    assert len(table) == len(claims)
    kinds = list(table["kind"])
    assert kinds == sorted(kinds, key=["control", "claim"].index)
    runs = [key for key, _ in itertools.groupby(zip(table["experiment"], table["claim"], strict=True))]
    assert len(runs) == len(set(runs))


def test_a_failing_control_is_not_bundled(study):
    atlas, claims, specs = study
    broken = claims.copy()
    broken.loc[(broken["claim"] == "trains") & (broken["recipes"] == "lion"), "verdict"] = "contradicted"
    rows = verdicts.data(atlas, broken, list(specs.values())).to_dict("records")
    groups = [group for group in verdicts.bundles(rows) if group[0]["claim"] == "trains"]
    assert [len(group) for group in groups] == [1] * 7
    rows = verdicts.data(atlas, claims, list(specs.values())).to_dict("records")
    assert sum(map(len, verdicts.bundles(rows))) == len(rows)


def test_infinite_intervals_are_drawn_to_the_edge(study):
    atlas, claims, specs = study
    wide = claims.copy()
    wide.loc[0, ["low", "high"]] = [-np.inf, np.inf]
    figure = verdicts.draw(atlas, wide, list(specs.values()))
    ends = [line.get_xdata() for line in figure.axes[0].lines]
    reach = figure.axes[0].get_xlim()[1]
    assert any(len(x) == 2 and x[0] == -reach and x[1] == reach for x in ends)


def test_effect_is_in_seed_deviations():
    ours, theirs = pd.Series([3.0, 5.0, 7.0]), pd.Series([1.0, 2.0, 3.0])
    mean, low, high, n, effect = imprint_map.effect(ours, theirs)
    assert (mean, n) == (3.0, 3)
    assert effect == pytest.approx(3 / np.sqrt((4 + 1) / 2), rel=4 * EPS)
    paired = stats.ttest_rel(ours, theirs).confidence_interval(0.95)
    np.testing.assert_allclose((low, high), paired, rtol=1e-12)  # quantile of t by another route


def test_chosen_and_edges_are_those_of_the_search(study):
    atlas, claims, specs = study
    table = search.data(atlas, claims, specs["digits"])
    picked = table[table["chosen"] != ""].set_index("recipe")
    chosen = atlas["digits/search"]["chosen"].sel(stop="steps", select="best")
    for name in specs["digits"]["recipes"]:
        assert picked.loc[name, "setting"] == chosen.sel(recipe=name)
    assert list(picked.index[picked["edge"]]) == ["adam"]
    best = table.loc[table.groupby("recipe")["mean"].idxmin()].set_index("recipe")["setting"]
    pd.testing.assert_series_equal(best.sort_index(), picked["setting"].sort_index())
    gone = table[(table["recipe"] == "shampoo") & (table["n"] == 0)]
    assert len(gone) == 1 and gone["mean"].isna().all()


def test_recipes_may_search_different_hyper_parameters():
    dims, labels = ("stop", "recipe", "setting"), {"stop": ["s"], "recipe": ["a", "b"], "setting": [0, 1]}
    lr, rho = [[[0.1, 1.0], [np.nan, np.nan]]], [[[np.nan, np.nan], [3.0, 4.0]]]
    data = xr.Dataset({"loss": ((*dims, "seed"), np.ones((1, 2, 2, 1))), "lr": (dims, lr), "rho": (dims, rho)}, labels)
    name, values = search.tried(data)
    assert name == "learning rate, rho"
    assert values.sel(stop="s").values.tolist() == [[0.1, 1.0], [3.0, 4.0]]


def test_own_norms(study):
    atlas, claims, specs = study
    table = margin_ratio.data(atlas, claims, specs["margins"])
    own = table[table["own"]].set_index("recipe")["norm"].to_dict()
    assert own == {
        "sign_limit": "max",
        "adam_limit": "max",
        "spectral_limit": "spectral",
        "gradient_limit": "l2",
    }


def test_a_curve_ends_where_half_of_its_replicas_have_left():
    steps = [10, 20, 30]
    values = np.ones((1, 1, 1, 4, 3))
    values[..., 0, 1:] = np.nan
    values[..., 1:3, 2] = np.nan
    dims = ("stop", "select", "recipe", "seed", "step")
    labels = {"stop": ["loss"], "select": ["best"], "recipe": ["sgd"], "seed": range(4), "step": steps}
    atlas = xr.DataTree.from_dict({"/x/trace": xr.Dataset({"train_loss": (dims, values)}, coords=labels)})
    table = learning_curves.data(atlas, None, {"name": "x"})
    assert list(zip(table["step"], table["n"], strict=True)) == [(10, 4), (20, 3)]


def luminance(colour):
    """Relative luminance of sRGB (WCAG 2.2)."""
    parts = np.array(to_rgb(colour))
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4) @ [
        0.2126,
        0.7152,
        0.0722,
    ]


@pytest.mark.parametrize("name", style.RECIPES)
def test_recipes_can_be_seen_on_light_and_dark_pages(name):
    bright = luminance(style.recipe(name)[0])
    assert 1.05 / (bright + 0.05) > 2.7  # large marks, which also differ in shape; 3 is WCAG's figure for thin ones
    assert (bright + 0.05) / (luminance("#14171b") + 0.05) > 2.7


def test_ink_can_be_read_on_light_and_dark_pages():
    bright = luminance(style.INK)
    assert 1.05 / (bright + 0.05) > 4 and (bright + 0.05) / (luminance("#14171b") + 0.05) > 4


def test_recipes_of_an_experiment_differ_in_colour_and_marker(study):
    for spec in study[2].values():
        looks = [style.recipe(name) for name in spec["recipes"]]
        assert len({colour for colour, _ in looks}) == len({marker for _, marker in looks}) == len(looks)


def test_unknown_recipes_keep_their_look():
    assert style.recipe("her_optimizer") == style.recipe("her_optimizer")
    colour, marker = style.recipe("her_optimizer")
    assert colour in style.SPARE_COLOURS and marker in style.SPARE_MARKERS
    assert style.ordered({"zeta", "adam", "alpha", "sgd"}) == ["sgd", "adam", "alpha", "zeta"]


def test_no_two_recipes_of_an_experiment_look_alike():
    experiments: dict[str, set[str]] = {}
    for name, content in study.load(ROOT, "core").experiments.items():
        experiments.setdefault(name.partition(".")[0], set()).update(content.recipes)
    for name, recipes in experiments.items():
        looks = collections.Counter(style.recipe(recipe) for recipe in recipes)
        assert max(looks.values()) == 1, (name, sorted(recipe for recipe in recipes if looks[style.recipe(recipe)] > 1))


def test_a_long_comparison_is_cut_beside_the_axis():
    row = {
        "recipes": "mean(shampoo_sum, shampoo_sum_graft) - mean(shampoo_ema, shampoo_graft)",
        "mode": "steps/fixed/final",
    }
    shown = verdicts.label([row])
    assert shown.startswith("mean(shampoo_sum, shampoo_sum_graft)") and "… · steps / final" in shown
    assert len(shown.partition(" · ")[0]) <= verdicts.LONGEST
    assert verdicts.label([{**row, "recipes": "muon - adam"}]) == "muon − adam · steps / final"

"""The spread over tuning seeds: from planted searches, by hand, and without a look at the evaluation."""

import numpy as np
import pytest
import xarray as xr

from imprint.claims.evaluate import evaluate
from imprint.claims.power import detectable
from imprint.claims.tuning import pooled

EIGHT = np.array([0.9, 1.0, 1.1, 1.2, 0.8, 1.0, 1.1, 0.9])
ATTRS = {"prefer": "high", "units": "1"}
CHOSEN = {"muon": 2, "adam": 1}
CLAIM = {"measure": "a.x", "contrast": ["muon", "adam"], "expect": {"greater_by": 0.5}}
# differences of muon at settings 1, 2, 3 and adam at 0, 1, 2 on the two seeds; the settings' own effects are large
PAIRS = np.array([[0.0, 0.2], [0.0, 0.4], [0.0, -0.6]])
SD = np.sqrt((0.2**2 + 0.4**2 + 0.6**2) / 2 / 3)


def planted(atlas, pairs=PAIRS, settings=5, probe="a", name="x", status=None, chosen=CHOSEN, level=10.0):
    """Add a probed search: adam's values are those of its settings, muon's these more by setting and seed."""
    recipes, seeds = list(chosen), [1000, 1001]
    values = level * np.arange(1, settings + 1)[None, :, None] + np.array([0.0, 3.0]) + np.zeros((len(recipes), 1, 1))
    for offset, pair in enumerate(pairs, -1):
        place, other = chosen["muon"] + offset, chosen["adam"] + offset
        if 0 <= place < settings and 0 <= other < settings:
            values[0, place] = values[1, other] + 100 * offset + pair
    coords = {"stop": ["steps"], "recipe": recipes, "setting": range(settings), "seed": seeds}
    full = np.stack([np.full_like(values, 7.0), values], -1)[None]
    dims = (*coords, "snapshot")
    space = xr.Dataset({name: (dims, full, ATTRS)}, {**coords, "snapshot": ["init", "final"]})
    space["hyper.lr"] = (dims[:3], np.ones((1, len(recipes), settings)))
    codes = np.zeros((1, len(recipes), settings, 2)) if status is None else status
    place = np.array([chosen[recipe] for recipe in recipes], float)[None, None]
    search = xr.Dataset(
        {"status": (tuple(coords), codes), "chosen": (("stop", "select", "recipe"), place)},
        {**coords, "select": ["best"]},
    )
    groups = {node.path: node.to_dataset() for node in atlas.subtree if node.has_data}
    groups |= {"/toy/search": search, f"/toy/search_space/{probe}": space}
    return xr.DataTree.from_dict(groups)


def judged(toy, claim=CLAIM, difference=EIGHT, more=(), change=planted, **options):
    atlas = toy.atlas({"a.x": ([difference + 2, 0 * difference + 2], ATTRS), **dict(more)})
    (row,) = evaluate(change(atlas, **options), toy.spec({"c": claim})).to_dict("records")
    return row


def test_the_spread_of_the_search_by_hand(toy):
    row = judged(toy)
    assert (row["sd_from"], row["sd_df"]) == ("search", 3)
    assert row["detectable"] == pytest.approx(SD * detectable(8), rel=1e-12)  # differences of numbers near 100
    assert row["sd"] == pytest.approx(EIGHT.std(ddof=1), rel=1e-12), "what is tested keeps its own"


def test_it_owes_nothing_to_the_evaluation(toy):
    one, other = judged(toy), judged(toy, difference=100 * EIGHT**2)
    assert one["sd"] != other["sd"] and one["verdict"] == other["verdict"] == "supported"
    assert (one["detectable"], one["n_needed"]) == (other["detectable"], other["n_needed"])
    assert judged(toy, pairs=3 * PAIRS)["detectable"] == pytest.approx(3 * one["detectable"], rel=1e-12)


def test_no_verdict_owes_anything_to_it(toy):
    power = {"detectable", "n_needed", "sd_from", "sd_df"}
    one, other = judged(toy), judged(toy, change=lambda atlas: atlas)
    assert {key for key in one if one[key] == one[key] and one[key] != other[key]} <= power
    assert (other["sd_from"], other["sd_df"]) == ("data", 7)


def test_a_declared_deviation_comes_first(toy):
    row = judged(toy, claim=CLAIM | {"sd": 0.2})
    assert row["sd_from"] == "declared" and row["detectable"] == 0.2 * detectable(8) and np.isnan(row["sd_df"])


def test_a_place_outside_the_grid_is_left_out(toy):
    row = judged(toy, chosen={"muon": 2, "adam": 0})  # adam has no setting below its chosen one
    assert row["sd_df"] == 2
    assert row["detectable"] == pytest.approx(np.sqrt((0.4**2 + 0.6**2) / 4) * detectable(8), rel=1e-12)


def test_a_diverged_replica_is_left_out_and_is_no_worst_value(toy):
    status = np.zeros((1, 2, 5, 2))
    status[0, 0, 3, 1] = 1  # muon's upper neighbour on the second seed
    row = judged(toy, status=status)
    assert row["sd_df"] == 2
    assert row["detectable"] == pytest.approx(np.sqrt((0.2**2 + 0.4**2) / 4) * detectable(8), rel=1e-12)


def test_a_relative_contrast_has_the_spread_of_logarithms(toy):
    row = judged(toy, claim=CLAIM | {"relative": True}, pairs=np.zeros((3, 2)), level=100.0)
    # muon's values are adam's 100 less, the same, and 100 more, on seeds whose values are 3 apart
    adam = 100.0 * np.arange(1, 4)[:, None] + np.array([0.0, 3.0])
    with np.errstate(divide="ignore"):
        logs = np.log(adam + np.array([[-100.0], [0.0], [100.0]])) - np.log(adam)
    half = np.square(np.diff(logs[1:], axis=1)).sum() / 2  # at the first place muon has 0, which has no logarithm
    assert row["sd_df"] == 2
    assert row["detectable"] == pytest.approx(np.expm1(np.sqrt(half / 2) * detectable(8)), rel=1e-9)


@pytest.mark.parametrize(
    ("why", "claim", "options"),
    [
        ("another snapshot", CLAIM | {"at": {"snapshot": "init"}}, {}),
        ("another probe", CLAIM, {"probe": "b"}),
        ("another measure", CLAIM, {"name": "y"}),
        ("all tie", CLAIM, {"pairs": np.zeros((3, 2))}),
        ("all diverged", CLAIM, {"status": np.ones((1, 2, 5, 2))}),
        ("never reached", CLAIM, {"status": np.full((1, 2, 5, 2), 2.0)}),
        ("nothing chosen", CLAIM, {"change": lambda atlas: unchosen(planted(atlas))}),
    ],
)
def test_without_it_the_data_serve(toy, why, claim, options):
    assert judged(toy, claim=claim, **options)["sd_from"] == "data", why


def unchosen(atlas):
    search = atlas["toy/search"].to_dataset()
    atlas["toy/search"] = xr.DataTree(search.assign(chosen=search["chosen"] * np.nan))
    return atlas


def test_a_value_has_the_spread_of_its_own_recipe(toy):
    claim = {"measure": "a.x", "recipe": "adam", "expect": {"at_most": 9.0}}
    row = judged(toy, claim=claim)
    assert (row["sd_from"], row["sd_df"]) == ("search", 3)
    assert row["detectable"] == pytest.approx(3 / np.sqrt(2) * detectable(8), rel=1e-12)  # the seeds are 3 apart


def test_what_a_setting_does_to_the_mean_is_not_in_it():
    x_KT = np.array([[0.1, -0.1, 0.3], [0.2, 0.5, np.nan], [np.nan, 0.4, np.nan]])
    sd, df = pooled(x_KT)
    assert df == 3  # (3 - 1) + (2 - 1) + 0
    by_hand = (np.square([0.0, -0.2, 0.2]).sum() + 2 * 0.15**2) / 3
    assert sd == pytest.approx(np.sqrt(by_hand), rel=1e-12)
    assert pooled(x_KT + np.array([[5.0], [-7.0], [100.0]]))[0] == pytest.approx(sd, rel=1e-10)


def test_it_estimates_the_standard_deviation():
    """The mean of s^2 over 4,000 searches is within four standard errors, sqrt(2 / df / 4000), of the variance."""
    rng = np.random.default_rng(7)
    squares = [pooled(rng.normal(scale=2.0, size=(3, 2)))[0] ** 2 for _ in range(4000)]
    assert np.mean(squares) == pytest.approx(4.0, abs=4 * 4 * np.sqrt(2 / 3 / 4000))


@pytest.mark.parametrize("values", [[[1.0], [2.0]], [[np.nan, 1.0], [2.0, np.nan]], [[1.0, 1.0], [2.0, 2.0]]])
def test_too_few_or_equal_values_tell_nothing(values):
    assert pooled(np.array(values)) is None


def test_a_recipe_in_two_tasks_is_paired_by_tuning_seed(toy):
    plain = toy.atlas({"a.x": ([EIGHT + 2, EIGHT], ATTRS)})
    trees = {"one": planted(plain), "other": planted(plain, pairs=np.zeros((3, 2)))}
    groups = {
        f"/toy.{task}{node.path.removeprefix('/toy')}": node.to_dataset()
        for task, tree in trees.items()
        for node in tree.subtree
        if node.has_data
    }
    claim = {"measure": "a.x", "recipe": "muon", "between": ["one", "other"], "expect": {"greater_by": 0.5}}
    parts = [toy.spec({"c": claim} if task == "one" else {}) | {"name": f"toy.{task}"} for task in ("one", "other")]
    (row,) = evaluate(xr.DataTree.from_dict(groups), *parts).to_dict("records")
    # muon's values are adam's and 100 offsets, the same in both tasks, and in the first the pairs more
    assert (row["sd_from"], row["sd_df"]) == ("search", 3)
    assert row["detectable"] == pytest.approx(SD * detectable(8), rel=1e-12)
    del groups["/toy.other/search_space/a"], groups["/toy.other/search"]
    (row,) = evaluate(xr.DataTree.from_dict(groups), *parts).to_dict("records")
    assert row["sd_from"] == "data", "the search of one task alone does not tell"

"""Every measurement against one recipe: the same tests as claims have, over values whose answer is known."""

import numpy as np
import pytest
import xarray as xr

from imprint.claims import against
from imprint.claims.evaluate import evaluate
from imprint.claims.holm import holm
from imprint.claims.readings import ClaimError, Mode
from imprint.claims.signflip import signflip
from tests.claims.conftest import small_atlas, spec

RECIPES, SEEDS = ("sgd", "adam", "muon"), tuple(range(8))
FINAL = Mode("steps", "best", "final")
NOISE = np.random.default_rng(3).normal(size=(2, 3, 8))
PREFER = {"prefer": "high", "units": "nat"}


def compared(values, modes=(FINAL,), base="", status=None, recipes=RECIPES, **more):
    """What is found of "probe.variable" with these values over (recipe, seed)."""
    atlas = small_atlas(values, recipes=recipes, seeds=SEEDS, status=status)
    probes = {name.partition(".")[0]: {} for name in values}
    return against.against(atlas, spec({}, recipes=recipes, seeds=SEEDS, probes=probes, **more), modes, base)


def row(found, recipe, measure="a.x"):
    """The one row of a recipe and measure."""
    (one,) = found.table[(found.table["recipe"] == recipe) & (found.table["measure"] == measure)].to_dict("records")
    return one


def test_rows_are_those_of_claims_that_say_the_same():
    values = {"a.x": (NOISE[0] + [[0], [4], [0.3]], PREFER), "b.y": (NOISE[1], PREFER)}
    found = compared(values)
    claims = {
        f"{measure} {recipe}": {"measure": measure, "contrast": [recipe, "sgd"], "expect": {"greater_by": 0.0}}
        for measure in values
        for recipe in ("adam", "muon")
    }
    atlas = small_atlas(values, recipes=RECIPES, seeds=SEEDS)
    judged = evaluate(atlas, spec(claims, recipes=RECIPES, seeds=SEEDS))
    same = ["measure", "mode", "estimate", "low", "high", "sd", "effect", "p", "p_adjusted", "n", "family", "unit"]
    assert found.table[same].to_dict("records") == judged[same].to_dict("records")
    assert found.table["found"].tolist() == [against.WORDS[word] for word in judged["verdict"]]
    assert row(found, "adam")["found"] == "more" and set(found.table["family"]) == {4}


def test_an_effect_by_hand():
    difference = np.array([0.9, 1.0, 1.1, 1.2, 0.8, 1.0, 1.1, 0.9])
    found = row(compared({"a.x": (np.stack([NOISE[0, 0], NOISE[0, 0] - difference, NOISE[0, 0]]), PREFER)}), "adam")
    assert (found["found"], found["p"], found["unit"], found["reference"]) == ("less", 2 / 256, "nat", "sgd")
    assert found["estimate"] == pytest.approx(-1.0, rel=1e-12)
    assert found["effect"] == pytest.approx(-1 / np.std(difference, ddof=1), rel=1e-9)


def test_what_is_equal_is_not_told_apart():
    found = row(compared({"a.x": (np.stack([NOISE[0, 0]] * 3), PREFER)}), "muon")
    assert (found["found"], found["estimate"], found["p_adjusted"]) == ("not told apart", 0.0, 1.0)


def test_each_mode_is_a_family_and_other_measures_only_make_it_larger():
    one = {"a.x": (NOISE[0] + [[0], [5], [5]], PREFER)}
    two = one | {"b.y": (NOISE[1], PREFER)}
    snapshots = {"snapshots": {}, "stop": {"steps": {"steps": 10}}}
    modes = [FINAL, Mode("steps", "best", "init")]
    assert set(compared(one, **snapshots).table["family"]) == {2}
    found = compared(two, modes, **snapshots)
    assert found.table.groupby("mode")["family"].unique().map(list).to_dict() == {str(mode): [4] for mode in modes}
    assert row(compared(two), "adam")["p_adjusted"] == 2 / 256  # the least p does not depend on the number of tests
    joint = signflip(np.stack([NOISE[k, i] - NOISE[k, 0] + (k == 0) * 5 for k in (0, 1) for i in (1, 2)], axis=1))
    assert compared(two).table["p_adjusted"].tolist() == joint.p_adjusted.tolist()


def test_the_reference_is_sgd_else_the_first_else_the_one_named():
    values = {"a.x": (NOISE[0, :2], PREFER)}
    assert compared(values, recipes=("adam", "sgd")).table["reference"].tolist() == ["sgd"]
    assert compared(values, recipes=("adam", "muon")).table["reference"].tolist() == ["adam"]
    named = compared(values, recipes=("adam", "sgd"), base="adam").table
    assert named[["recipe", "reference"]].values.tolist() == [["sgd", "adam"]]


def test_a_reference_that_is_not_there_is_told_with_the_nearest():
    with pytest.raises(ClaimError, match="reference is 'adm'.*adam"):
        compared({"a.x": (NOISE[0], PREFER)}, base="adm")


def test_a_diverged_run_is_the_worst_where_there_is_an_order_and_no_test_where_there_is_none():
    status = np.zeros((3, 8))
    status[1, 2] = 1
    values = {"a.x": (NOISE[0], PREFER), "b.y": (NOISE[1], {"units": "1"})}
    found = compared(values, status=status)
    assert row(found, "adam")["flags"].startswith("diverged: 1 as worst") and row(found, "adam")["n"] == 8
    assert row(found, "adam", "b.y")["found"] == "untested"
    assert "measure has no order" in row(found, "adam", "b.y")["flags"]
    assert row(found, "muon", "b.y")["found"] != "untested" and set(found.table["family"]) == {3}


def test_values_are_those_that_were_compared():
    found = compared({"a.x": (NOISE[0], PREFER)})
    held = found.value[str(FINAL), "a.x", ""]
    assert list(held) == list(RECIPES)
    assert np.array_equal(np.stack(list(held.values())), NOISE[0])
    assert row(found, "muon")["estimate"] == (held["muon"] - held["sgd"]).mean()


@pytest.mark.parametrize(("labels", "rows"), [(against.LABELS, against.LABELS), (against.LABELS + 1, 0)])
def test_a_short_dimension_is_compared_label_by_label_and_a_long_one_is_not(labels, rows):
    atlas = small_atlas({"a.x": (NOISE[0], PREFER)}, recipes=RECIPES, seeds=SEEDS)
    data = atlas["toy/a"].to_dataset()
    layered = data.expand_dims(layer=[f"layer_{place}" for place in range(labels)]) + 0.0
    layered["x"].attrs = PREFER
    atlas["toy/a"] = xr.DataTree(layered)
    found = against.against(atlas, spec({}, recipes=RECIPES, seeds=SEEDS, probes={"a": {}}), [FINAL])
    assert len(found.table) == 2 * rows
    assert found.table["where"].tolist() == [f"layer=layer_{place}" for place in range(rows) for _ in range(2)]


def test_what_nobody_has_is_left_out():
    found = compared({"a.x": (np.full((3, 8), np.nan), PREFER), "b.y": (NOISE[1], PREFER)})
    assert set(found.table["measure"]) == {"b.y"}


def test_holm_between_tables():
    sure = compared({"a.x": (NOISE[0] + [[0], [5], [5]], PREFER)}).table
    doubtful = compared({"a.x": (NOISE[1], PREFER)}).table.assign(experiment="other")
    whole = against.between([sure, doubtful])
    smallest = [table["p_adjusted"].min() for table in (sure, doubtful)]
    assert whole.groupby("experiment", sort=False)["p_holm"].first().tolist() == holm(smallest).tolist()
    assert len(whole) == 4 and against.between([]).empty


def test_one_recipe_has_nothing_to_be_compared_with():
    assert compared({"a.x": (NOISE[0, :1], PREFER)}, recipes=("adam",)).table.empty

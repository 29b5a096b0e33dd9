"""A recipe against others on every measure: the numbers are those of a claim, the words tell the direction."""

import numpy as np
import pytest

from imprint.claims import contrasts
from imprint.claims.readings import ClaimError, Readings

EIGHT = np.array([0.9, 1.0, 1.1, 1.2, 0.8, 1.0, 1.1, 0.9])
LOSS = {"stop": {"loss": {"train_loss": 0.1, "at_most": {"epochs": 9}}}}
TRAINED = {"stop": {"steps": {"steps": 10}}}


def table(toy, *, claims=None, other=0.0, recipes=("muon", "adam"), **values):
    """Contrasts of muon with adam; each value is by how much muon's exceeds adam's."""
    arrays = {"a.x": values} if not values else {f"a.{name}": value for name, value in values.items()}
    shown = {name: (np.stack([other + value, np.full(8, other)]), {"units": "1"}) for name, value in arrays.items()}
    return contrasts.contrasts(toy.atlas(shown), toy.spec(claims or {}, probes={"a": {}}), *recipes[:1], [recipes[1]])


def test_the_numbers_are_those_of_a_claim(toy):
    found = table(toy, x=EIGHT).iloc[0]
    claim = toy.row({"greater_by": 0.0}, EIGHT)
    for name in ("estimate", "low", "high", "p", "p_adjusted", "effect", "family", "n", "verdict", "mode"):
        assert found[name] == claim[name], name
    assert (found["word"], found["verdict"], found["other"], found["measure"]) == ("higher", "supported", "adam", "a.x")


@pytest.mark.parametrize(("difference", "word"), [(EIGHT, "higher"), (-EIGHT, "lower"), (EIGHT - 1.0, "inconclusive")])
def test_words(toy, difference, word):
    assert table(toy, x=difference)["word"].tolist() == [word]


def test_only_a_declared_margin_makes_it_equivalent(toy):
    declared = {"c": {"measure": "a.x", "contrast": ["adam", "muon"], "expect": {"less_by": 1.5}}}
    assert table(toy, x=EIGHT, claims=declared)[["word", "margin"]].values.tolist() == [["equivalent", 1.5]]
    elsewhere = {"c": {**declared["c"], "measure": "a.y"}}
    assert table(toy, x=EIGHT, claims=elsewhere)[["word", "margin"]].values.tolist() == [["higher", 0.0]]


def test_a_relative_margin_makes_the_difference_relative(toy):
    declared = {"c": {"measure": "a.x", "contrast": ["adam", "muon"], "relative": True, "expect": {"greater_by": 0.1}}}
    found = table(toy, x=np.full(8, 2.0), other=4.0, claims=declared).iloc[0]
    assert found["relative"] and found["estimate"] == pytest.approx(0.5, rel=1e-14)  # 6 over 4, by logarithms


def test_all_measures_are_one_family(toy):
    found = table(toy, x=EIGHT, y=-EIGHT, z=np.array([3.0, -1.0, 2.0, -2.0, 1.0, -3.0, 0.5, -0.7]))
    assert found["family"].tolist() == [3, 3, 3]
    assert found["p_adjusted"].tolist()[:2] == [2 / 256, 2 / 256]
    assert found["low"].iloc[0] < table(toy, x=EIGHT)["low"].iloc[0], "simultaneous intervals are wider"


def test_an_unknown_recipe(toy):
    with pytest.raises(ClaimError, match="'moun', which is not there; did you mean 'muon'"):
        table(toy, x=EIGHT, recipes=("moun", "adam"))


@pytest.mark.parametrize(
    ("experiment", "found"),
    [
        (TRAINED, [("passes", "steps", "final")]),
        (LOSS, [("loss", "loss", "final")]),
        ({**TRAINED, "snapshots": {"low": {"train_loss": 0.1}, "high": {"train_loss": 1.0}}},
         [("loss", "steps", "low"), ("passes", "steps", "final")]),
        ({**LOSS, "snapshots": {"equal": {"passes": 400}}}, [("loss", "loss", "final"), ("passes", "loss", "equal")]),
        ({"stop": TRAINED["stop"] | LOSS["stop"]}, [("loss", "loss", "final"), ("passes", "steps", "final")]),
    ],
)  # fmt: skip
def test_where_something_is_matched(experiment, found):
    assert [(each.what, each.at["stop"], each.at["snapshot"]) for each in contrasts.matched(experiment)] == found


def test_recipes_that_make_more_passes_are_told(toy):
    passes = np.stack([np.full(8, 200.0), np.full(8, 100.0)])
    atlas = toy.atlas({"a.x": (np.zeros((2, 8)), {}), "training.passes": (passes, {"units": "passes"})})
    readings = Readings(atlas, toy.spec({}))
    (mode,) = readings.modes("", {})
    assert contrasts.unequal_passes(readings, mode, "muon", ["adam"]) == {"adam": (200.0, 100.0)}
    assert contrasts.unequal_passes(readings, mode, "muon", []) == {}
    passes[0] = 100.5
    atlas = toy.atlas({"training.passes": (passes, {"units": "passes"})})
    assert contrasts.unequal_passes(Readings(atlas, toy.spec({})), mode, "muon", ["adam"]) == {}


def test_nothing_to_compare(toy):
    found = contrasts.contrasts(toy.atlas({"a.x": (np.zeros((2, 8)), {})}), toy.spec({}, probes={}), "muon", ["adam"])
    assert found.empty and list(found.columns) == contrasts.COLUMNS

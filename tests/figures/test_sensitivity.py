"""Sensitivity: the numbers above a panel are those of the curves, by hand."""

import atlas_example
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from test_all_figures import drawn

from imprint.figures import sensitivity

RATES = {"sgd": [0.01, 0.1, 1.0], "adam": [0.001, 0.01, 0.1]}
CHOSEN = {"sgd": 1, "adam": 0}
SPEC = {"name": "toy", "recipes": list(RATES), "seeds": [0], "probes": {"a": {}}, "claims": {}}
SPEC |= {"stop": {"steps": {}}, "select": {"best": {"validation_loss": "min"}}}
CURVES = {"sgd": [2.0, 4.0, 8.0], "adam": [5.0, 7.0, np.nan]}


def atlas(values=CURVES, extra=None):
    """A scalar measure x over the settings, seeds 1 to either side; adam diverged at its largest rate."""
    coords = {"stop": ["steps"], "recipe": list(RATES), "setting": range(3), "seed": [1000, 1001]}
    dims = (*coords, "snapshot")
    mean = np.array([values[name] for name in RATES], float)
    final = mean[None, :, :, None] + np.array([-1.0, 1.0])
    both = np.stack([np.full_like(final, 99.0), final], -1)
    space = xr.Dataset(
        {"x": (dims, both, {"long_name": "size", "units": "1"})}, {**coords, "snapshot": ["init", "final"]}
    )
    if extra:
        space = space.expand_dims({"layer": extra}, -1) * xr.DataArray(np.arange(1.0, 1 + len(extra)), dims="layer")
        space["x"].attrs = {"long_name": "size", "units": "1"}
    status = np.zeros((1, 2, 3, 2))
    status[0, 1, 2] = 1
    search = xr.Dataset(
        {
            "validation_loss": (tuple(coords), np.zeros((1, 2, 3, 2))),
            "status": (tuple(coords), status),
            "lr": (("stop", "recipe", "setting"), np.array(list(RATES.values()))[None]),
            "chosen": (("stop", "select", "recipe"), np.array([[list(CHOSEN.values())]], float)),
        },
        {**coords, "select": ["best"]},
    )
    space["hyper.lr"] = search["lr"]
    return atlas_example.tree({"toy": {"search": search, "search_space/a": space}})


def rows(tree):
    return sensitivity.data(tree, pd.DataFrame(), SPEC).set_index(["recipe", "setting"])


def test_values_over_the_chosen_one_at_the_end():
    table = rows(atlas())
    assert table.loc["sgd", "of_chosen"].tolist() == pytest.approx([0.1, 1, 10])
    assert table.loc["adam", "of_chosen"].tolist() == pytest.approx([1, 10, 100])
    assert table.loc["sgd", ["mean", "low", "high", "n"]].to_numpy().tolist() == [
        [2, 1, 3, 2],
        [4, 3, 5, 2],
        [8, 7, 9, 2],
    ]
    assert table["chosen"].tolist() == [True, False, False, False, True, False]
    assert table.loc[("adam", 2), "diverged"] == 2 and table.loc[("adam", 2), "n"] == 0


def test_what_the_own_rate_does_by_hand():
    """A factor of 3 is 0.477 of a decade: sgd goes 0.477 * 2 down and 0.477 * 4 up, adam has no smaller rate."""
    table, share = rows(atlas()), np.log10(3)
    assert (table["scale"] == "linear").all()
    assert table.loc["sgd", "own_range"].tolist() == pytest.approx([6 * share] * 3)
    assert table.loc["adam", "own_range"].tolist() == pytest.approx([2 * share] * 3)
    assert table["difference_range"].tolist() == pytest.approx([1.0] * 6)  # 5 at adam's chosen rate, 4 at sgd's


def test_a_large_span_is_compared_by_factors():
    table, share = rows(atlas({"sgd": [2.0, 20.0, 200.0], "adam": [40.0, 400.0, np.nan]})), np.log10(3)
    assert (table["scale"] == "log").all()
    assert table.loc["sgd", "own_range"].tolist() == pytest.approx([10 ** (2 * share)] * 3)
    assert table["difference_range"].tolist() == pytest.approx([2.0] * 6)


def test_a_measure_with_labels_has_a_row_for_each_and_for_their_mean():
    table = sensitivity.data(atlas(extra=["one", "two"]), pd.DataFrame(), SPEC)
    at = table[(table["recipe"] == "sgd") & (table["setting"] == 1)].set_index("label")["mean"]
    assert at.to_dict() == {"layer=one": 4.0, "layer=two": 8.0, "mean over layer": 6.0}


@pytest.mark.parametrize(
    ("claims", "words"),
    [
        ({}, "recipes: up to 1 apart; own 1.9 to 2.9"),
        ({"c": {"measure": "a.x", "contrast": ["adam", "sgd"]}}, "adam, sgd: 1 apart; own 0.95 and 2.9"),
        ({"c": {"measure": "a.x", "contrast": ["adam", "muon"]}}, "recipes: up to 1 apart; own 1.9 to 2.9"),
        ({"c": {"measure": "a.x", "recipe": "adam"}}, "recipes: up to 1 apart; own 1.9 to 2.9"),
    ],
)
def test_the_panel_says_it(claims, words):
    _, texts, _ = drawn("sensitivity", atlas(), pd.DataFrame(), {**SPEC, "claims": claims})
    assert words in [text.get_text() for text in texts]


@pytest.mark.parametrize(
    ("value", "log", "words"),
    [(1.234, False, "1.2"), (157.2, True, "\u00d7157"), (3.2e7, True, "\u00d7$3\\cdot10^{7}$")],
)
def test_amounts_are_short(value, log, words):
    assert sensitivity.amount(value, log) == words


def test_the_claimed_label_is_shown_else_the_mean():
    claims = pd.DataFrame([{"experiment": "toy", "measure": "a.x", "where": "layer=two"}])
    tree = atlas(extra=["one", "two"])
    table = sensitivity.data(tree, claims, SPEC)
    assert sensitivity.panels(table, tree, claims, SPEC) == [("a.x", "layer=two")]
    assert sensitivity.panels(table, tree, claims.iloc[:0], SPEC) == [("a.x", "mean over layer")]


def test_a_search_that_was_not_probed_is_said():
    tree = atlas()
    bare = atlas_example.tree({"toy": {"search": tree["toy/search"].to_dataset()}})
    _, texts, _ = drawn("sensitivity", bare, pd.DataFrame(), SPEC)
    assert [text.get_text() for text in texts] == ["No solution of a search has a measure here."]

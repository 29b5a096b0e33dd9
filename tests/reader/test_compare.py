"""Comparisons: the numbers of the claims and of a calculation by hand, what is chosen, and the drawing."""

import itertools

import numpy as np
import pytest
from matplotlib.colors import to_hex

from imprint.figures import style
from imprint.reader.index import ResultsError

pytestmark = pytest.mark.slow

SAME = ["estimate", "low", "high", "sd", "effect", "p", "n", "unit"]


def values(study, group, measure, recipe, **labels):
    """Return the values of a recipe over seeds at the default place, from the atlas."""
    array = study.atlas[group][measure].isel(stop=0).sel(select="best", recipe=recipe, snapshot="final")
    return array.sel(labels).values


def test_a_comparison_is_the_claim_that_says_the_same(study):
    """The one claim of the experiment is a family of one test, so its interval is that of the row by itself."""
    (claim,) = study.claims.to_dict("records")
    assert claim["family"] == 1
    (row,) = study.compare("muon", "adam", measures="performance.test_loss", experiments="digits").table.to_dict(
        "records"
    )
    assert {key: row[key] for key in SAME} == {key: claim[key] for key in SAME}


def test_a_comparison_by_hand(study):
    labels = {"layer": "layers.0.weight"}
    found = study.compare("muon", "adam", experiments="digits", measures="effective_rank.effective_rank")
    (row,) = found.table[found.table["where"] == "layer=layers.0.weight"].to_dict("records")
    both = [values(study, "digits/effective_rank", "effective_rank", name, **labels) for name in ("muon", "adam")]
    difference = both[0] - both[1]
    assert len(difference) == row["n"] == row["seeds"] == 6
    # one sum of six
    assert row["estimate"] == pytest.approx(difference.mean(), rel=1e-14)
    assert row["effect"] == pytest.approx(difference.mean() / difference.std(ddof=1), rel=1e-13)
    signs = np.array(list(itertools.product([1, -1], repeat=6)))
    means = np.abs((signs * difference).mean(1))
    assert row["p"] == (means >= np.abs(difference.mean()) * (1 - 1e-12)).mean()
    own = found.differences[found.differences["where"] == "layer=layers.0.weight"]
    assert own["seed"].tolist() == study.experiments.loc["digits", "seeds"]
    assert np.array_equal(own["difference"], difference)


def test_the_interval_agrees_with_p_and_the_joint_test_is_stricter(study):
    table = study.compare("muon", "adam").table
    decided = table["p"] <= 0.1
    assert (decided == ((table["low"] > 0) | (table["high"] < 0))).all()
    assert decided.any() and not decided.all()
    assert (table["p_adjusted"] >= table["p"]).all()
    sizes = table.groupby("experiment").size()
    assert table["family"].tolist() == sizes[table["experiment"]].tolist()


def test_turned_round_it_is_the_negative(study):
    one, other = (study.compare(*pair, experiments="digits").table for pair in (("muon", "adam"), ("adam", "muon")))
    assert np.array_equal(one["estimate"], -other["estimate"], equal_nan=True)
    assert np.allclose(one["low"], -other["high"], rtol=1e-12, atol=0, equal_nan=True)


def test_a_row_for_each_measure_and_label(study):
    table = study.compare("muon", "adam", experiments="digits").table
    layers = table[table["probe"] == "effective_rank"]
    assert sorted(set(layers["where"])) == ["layer=layers.0.weight", "layer=layers.1.weight"]
    assert set(table["probe"]) == {"performance", "sparsity", "effective_rank"}
    assert not table.duplicated(["experiment", "probe", "measure", "where", "stop", "select", "snapshot"]).any()
    better = table.set_index("measure")["better"]
    assert (better["test_loss"], better["test_accuracy"], better["hoyer"]) == ("low", "high", "")


def test_experiments_of_several_tasks_are_named_whole_or_apart(study):
    whole = study.compare("muon", "adam", experiments="pairs").table
    assert whole["experiment"].unique().tolist() == ["pairs.wide", "pairs.narrow"]
    apart = study.compare("muon", "adam", experiments=["pairs.narrow"]).table
    assert apart.equals(whole[whole["experiment"] == "pairs.narrow"].reset_index(drop=True))


def test_places_that_only_some_experiments_have(study):
    table = study.compare("muon", "adam", at={"snapshot": "matched_loss"}).table
    assert table["experiment"].unique().tolist() == ["digits"]
    assert table[["stop", "select", "snapshot"]].drop_duplicates().values.tolist() == [
        ["steps", "best", "matched_loss"]
    ]


def test_several_places_are_compared_side_by_side(study):
    at = [{"stop": "steps"}, {"stop": "loss"}]
    table = study.compare("muon", "adam", at, experiments="digits", measures="performance.test_loss").table
    assert table["stop"].tolist() == ["steps", "loss"] and table["family"].tolist() == [2, 2]


def test_a_diverged_recipe_counts_as_the_worst_as_in_claims(study):
    table = study.compare("burst", "adam", measures="performance.test_loss").table
    assert table["experiment"].tolist() == ["pairs.wide", "pairs.narrow"]
    assert table["flags"].str.contains("diverged: 6 as worst").all()


def test_what_no_replica_reached_is_a_row_that_says_so(study):
    (row,) = study.compare(
        "muon", "adam", at={"snapshot": "never"}, experiments="pairs.wide", measures="performance.test_loss"
    ).table.to_dict("records")
    assert row["n"] == 0 and np.isnan(row["estimate"]) and np.isnan(row["p"])
    assert "reached: 0 of 6 pairs" in row["flags"]


def test_measures_of_the_training_are_compared_where_they_are_named(study):
    table = study.compare("muon", "adam", experiments="digits", measures="training.path_length").table
    assert table[["probe", "measure"]].values.tolist() == [["training", "path_length"]]


@pytest.mark.parametrize(
    ("arguments", "more", "message"),
    [
        (("muon", "adma"), {}, "there is no recipe 'adma'; did you mean 'adam'"),
        (("moun", "adam"), {}, "there is no recipe 'moun'; did you mean 'muon'"),
        (("muon", "adam"), {"experiments": "digit"}, "there is no experiment 'digit'; did you mean 'digits'"),
        (
            ("muon", "burst"),
            {"experiments": "digits"},
            "digits: none has both recipes; .*; burst is in pairs.wide, pairs",
        ),
        (("muon", "adam"), {"measures": "performance.loss"}, "there is no measure 'performance.loss'; did you mean"),
        (("muon", "adam"), {"measures": ["sparsity", "hesian"]}, "there is no measure 'hesian'"),
        (("muon", "adam"), {"at": {"snap": "final"}}, "at: there is no key 'snap'; did you mean 'snapshot'"),
        (
            ("muon", "adam"),
            {"at": {"snapshot": "matched"}},
            "at: there is no snapshot 'matched'; did you mean 'matched_loss'",
        ),
        (("muon", "adam"), {"at": [{}, {"stop": "step"}]}, "at: there is no stop 'step'; did you mean 'steps'"),
        (
            ("muon", "adam"),
            {"at": {"stop": "loss", "snapshot": "never"}},
            "none of digits, pairs.wide, pairs.narrow has these labels together",
        ),
    ],
)
def test_what_is_not_there_names_the_nearest(study, arguments, more, message):
    with pytest.raises(ResultsError, match=message):
        study.compare(*arguments, **more)


def test_a_comparison_shows_itself(study):
    found = study.compare("muon", "adam", experiments="digits", measures="performance.test_loss")
    assert repr(found) == f"muon - adam\n{found.table!r}"
    assert "<table" in found._repr_html_() and "muon &minus; adam" in found._repr_html_()


# ------------------------------------------------------------------- drawing


def drawn(figure):
    """Return label, place, colour, and whether it is filled, of each mean that a figure shows."""
    found = []
    for ax in figure.axes:
        labels = [tick.get_text() for tick in ax.get_yticklabels()]
        means = [line for line in ax.get_lines() if line.get_marker() == "o" and len(line.get_xdata()) == 1]
        for line in means:
            filled = line.get_markerfacecolor() == line.get_color()
            place = line.get_xdata()[0], to_hex(line.get_color()), filled
            found.append((labels[int(line.get_ydata()[0])], *place))
    return found


def test_marks_are_the_effects_in_the_colour_of_the_larger_recipe(study):
    found = study.compare("muon", "adam")
    marks = drawn(found.plot(most=1000))
    colours = {True: style.recipe("muon")[0], False: style.recipe("adam")[0]}
    expected = []
    for row in found.table[np.isfinite(found.table["effect"])].itertuples():
        label = f"{row.probe}.{row.measure}" + (f", {row.where}" if row.where else "")
        colour = style.BLANK if row.low <= 0 <= row.high else colours[row.low > 0]
        expected.append((label, row.effect, colour, row.p_adjusted <= 0.1))
    assert sorted(marks) == sorted(expected)
    assert {colour for _, _, colour, _ in marks} == {*colours.values(), style.BLANK}
    assert {filled for _, _, _, filled in marks} == {True, False}


def test_the_largest_effects_are_drawn(study):
    found = study.compare("muon", "adam")
    effects = found.table["effect"].abs()
    largest = effects[np.isfinite(effects)].nlargest(3)
    assert sorted(abs(place) for _, place, _, _ in drawn(found.plot(most=3))) == sorted(largest)


def test_where_nothing_varies_the_figure_says_so(study):
    found = study.compare("muon", "adam", at={"snapshot": "never"}, experiments="pairs.wide")
    (text,) = found.plot().texts
    assert text.get_text() == "No difference that varies from seed to seed."

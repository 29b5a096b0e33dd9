"""The figure of the multiverse shows the verdict and the estimate of every choice, and marks what is turned round."""

from typing import get_args

import pytest
from matplotlib.patches import Rectangle
from test_all_figures import drawn

from imprint.claims.multiverse import judge
from imprint.figures import multiverse, style
from imprint.report.multiverse import WORDS
from imprint.schema import Choice


@pytest.fixture(scope="module")
def shown(study):
    """The table, the figure and its texts."""
    atlas, claims, specs = study
    experiments = list(specs.values())
    return multiverse.data(atlas, claims, experiments), *drawn("multiverse", atlas, claims, experiments)[:2]


def test_it_shows_the_table_of_the_claims(study, shown):
    atlas, claims, specs = study
    assert shown[0].equals(judge(atlas, claims, list(specs.values())))
    assert set(shown[0]["choice"]) == set(multiverse.ORDER) and set(shown[0]["experiment"]) == {"digits"}


def test_a_mark_for_every_verdict_and_a_dash_for_what_is_not_there(shown):
    table, figure, texts = shown
    rows = len(table.drop_duplicates(["claim", "mode"]))
    marks = [line.get_marker() for line in figure.axes[0].lines if len(line.get_xdata()) == 1]
    expected = [style.VERDICTS[verdict][1] for verdict in table["verdict"]]
    assert sorted(marks) == sorted(expected)
    dashes = [text for text in texts if text.get_text() == "–" and text.get_ha() == "center"]
    assert len(dashes) == rows * len(multiverse.ORDER) - len(table) > 0


def test_what_is_turned_round_is_outlined(shown):
    table, figure, _ = shown
    frames = [patch for patch in figure.axes[0].patches if isinstance(patch, Rectangle)]
    assert len(frames) == table["turned"].sum() > 0
    planted = table[table["turned"] & (table["claim"] == "muon_has_higher_rank")]
    assert set(planted["choice"]) == {"half_batch"} and (planted["estimate"] < 0).all()


def test_parts_that_are_the_same_in_all_rows_are_not_named(shown):
    words = [text.get_text() for text in shown[2]]
    assert "muon has higher rank\nmuon − adam · final" in words
    assert "half batch\n5 seeds" in words and "declared\n8 seeds" in words
    assert not any("best" in word or "steps" in word.replace("matched steps", "") for word in words)


def test_a_study_without_a_multiverse_says_so(study):
    atlas, claims, specs = study
    plain = [{key: value for key, value in spec.items() if key != "multiverse"} for spec in specs.values()]
    _, texts, _ = drawn("multiverse", atlas, claims, plain)
    assert [text.get_text() for text in texts] == ["No contrast is judged under other choices."]


def test_a_long_label_is_cut():
    assert multiverse.shortened("a" * 44) == "a" * 44
    assert multiverse.shortened("a b" * 30) == ("a b" * 30)[:43].rstrip() + "…"


def test_every_choice_that_can_be_declared_has_its_column_and_its_words():
    declared = ("declared", "chosen", *get_args(Choice))
    assert declared == multiverse.ORDER == tuple(WORDS)

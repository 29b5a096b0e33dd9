"""What the page says of the multiverse: that it is exploration, how often verdicts stay, and where they are turned."""

import pandas as pd
import pytest

from imprint.claims.multiverse import COLUMNS, judge
from imprint.figures import multiverse as figure
from imprint.figures import render
from imprint.report import build, finding
from imprint.report.multiverse import grid, section
from tests.report.test_report import PROVENANCE, Page


def row(choice, verdict, estimate=0.2, claim="c", mode="steps/best/final"):
    found = dict.fromkeys(COLUMNS, "") | {"experiment": "toy", "claim": claim, "mode": mode, "choice": choice}
    numbers = {"estimate": estimate, "low": estimate - 0.1, "high": estimate + 0.1, "pairs_declared": 5}
    named = {"says": "More of it.", "recipes": "muon - adam", "unit": "1", "verdict": verdict}
    return found | numbers | named


@pytest.fixture(scope="module")
def written(study, tmp_path_factory):
    """Text of the report of the example study with its multiverse."""
    folder = tmp_path_factory.mktemp("multiverse")
    atlas, claims, specs = study
    experiments = list(specs.values())
    svg, png, csv = (folder / f"multiverse.{end}" for end in ("svg", "png", "csv"))
    render.render("multiverse", atlas, claims, experiments, svg, png, csv)
    drawn = {"name": "multiverse", "experiment": "", "title": figure.TITLE, "caption": figure.CAPTION, "svg": svg}
    table = judge(atlas, claims, experiments)
    build.build(atlas, claims, experiments, [drawn], PROVENANCE, folder / "report.html", (), table)
    return (folder / "report.html").read_text(encoding="utf-8"), table


def test_the_page_is_whole(written):
    page = Page(written[0])
    assert page.problems == [] and page.unnamed == []
    assert set(page.targets) <= set(page.ids) and "multiverse" in page.targets
    assert all(after - before <= 1 for before, after in zip(page.headings, page.headings[1:], strict=False))


def test_it_says_that_it_is_exploration_and_what_the_family_is(written):
    text, table = written
    again = table[table["choice"] != "declared"]
    assert "<b>Exploration.</b>" in text and "The verdicts above stay as they are" in text
    assert "Each choice is a family of its own" in text and "nothing is adjusted for the number of choices" in text
    assert f"of {len(again)} verdicts are the declared one" in text
    assert "4 contrasts were judged again" in text and "on 5 tuning seeds" in text


def test_the_figure_is_in_its_own_section_alone(written):
    text = written[0]
    assert text.count('id="figure-multiverse"') == 1
    assert text.index('id="multiverse"') < text.index('id="figure-multiverse"') < text.index('id="controls"')


def test_the_verdicts_of_the_claims_are_the_same_with_it(study, written, tmp_path):
    atlas, claims, specs = study
    build.build(atlas, claims, list(specs.values()), [], PROVENANCE, tmp_path / "a.html")
    plain = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert Page(plain).cells == Page(written[0]).cells
    assert 'id="multiverse"' not in plain and "Under other choices" not in plain


def test_a_sentence_for_a_claim_that_is_turned_round():
    rows = [
        row("declared", "supported"),
        row("chosen", "inconclusive", 0.05),
        row("half_batch", "contradicted", -0.3),
        row("default", "contradicted", -0.5),
        row("declared", "supported", claim="steady"),
        row("below", "supported", claim="steady"),
        row("above", "untested", claim="steady"),
    ]
    found = section(pd.DataFrame(rows))
    assert (found["claims"], found["tests"], found["kept"], found["seeds"]) == (2, 5, 1, [5])
    assert found["turned"] == [
        "More of it. muon − adam, steps · final: supported as declared (0.2 [0.1, 0.3]); contradicted with half the "
        "batch (−0.3 [−0.4, −0.2]), at the default of the optimizer's class (−0.5 [−0.6, −0.4])."
    ]


def test_choices_that_contradict_one_another_are_told_where_the_claim_itself_decides_nothing():
    rows = [row("declared", "equivalent"), row("below", "contradicted", -0.3), row("above", "supported", 0.3)]
    (words,) = section(pd.DataFrame(rows))["turned"]
    assert "equivalent as declared (0.2 [0.1, 0.3]); contradicted at the next lower setting" in words


def test_each_mode_is_told_by_itself():
    rows = [row("declared", "supported"), row("declared", "contradicted", -0.2, mode="steps/best/early")]
    assert section(pd.DataFrame(rows))["turned"] == []


@pytest.mark.parametrize("table", [None, pd.DataFrame(columns=list(COLUMNS))])
def test_without_a_multiverse_there_is_nothing_to_say(table):
    assert section(table) == {"tests": 0}


def test_a_page_has_a_row_for_each_mode_and_a_dash_for_what_changes_nothing(study):
    declared, below = row("declared", "supported"), row("below", "contradicted", -0.2) | {"turned": True}
    other = row("declared", "supported", mode="loss/best/final")
    untested = row("half_batch", "untested", mode="loss/best/final")
    table = pd.DataFrame([declared, below, other, untested])
    assert grid(table) == [
        ["statement", "recipes", "mode", "declared", "below", "half batch"],
        ["More of it.", "muon − adam", "steps · best · final", "supported 0.2", "**contradicted** −0.2", "–"],
        ["More of it.", "muon − adam", "loss · best · final", "supported 0.2", "–", "untested"],
    ]
    experiment = next(iter(study[2].values()))
    claims = study[1][study[1]["experiment"] == experiment["name"]]
    text = finding.page("core", [experiment], claims, [], "", "", table)
    assert "## Under other choices" in text
    for line in grid(table):
        assert f"| {' | '.join(line)} |" in text.splitlines()
    assert "|---|---|---|---|---|---|" in text.splitlines()
    assert "other choices" not in finding.page("core", [experiment], claims, [], "", "")

"""The page of one experiment: every verdict once, protocol, deviations, cost; and the index of pages."""

import json
import os
from pathlib import Path

import pytest

from imprint.claims import table
from imprint.commands import findings
from imprint.report import finding


@pytest.fixture
def slabs(study):
    """The example's slabs: resolved experiment and verdicts."""
    _, claims, experiments = study
    return experiments["slabs"], claims[claims["experiment"] == "slabs"]


def rows(page):
    return [line for line in page.splitlines() if line.startswith("| ") and "**" in line]


def test_every_verdict_is_there_once(slabs):
    experiment, claims = slabs
    page = finding.page("core", [experiment], claims, [], "slabs.png", "What is read.")
    assert page.startswith(f"# {experiment['title']}\n")
    assert len(rows(page)) == len(claims)
    for verdict, count in claims["verdict"].value_counts().items():
        assert sum(f"**{verdict}**" in row for row in rows(page)) == count
    assert "![What is read.](slabs.png)" in page
    assert "None is known." in page
    assert "make study STUDY=core ONLY=slabs" in page


def test_all_rows_have_the_columns_of_their_heading(slabs):
    experiment, claims = slabs
    for parts in ([experiment], [{**experiment, "name": "slabs.a"}, {**experiment, "name": "slabs.b"}]):
        own = claims.assign(experiment=parts[0]["name"])
        lines = finding.page("core.slabs", parts, own, [], "slabs.png", "").splitlines()
        heading = next(line for line in lines if line.startswith("| statement"))
        assert {row.count("|") for row in rows("\n".join(lines))} == {heading.count("|")}


def test_a_claim_that_came_after_its_measurements_is_marked(slabs):
    experiment, claims = slabs
    late = claims["claim"] == claims["claim"].iloc[0]
    page = finding.page("core", [experiment], claims.assign(post_hoc=late), [], "slabs.png", "")
    assert sum(", post hoc" in row for row in rows(page)) == late.sum() > 0
    assert "(post hoc: 1 statement)" in page
    assert "post hoc" not in finding.page("core", [experiment], claims, [], "slabs.png", "")


def test_the_commit_of_each_statement_where_it_is_known(slabs):
    experiment, claims = slabs
    first = claims["claim"].iloc[0]
    known = claims.assign(commit=["0123456789 2026-01-02" if name == first else "" for name in claims["claim"]])
    page = finding.page("core", [experiment], known, [], "slabs.png", "")
    assert f"in git: {first} since `0123456789 2026-01-02`." in page
    assert "in git" not in finding.page("core", [experiment], claims, [], "slabs.png", "")


def test_modes_that_disagree_are_named(slabs):
    experiment, claims = slabs
    (row,) = claims.head(1).to_dict("records")
    two = table.frame(
        [
            row | {"mode": "steps/best/final", "verdict": "supported"},
            row | {"mode": "steps/best/matched_loss", "verdict": "inconclusive"},
        ]
    )
    page = finding.page("core", [experiment], two, [], "slabs.png", "")
    told = "supported at steps · best · final; inconclusive at steps · best · matched loss"
    assert "### Where the comparison modes disagree" in page and told in page
    same = two.assign(verdict="supported")
    assert "disagree" not in finding.page("core", [experiment], same, [], "slabs.png", "")


def test_power_is_told(slabs):
    experiment, claims = slabs
    own = claims.assign(detectable=0.25, n_needed=23.0, unit="nat", expect="greater_by 0.1")
    page = finding.page("core", [experiment], own, [], "slabs.png", "")
    assert all("| finds 0.25 nat, d needs n = 23 |" in row for row in rows(page))


def test_tasks_are_told_apart(slabs):
    experiment, claims = slabs
    parts = [{**experiment, "name": f"slabs.{key}", "title": f"{experiment['title']} ({key})"} for key in ("a", "b")]
    page = finding.page("core", parts, claims.assign(experiment="slabs.b"), [], "slabs.png", "")
    assert page.startswith(f"# {experiment['title']}\n")
    assert "\n### a\n" in page and "\n### b\n" in page
    assert all("| b |" in row for row in rows(page))


def test_deviations_and_cost(slabs):
    experiment, claims = slabs
    told = {**experiment, "deviations": ["5,000 steps instead of 50,000, for time."]}
    jobs = [finding.TimedJob("search", 100.0, 100.0), finding.TimedJob("train", 110.0, 27.0)]
    page = finding.page("core", [told], claims, jobs, "slabs.png", "")
    assert "- 5,000 steps instead of 50,000, for time." in page
    assert "Wall time 1 min 50 s; 2 min 7 s of one core: search 1 min 40 s, train 27 s." in page


def test_a_job_is_timed_by_its_last_run(tmp_path):
    for stage, unit, seconds in (("train", "a-1", 3), ("probe", "c-3", 0.5)):
        file = tmp_path / stage / f"{unit}.jsonl"
        file.parent.mkdir()
        file.write_text(json.dumps({"s": 99}) + "\n" + json.dumps({"s": seconds}) + "\n")
        os.utime(file, (1000, 1000))
    stores = [Path(f"results/store/{name}.zarr.zip") for name in ("train/a-1", "probe/c-3", "probe/gone-5")]
    assert finding.timed(stores, tmp_path) == [
        finding.TimedJob("train", 1000.0, 3.0),
        finding.TimedJob("probe", 1000.0, 0.5),
    ]


def test_wall_time_leaves_out_pauses_and_counts_what_ran_side_by_side_once():
    def jobs(*spans):
        return [finding.TimedJob("train", end, end - start) for start, end in spans]

    assert finding.elapsed(jobs((0, 10), (5, 12), (2, 3))) == 12
    assert finding.elapsed(jobs((0, 10), (11, 20))) == 20  # a job of no concern to the page lay between
    assert finding.elapsed(jobs((5000, 5010), (0, 10))) == 20
    assert finding.elapsed(jobs((0, 100), (10, 20), (101, 102))) == 102


def test_the_index_counts_verdicts_and_names_every_claim(slabs, tmp_path):
    _, claims = slabs
    table.write(claims, tmp_path / "slabs.csv")
    text = findings.index(tmp_path)
    literature = claims[claims["kind"] == "claim"]
    counts = [str((literature["verdict"] == verdict).sum()) for verdict in findings.board.VERDICTS]
    controls = claims[claims["kind"] == "control"]
    out = (controls["verdict"] == "supported").sum()
    assert f"| [slabs](slabs.md) | {' | '.join(counts)} | {out} of {len(controls)} |" in text
    for says in literature["says"].unique():
        assert f"| [slabs](slabs.md) | {says} |" in text

"""The register in the study that really runs: written before any job, told in every product, cause of no job."""

import csv
import json
import re

import pytest

pytestmark = pytest.mark.slow

IMAGES = "experiments/images.yaml"
ADDED = """\
  adam_loses:
    says: Adam is less accurate.
    source: seen in the table
    measure: performance.test_accuracy
    contrast: [adam, sgd]
    expect: {less_by: 0.01}
    at: {stop: early}
"""


def lines(project) -> list[dict]:
    return [json.loads(line) for line in (project / "results/register.jsonl").read_text().splitlines()]


def table(project) -> dict[str, dict]:
    with open(project / "results/tiny/claims.csv", newline="") as handle:
        return {row["claim"]: row for row in csv.DictReader(handle)}


def test_the_first_run_registers_before_it_measures(finished):
    found = lines(finished)
    assert [line["name"] for line in found] == ["images.learned", "images.same_accuracy", "lines.wide"]
    assert all(line["measured"] == [] and line["measurements"] and not line["post_hoc"] for line in found)
    rows = table(finished)
    assert {row["post_hoc"] for row in rows.values()} == {"False"}
    assert {row["hash"] for row in rows.values()} == {line["claim"] for line in found}
    assert "ost hoc" not in (finished / "results/tiny/report.html").read_text()


def test_a_claim_added_later_is_post_hoc_everywhere_and_a_label_changes_nothing(project):
    before = (project / "results/register.jsonl").read_bytes()
    project.replace(IMAGES, "says: Both reach the same accuracy.", "says: They are equally accurate.")
    project.append(IMAGES, ADDED)
    jobs = project.jobs()
    assert not {"train", "search", "probe", "gather"} & set(jobs)
    assert (project / "results/register.jsonl").read_bytes() == before, "a dry run writes nothing"

    project.study()
    assert (project / "results/register.jsonl").read_bytes().startswith(before)
    (line,) = lines(project)[3:]
    assert (line["name"], line["post_hoc"], line["measurements"]) == ("images.adam_loses", True, 2)
    assert {claim for claim, row in table(project).items() if row["post_hoc"] == "True"} == {"adam_loses"}
    report = (project / "results/tiny/report.html").read_text()
    assert report.count("<b>Post hoc.</b>") == 1 and "1 of the 2 claims is <b>post hoc</b>" in report
    page = (project / "results/tiny/findings/images.md").read_text()
    assert [row for row in page.splitlines() if ", post hoc" in row and row.startswith("| Adam is less accurate. |")]
    assert project.jobs() == {}


def test_a_broken_register_stops_the_run_and_is_left_as_it_is(project):
    file = project / "results/register.jsonl"
    file.write_text("broken\n" + file.read_text())
    broken = file.read_bytes()
    project.append(IMAGES, ADDED)
    done = project.imprint("study")
    assert done.returncode == 1
    assert re.search(r"register\.jsonl: line 1 is no line of a register", done.stdout)
    assert file.read_bytes() == broken

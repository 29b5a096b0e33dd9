"""What is left to make of a plan, where files are there or not."""

import sys
from pathlib import Path

import pytest

from imprint import plan
from imprint.outstanding import outstanding

sys.path.insert(0, str(Path(__file__).parent))
import study_example  # noqa: E402


@pytest.fixture
def project(tmp_path):
    return study_example.Project(tmp_path / "study")


def counts(units):
    return {stage: len(of_stage) for stage, of_stage in units.items() if of_stage}


def touch(root, *files):
    for file in files:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).touch()


@pytest.fixture
def complete(project):
    """A plan of which every file is there, empty."""
    made = project.plan()
    touch(project.root, *plan.published(made))
    for units in made.units.values():
        for unit in units.values():
            touch(project.root, *plan.files(unit))
    return made


def test_everything_is_to_run_where_nothing_is_there(project):
    made = project.plan()
    assert counts(outstanding(made, project.root)) == counts(made.units)


def test_nothing_is_to_run_where_all_is_there(project, complete):
    assert counts(outstanding(complete, project.root)) == {}


def test_what_is_there_is_not_to_run(project):
    made = project.plan()
    there = next(iter(made.units["probe"].values()))
    touch(project.root, there.path, *(unit.path for role in there.inputs.values() for unit in role))
    missing = outstanding(made, project.root)
    assert there.path not in [unit.path for unit in missing["probe"]]
    assert len(missing["probe"]) == len(made.units["probe"]) - 1


@pytest.mark.parametrize("stage", ["data", "search", "train", "probe", "gather", "claims"])
def test_what_nothing_needs_is_not_to_run(project, complete, stage):
    (project.root / next(iter(complete.units[stage].values())).path).unlink()
    assert counts(outstanding(complete, project.root)) == {}


@pytest.mark.parametrize("name", ["report.html", "claims.csv", "index.csv"])
def test_what_is_asked_for_is_to_run(project, complete, name):
    (project.root / "results" / "quick" / name).unlink()
    assert counts(outstanding(complete, project.root)) == {"publish": 1}


def test_what_reads_a_file_that_was_not_there_is_to_run(project, complete):
    for path in (complete.final.path, next(iter(complete.units["gather"].values())).path):
        (project.root / path).unlink()
    figures = len(complete.units["figure"])
    expected = {"gather": 1, "claims": 1, "figure": figures, "report": 1, "publish": 1}
    assert counts(outstanding(complete, project.root)) == expected, "pages read the figures, which are there"


def test_what_a_target_needs_is_to_run(project, complete):
    (claims,), (gather,) = (complete.units[stage].values() for stage in ("claims", "gather"))
    figure = next(iter(complete.units["figure"].values()))
    for path in (claims.path, gather.path, figure.path, complete.final.path):
        (project.root / path).unlink()
    assert counts(outstanding(complete, project.root, ["-n", claims.path])) == {"gather": 1, "claims": 1}
    assert counts(outstanding(complete, project.root, [gather.path])) == {"gather": 1}
    assert outstanding(complete, project.root, ["--cores", "2"]) == outstanding(complete, project.root)


@pytest.mark.parametrize("suffix", [".svg", ".png", ".csv"])
def test_a_part_of_a_figure_that_is_not_there(project, complete, suffix):
    (finding,) = complete.units["finding"].values()
    (figure,) = finding.inputs["figures"]
    (project.root / figure.path).with_suffix(suffix).unlink()
    (project.root / complete.final.path).unlink()
    assert counts(outstanding(complete, project.root)) == {"figure": 1, "finding": 1, "report": 1, "publish": 1}

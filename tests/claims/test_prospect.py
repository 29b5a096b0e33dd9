"""What is said of a study's tests before it runs: their number is that of the table, their power that of its rows."""

import sys
from pathlib import Path

import numpy as np
import pytest

from imprint.claims import prospect
from imprint.claims.power import detectable, needed

sys.path.insert(0, str(Path(__file__).parents[1]))
import study_example  # noqa: E402


@pytest.fixture
def project(tmp_path):
    project = study_example.Project(tmp_path / "study")
    project.toy["seeds"] = ["0-7"]
    return project


def test_a_line_for_each_family(project):
    claims, controls = prospect.prospect(project.load())
    assert claims == (
        "toy, claims: 8 seeds, 1 test: smallest adjusted p 0.0078; "
        f"{detectable(8):.2f} standard deviations are found with probability 0.8"
    )
    assert controls.startswith("toy, controls: 8 seeds, 3 tests")  # one for each recipe


def test_with_too_few_seeds_nothing_can_be_found(project):
    project.toy["seeds"] = ["0-2"]
    project.claim["sd"] = 0.1
    claims, claim, _ = prospect.prospect(project.load())
    assert claims.endswith("no effect can be found") and claim.endswith("finds nothing (sd 0.1, declared)")


@pytest.mark.parametrize(
    ("more", "tests"),
    [
        ({}, 1),
        ({"expect": {"within": [0.1, 0.2]}}, 2),
        ({"at": [{"snapshot": "early"}, {"snapshot": "final"}]}, 2),
        ({"contrast": None, "recipe": "all", "expect": {"at_most": 1}}, 3),
        ({"contrast": None, "recipe": ["adam", "sgd"], "expect": {"within": [0, 1]}}, 4),
        ({"contrast": None, "recipe": "all", "follows": "order", "expect": {"at_least": 0.5}}, 1),
    ],
)
def test_tests_of_a_claim(project, more, tests):
    del project.toy["claims"]["solved"]
    project.claim.update(more)
    for key in [key for key, value in project.claim.items() if value is None]:
        del project.claim[key]
    experiment = project.load().experiments["toy"]
    assert prospect.tests_of(experiment.claims["adam_is_better"], experiment) == tests


def test_tasks_of_an_experiment_are_one_family(project):
    project.toy["tasks"] = {"few": {"task": {"limit": 50}}, "many": {}}
    project.claim["task"] = "many"
    project.toy["claims"]["solved"]["task"] = "all"
    lines = prospect.prospect(project.load())
    assert [line.split(":")[0] for line in lines] == ["toy, claims", "toy, controls"]
    assert "6 tests" in lines[1]


def test_a_declared_deviation_gives_units(project):
    project.claim["sd"] = 0.05
    line = prospect.prospect(project.load())[1]
    assert line == (
        f"  adam_is_better: finds {0.05 * detectable(8):.3g} (sd 0.05, declared); 0.1 needs {needed(2.0):.0f} seeds"
    )
    project.claim.update(relative=True)
    line = prospect.prospect(project.load())[1]
    assert f"finds {np.expm1(0.05 * detectable(8)):.3g} " in line

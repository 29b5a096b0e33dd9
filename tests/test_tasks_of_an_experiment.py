"""An experiment of several tasks: one part each, one family of claims."""

import sys
from pathlib import Path

import pytest

from imprint.errors import StudyError
from imprint.plan import resolve

sys.path.insert(0, str(Path(__file__).parent))
import study_example  # noqa: E402


@pytest.fixture
def project(tmp_path):
    """A toy experiment with two tasks."""
    project = study_example.Project(tmp_path)
    project.toy["tasks"] = {
        "few": {"task": {"limit": 50}, "probes": ["performance"]},
        "many": {"stop": {"steps": {"epochs": 3}}, "recipes": ["adam", "sgd"]},
    }
    project.claim["task"] = "many"
    project.toy["claims"]["solved"]["task"] = "all"
    return project


def test_each_task_is_laid_over_the_experiment(project):
    few, many = project.load().experiments.values()
    assert list(project.load().experiments) == ["toy.few", "toy.many"]
    assert few.task.options == {"limit": 50} and many.task.options == {"limit": 100}
    assert few.recipes == ["sgd", "adam", "plain"] and many.recipes == ["adam", "sgd"]
    assert few.stop["steps"].epochs == 2 and many.stop["steps"].epochs == 3
    assert list(few.probe_options) == ["performance"]


def test_a_claim_belongs_to_the_tasks_it_names(project):
    few, many = project.load().experiments.values()
    assert list(few.claims) == ["solved"]
    assert list(many.claims) == ["adam_is_better", "solved"]
    project.claim["task"] = ["many", "few"]
    assert list(project.load().experiments["toy.few"].claims) == ["adam_is_better", "solved"]


def test_parts_are_named_after_their_tasks(project):
    few = resolve("toy.few", project.load().experiments["toy.few"])
    assert few["name"] == "toy.few"
    assert few["title"] == "A toy? (few)"
    labels = {unit.label for unit in project.plan().units["train"].values()}
    assert {"toy.few sgd seeds 0-1", "toy.many adam seeds 2"} <= labels


def test_a_tier_reaches_into_a_task(project):
    project.toy["tiers"] = {"quick": {"tasks": {"few": {"task": {"limit": 60}}}}}
    assert project.load().experiments["toy.few"].task.options == {"limit": 60}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda toy: toy["claims"]["solved"].pop("task"), r"toy\.yaml: claims\.solved\.task: None is no task"),
        (
            lambda toy: toy["claims"]["solved"].update(task="mny"),
            r"claims\.solved\.task: 'mny' is no task; did you mean 'many'",
        ),
        (lambda toy: toy["tasks"]["few"].update(seeds=[3]), r"tasks\.few: 'seeds' is common to all tasks"),
        (lambda toy: toy["tasks"].update({"a.b": {}}), r"tasks: 'a\.b' is no name"),
        (lambda toy: toy["tasks"]["few"].update(probes=["performanc"]), r"toy\.yaml: task few: probes: .*performance"),
        (lambda toy: toy.pop("tasks"), r"claims\.adam_is_better\.task: 'many' is no task"),
    ],
)
def test_what_does_not_fit_is_refused(project, change, message):
    change(project.toy)
    with pytest.raises(StudyError, match=message):
        project.load()


def test_one_experiment_of_a_study(project):
    project.experiments["other"] = {k: v for k, v in project.toy.items() if k != "tasks"}
    project.experiments["other"]["claims"] = {}
    study = project.load("quick.toy")
    assert study.name == "quick.toy"
    assert list(study.experiments) == ["toy.few", "toy.many"]
    assert project.load(".other").name == "quick.other"
    with pytest.raises(StudyError, match="'toi' is not one of its experiments; did you mean 'toy'"):
        project.load("quick.toi")


def test_results_of_one_experiment_are_those_of_the_whole_study(project):
    project.experiments["other"] = dict(project.experiments["toy"], evaluate_every=6)
    whole, one = project.plan(), project.plan("quick.toy")
    for stage in ("search", "train", "probe"):
        assert set(one.units[stage]) < set(whole.units[stage])


def test_snapshots_by_lists(project):
    project.toy["snapshots"] = {"path": {"step": [5, 10]}, "low": {"train_loss": [0.5, 1]}, "early": {"step": 3}}
    rules = project.load().experiments["toy.few"].snapshots
    assert {name: rule.model_dump(exclude_none=True) for name, rule in rules.items()} == {
        "path_5": {"step": 5},
        "path_10": {"step": 10},
        "low_0_5": {"train_loss": 0.5},
        "low_1": {"train_loss": 1.0},
        "early": {"step": 3},
    }


def test_a_page_shows_the_figure_that_its_experiment_names(project):
    (page,) = project.plan().units["finding"].values()
    assert [unit.spec["experiment"] for unit in page.inputs["figures"]] == ["toy.few"]
    project.toy["tasks"]["many"]["figure"] = "learning_curves"
    (page,) = project.plan().units["finding"].values()
    (figure,) = page.inputs["figures"]
    assert (figure.spec["experiment"], figure.spec["figure"]) == ("toy.many", "learning_curves")
    project.toy["tasks"]["many"]["figure"] = "learning_curve"
    with pytest.raises(StudyError, match="'learning_curve' is not drawn; did you mean 'learning_curves'"):
        project.plan()


def compared(**more):
    claim = {"says": "More data help.", "source": "declared here", "measure": "performance.test_loss", "recipe": "sgd"}
    return {**claim, "between": ["many", "few"], "expect": {"less_by": 0.1}, **more}


def test_a_claim_may_compare_two_tasks(project):
    project.toy["claims"]["more"] = compared()
    few, many = project.load().experiments.values()
    assert "more" in many.claims and "more" not in few.claims
    assert many.claims["more"].between == ["many", "few"] and many.claims["more"].differs


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"between": ["many", "fewer"]}, "claims.more.between: 'fewer' is no task; did you mean 'few'"),
        ({"between": ["many", "many"]}, "claims.more: between is .*; give two tasks"),
        ({"between": ["many"]}, "claims.more: between is .*; give two tasks"),
        (
            {"recipe": None, "contrast": ["sgd", "adam"]},
            "claims.more: between compares a recipe's networks in two tasks",
        ),
        (
            {"between": ["few", "many"], "recipe": "plain"},
            "claims.more, task many: recipe 'plain' is not in this exper",
        ),
        ({"measure": "activation_rank.rank"}, "claims.more: measure 'activation_rank.rank' is of no declared probe"),
    ],
)
def test_a_comparison_of_tasks_that_cannot_be(project, more, message):
    project.toy["claims"]["more"] = {key: value for key, value in compared(**more).items() if value is not None}
    with pytest.raises(StudyError, match=message):
        project.load()

"""Which claims are the same claim: what is stated counts, labels and what it costs do not."""

import sys
from pathlib import Path

import pytest

from imprint import code_version, plan, preregistration

sys.path.insert(0, str(Path(__file__).parent))
import study_example  # noqa: E402

TWO = {
    "few": {"task": {"limit": 50}},
    "many": {},
}


@pytest.fixture
def project(tmp_path):
    project = study_example.Project(tmp_path / "study")
    project.claim["at"] = {"snapshot": "early"}
    return project


def hashes(project):
    """Hash of each claim by its key."""
    return {claim["key"]: claim["claim"] for claim in plan.declared(project.load())}


def says(project):
    project.claim.update(says="Adam wins.", source="another paper", sd=0.02)


def claim_name(project):
    project.toy["claims"]["adam_is_better"] = project.toy["claims"].pop("adam_is_better")


def experiment_name(project):
    project.toy.update(title="Another title?", question="Another question?")
    project.experiments["game"] = project.experiments.pop("toy")


def names_of_rules(project):
    toy = project.experiments["toy"]
    toy["stop"] = {"length": toy["stop"]["steps"]}
    toy["select"] = {"chosen": toy["select"]["best"]}
    toy["snapshots"] = {"soon": {"step": 5}}
    toy["claims"]["adam_is_better"]["at"] = {"snapshot": "soon"}


def default_written_out(project):
    project.claim.update(kind="claim", relative=False, at={"snapshot": "early", "stop": "steps", "select": "best"})


def respelled(project):
    project.claim["expect"] = {"greater_by": 1e-1}


def seeds(project):
    project.toy["seeds"] = ["0-9"]


def budget(project):
    project.toy["search"] = {"settings": 5, "seeds": 1}


def other_claim(project):
    project.toy["claims"]["more"] = project.claim | {"measure": "performance.test_loss"}


def recipe_beside(project):
    project.recipes["mine"] = {"update": "torch.optim:NAdam", "hyper": {"lr": 0.1}}
    project.toy["recipes"] = [*project.toy["recipes"], "mine"]


SAME = [
    says, claim_name, experiment_name, names_of_rules, default_written_out, respelled, seeds, budget, other_claim,
    recipe_beside,
]  # fmt: skip


@pytest.mark.parametrize("change", SAME, ids=lambda change: change.__name__)
def test_the_same_claim(project, change):
    before = hashes(project)
    change(project)
    after = hashes(project)
    assert {key: after[key] for key in before} == before


def measure(project):
    project.claim["measure"] = "performance.test_loss"


def contrast(project):
    project.claim["contrast"] = ["adam", "plain"]


def contrast_turned(project):
    project.claim["contrast"] = ["sgd", "adam"]


def expect(project):
    project.claim["expect"] = {"greater_by": 0.2}


def direction(project):
    project.claim["expect"] = {"less_by": 0.1}


def mode(project):
    project.claim["at"] = {"snapshot": "final"}


def mode_more(project):
    project.claim["at"] = [{"snapshot": "early"}, {"snapshot": "final"}]


def requires(project):
    project.claim["requires"] = {"performance.train_accuracy": {"at_least": 0.9}}


def kind(project):
    project.claim["kind"] = "control"


def relative(project):
    project.claim["relative"] = True


def snapshot_rule(project):
    project.toy["snapshots"]["early"] = {"step": 6}


def stop_rule(project):
    project.toy["stop"]["steps"] = {"epochs": 3}


def select_rule(project):
    project.toy["select"]["best"] = {"learning_accuracy": "max"}


def task(project):
    project.toy["task"]["limit"] = 200


def model(project):
    project.toy["task"]["model"]["hidden"] = [16]


OTHER = [
    measure, contrast, contrast_turned, expect, direction, mode, mode_more, requires, kind, relative, snapshot_rule,
    stop_rule, select_rule, task, model,
]  # fmt: skip


@pytest.mark.parametrize("change", OTHER, ids=lambda change: change.__name__)
def test_another_claim(project, change):
    before = hashes(project)["adam_is_better"]
    change(project)
    assert hashes(project)["adam_is_better"] != before


def test_an_option_of_the_probe_is_part_of_the_claim(project):
    project.toy["probes"] = {"performance": {}, "sparsity": {}}
    project.claim["measure"] = "sparsity.hoyer"
    project.toy["claims"].pop("solved")
    before = hashes(project)
    project.toy["probes"]["sparsity"] = {"threshold": 0.2}
    assert hashes(project) != before


def test_all_claims_of_a_study_differ(project):
    found = hashes(project)
    assert len(set(found.values())) == len(found) == 2


def test_a_claim_about_every_task_is_one_per_task(project):
    project.toy["tasks"] = TWO
    project.claim["task"] = project.toy["claims"]["solved"]["task"] = "all"
    claims = plan.declared(project.load())
    assert [claim["name"] for claim in claims] == [
        "toy.few.adam_is_better", "toy.few.solved", "toy.many.adam_is_better", "toy.many.solved",
    ]  # fmt: skip
    assert len({claim["claim"] for claim in claims}) == 4


def test_a_claim_between_tasks_is_about_both(project):
    project.toy["tasks"] = {key: dict(change) for key, change in TWO.items()}
    project.claim.update(between=["few", "many"], recipe="adam")
    del project.claim["contrast"]
    project.toy["claims"]["solved"]["task"] = "few"
    before = hashes(project)["adam_is_better"]
    (claim,) = (each for each in plan.declared(project.load()) if each["key"] == "adam_is_better")
    assert claim["sides"] == [[("toy.few", "adam")], [("toy.many", "adam")]]
    project.toy["tasks"]["many"] = {"task": {"limit": 60}}
    assert hashes(project)["adam_is_better"] != before


def test_sides_of_a_contrast_and_of_a_value(project):
    project.claim["contrast"] = [["adam", "plain"], "sgd"]
    contrast, value = plan.declared(project.load())
    assert contrast["sides"] == [[("toy", "adam"), ("toy", "plain")], [("toy", "sgd")]]
    assert value["sides"] == [[("toy", "sgd"), ("toy", "adam"), ("toy", "plain")]]
    assert (contrast["probes"], contrast["stops"], contrast["seeds"]) == (["performance"], ["steps"], 3)


def subjects(project):
    """Subject of each probe unit by its label."""
    return {unit.label: preregistration.subject(unit) for unit in project.plan().units["probe"].values()}


def test_a_measurement_is_the_same_by_other_code_and_on_other_seeds(project, monkeypatch):
    before = subjects(project)
    assert before["toy adam seeds 0-1: performance"] == before["toy adam seeds 2: performance"]
    assert len(set(before.values())) == 3 * 2  # recipes x probes
    real = code_version.version

    def other_code(*given):
        found = real(*given)
        return {**found, "sources": dict.fromkeys(found["sources"], "00000000")}

    monkeypatch.setattr(code_version, "version", other_code)
    assert subjects(project) == before


@pytest.mark.parametrize("change", [stop_rule, task, model, select_rule], ids=lambda change: change.__name__)
def test_a_measurement_of_something_else(project, change):
    before = subjects(project)
    change(project)
    after = subjects(project)
    chosen = change is select_rule  # "plain" has no search
    assert {label.split()[1] for label in before if before[label] != after[label]} == (
        {"sgd", "adam"} if chosen else {"sgd", "adam", "plain"}
    )


def test_a_measurement_is_the_same_on_another_machine(project):
    before = subjects(project)
    project.config["device"] = "cuda"
    project.toy["task"]["block"] = 2
    assert subjects(project) == before


def test_more_seeds_leave_what_looks_across_recipes_the_same(project):
    project.toy["probes"] = {"performance": {}, "agreement": {}}
    before = subjects(project)
    project.toy["seeds"] = [*project.toy["seeds"], "3-4"]
    after = subjects(project)
    assert {label: after[label] for label in before} == before and len(after) > len(before)

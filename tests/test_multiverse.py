"""What the choices of other analysts take: planned for contrasts of the literature alone, beside everything else."""

import sys
from pathlib import Path

import pytest

from imprint import multiverse, plan, plugins
from imprint.errors import StudyError
from imprint.schema import Multiverse
from imprint.stages import vary

sys.path.insert(0, str(Path(__file__).parent))
import study_example  # noqa: E402

ROOT = Path(__file__).parents[1]
TRAINED = ("data", "recipe", "search", "select", "train")


@pytest.fixture
def project(tmp_path):
    """The toy experiment with a multiverse; its contrast is of two of its three recipes."""
    found = study_example.Project(tmp_path / "study")
    found.toy["multiverse"] = {"seeds": 3}
    return found


def without(project):
    del project.toy["multiverse"]
    return project.plan()


def entries(made):
    return [entry for entry in made.entries if entry.kind == "multiverse"]


def rank(contrast, **more):
    """A claim on another probe than that of the toy's own."""
    claim = {"says": "x", "source": "x", "measure": "activation_rank.effective_rank", "where": {"layer": "hidden_1"}}
    return {**claim, "contrast": contrast, "expect": {"greater_by": 0.1}, **more}


def test_units_exist_for_recipes_and_probes_of_contrasts_alone(project):
    made = project.plan()
    assert len(made.units["vary"]) == 2 and len(made.units["multiverse"]) == 1
    assert [(e.recipe, e.probe, e.seeds) for e in entries(made)] == [
        ("sgd", "", (1000, 1001, 1002)),
        ("sgd", "performance", (1000, 1001, 1002)),
        ("adam", "", (1000, 1001, 1002)),
        ("adam", "performance", (1000, 1001, 1002)),
    ]
    for unit in made.units["vary"].values():
        assert set(unit.inputs) == {"data", "recipe", "select"}
        assert unit.inputs["select"][0].name in made.units["select"]
        assert unit.spec["batch_size"] == 32 and unit.spec["choices"] == sorted(Multiverse().choices)
    probes = [entry.unit for entry in entries(made) if entry.probe]
    assert all(probe.inputs["train"][0].stage == "vary" for probe in probes)
    assert all(made.units["probe"][probe.name] is probe for probe in probes)


def test_nothing_else_is_trained_or_measured_again(project):
    made, plain = project.plan(), without(project)
    for stage in TRAINED:
        assert set(made.units[stage]) - set(plain.units[stage]) <= {
            unit.name for varied in made.units["vary"].values() for unit in varied.inputs["data"]
        }
    assert set(plain.units["probe"]) <= set(made.units["probe"])
    assert {stage for stage in made.units if stage not in plain.units} == {"vary", "multiverse"}
    assert "multiverse" not in {unit.spec["figure"] for unit in plain.units["figure"].values()}
    assert all("multiverse" not in str(unit.spec.get("code")) for unit in made.units["train"].values())


def test_each_recipe_gets_the_probes_of_its_own_claims(project):
    project.toy["claims"]["rank"] = rank(["plain", "adam"], requires={"performance.train_loss": {"at_most": 9.0}})
    made = project.plan()
    found = {
        name: [e.probe for e in entries(made) if e.recipe == name and e.probe] for name in ("sgd", "adam", "plain")
    }
    assert found == {
        "sgd": ["performance"],
        "adam": ["activation_rank", "performance"],
        "plain": ["activation_rank", "performance"],
    }
    (plain,) = [entry.unit for entry in entries(made) if entry.recipe == "plain" and not entry.probe]
    assert set(plain.inputs) == {"data", "recipe"}


def test_claims_that_are_named_are_judged_alone(project):
    project.toy["claims"]["rank"] = rank(["plain", "adam"])
    project.toy["multiverse"]["claims"] = ["rank"]
    made = project.plan()
    assert {(entry.recipe, entry.probe) for entry in entries(made) if entry.probe} == {
        ("plain", "activation_rank"),
        ("adam", "activation_rank"),
    }
    assert plan.frozen(made)["experiments"]["toy"]["multiverse"]["claims"] == ["rank"]


def test_only_the_stops_at_which_something_is_claimed(project):
    project.toy["stop"]["longer"] = {"epochs": 3}
    assert {entry.stop for entry in entries(project.plan())} == {"steps"}
    project.claim["at"] = [{"stop": "steps"}, {"stop": "longer"}]
    assert {entry.stop for entry in entries(project.plan())} == {"steps", "longer"}


def test_controls_values_and_probes_that_cannot_be_are_left_out(project):
    project.toy["probes"] += ["agreement", "edge"]
    value = rank(None, recipe="plain", expect={"at_least": 1.0})
    project.toy["claims"] |= {
        "instrument": rank(["plain", "adam"], kind="control"),
        "value": {key: part for key, part in value.items() if key != "contrast"},
        "across": rank(["plain", "adam"], measure="agreement.agreement", where={}),
        "reads": rank(["plain", "sgd"], requires={"edge.curvature": {"at_most": 9.0}}),
    }
    assert list(multiverse.claims(project.load().experiments["toy"])) == ["adam_is_better"]
    assert {entry.recipe for entry in entries(project.plan())} == {"sgd", "adam"}


def test_a_probe_that_reads_how_its_solution_was_trained_says_so():
    """A solution of several batch sizes has no one spec: such a probe would read a wrong one."""
    for name, file in plugins.catalogue("probes").items():
        reads = 'attrs["spec"]' in file.read_text(encoding="utf-8")
        literals = plugins.find("probes", name).literals
        assert reads == bool(literals.get("RECIPE")) or literals.get("ACROSS"), name


def test_every_choice_is_known_to_the_stage():
    known = {vary.CHOSEN, "below", "above", "default", "no_decay", *vary.BATCHES}
    assert {vary.CHOSEN, *Multiverse().choices} == known


def test_the_order_of_choices_trains_nothing_again(project):
    project.toy["multiverse"]["choices"] = ["below", "half_batch"]
    one = project.plan()
    project.toy["multiverse"]["choices"] = ["half_batch", "below"]
    other = project.plan()
    assert set(one.units["vary"]) == set(other.units["vary"])
    assert set(one.units["gather"]) != set(other.units["gather"]), "they are gathered in their order"


@pytest.mark.parametrize("change", [{"seeds": 4}, {"choices": ["default"]}])
def test_a_change_of_the_multiverse_trains_only_that_again(project, change):
    one = project.plan()
    project.toy["multiverse"] |= change
    other = project.plan()
    assert not set(one.units["vary"]) & set(other.units["vary"])
    for stage in TRAINED[1:]:
        assert set(one.units[stage]) == set(other.units[stage])


def test_what_claims_and_report_read(project):
    made = project.plan()
    resolved = plan.frozen(made)["experiments"]["toy"]["multiverse"]
    assert resolved == {"seeds": 3, "choices": Multiverse().choices, "claims": ["adam_is_better"]}
    study, arranged = made.units["plan"].values()
    assert arranged.spec["experiments"]["toy"]["choices"] == Multiverse().choices
    assert plan.frozen_for(made, next(iter(made.units["multiverse"].values()))) is study
    (unit,) = made.units["multiverse"].values()
    assert unit.path.endswith(".csv") and set(unit.inputs) == {"atlas", "claims"}
    assert made.final.inputs["multiverse"] == [unit]


def test_measurements_of_other_choices_do_not_make_a_claim_post_hoc(project):
    places = plan.places(project.plan())
    assert {place["subject"] for place in places if place["kind"] == "multiverse"} == {""}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda toy: toy["multiverse"].update(seed=5), "multiverse.seed: unknown key; did you mean 'seeds'"),
        (lambda toy: toy["multiverse"].update(seeds=0), "multiverse.seeds: .*greater than or equal to 1"),
        (lambda toy: toy["multiverse"].update(choices=["half"]), "multiverse.choices.0: .*'half_batch'.*found 'half'"),
        (lambda toy: toy["multiverse"].update(choices=[]), "multiverse.choices: .*at least 1"),
        (
            lambda toy: toy["multiverse"].update(choices=["below", "below"]),
            r"multiverse.choices: \['below'\] are given twice",
        ),
        (
            lambda toy: toy["claims"].pop("adam_is_better"),
            r"multiverse: there is no such claim; leave multiverse out \(a contrast of two recipes",
        ),
        (
            lambda toy: toy["multiverse"].update(claims=["solved"]),
            r"multiverse.claims: 'solved' is no such claim \(a contrast of two recipes, kind claim",
        ),
    ],
)
def test_what_cannot_be_is_refused(project, change, message):
    change(project.toy)
    with pytest.raises(StudyError, match=rf"toy\.yaml: {message}"):
        project.load()


def test_too_few_tuning_seeds_for_any_verdict_are_refused(project):
    project.config["studies"]["quick"]["pilot"] = False
    project.toy["seeds"] = ["0-4"]
    with pytest.raises(StudyError, match=r"multiverse\.seeds: 3 paired seeds give p >= 0\.25"):
        project.load()
    project.toy["multiverse"] = {}
    assert project.load().experiments["toy"].multiverse.seeds == 5


def test_the_tasks_of_an_experiment_have_one(project):
    project.toy["tasks"] = {"many": {}, "few": {"task": {"limit": 60}, "multiverse": {"seeds": 4}}}
    project.toy["claims"] = {"adam_is_better": {**project.claim, "task": "many"}}
    with pytest.raises(StudyError, match=r"tasks\.few: 'multiverse' is common to all tasks"):
        project.load()
    del project.toy["tasks"]["few"]["multiverse"]
    study = project.load()
    assert list(multiverse.claims(study.experiments["toy.many"])) == ["adam_is_better"]
    assert multiverse.cells(study.experiments["toy.few"]) == {}
    assert {entry.experiment for entry in entries(project.plan())} == {"toy.many"}


@pytest.mark.parametrize(("study", "few"), [("quick", True), ("core", False)])
def test_digits_declares_one(study, few):
    digits = plan.load(ROOT, f"{study}.digits").experiments["digits"]
    contrasts = {name for name, claim in digits.claims.items() if claim.contrast}
    assert (set(multiverse.claims(digits)) < contrasts) is few
    assert few or set(multiverse.claims(digits)) == contrasts

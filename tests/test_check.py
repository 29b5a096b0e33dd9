"""Cross-checks: every name that one file uses exists in another."""

import sys
from pathlib import Path

import pytest

from imprint.errors import StudyError
from imprint.study import load

sys.path.insert(0, str(Path(__file__).parent))
import study_example  # noqa: E402


@pytest.fixture
def project(tmp_path):
    return study_example.Project(tmp_path / "study")


def refused(project, match):
    with pytest.raises(StudyError, match=r"experiments/toy\.yaml: " + match):
        project.load()


# ------------------------------------------------------ sources, recipe and task


def test_unknown_source(project):
    project.toy["sources"] = ["robbins1951", "kingma2014"]
    refused(project, "sources: 'kingma2014' is not in references.bib; did you mean 'kingma2015'")


def test_known_sources(project):
    project.toy["sources"] = ["robbins1951", "kingma2015"]
    assert project.load().experiments["toy"].sources == ["robbins1951", "kingma2015"]


def test_no_references(project):
    (project.write() / "references.bib").unlink()
    with pytest.raises(StudyError, match=r"references\.bib: no such file"):
        load(project.root)


def test_unknown_recipe(project):
    project.toy["recipes"].append("admw")
    project.recipes["adamw"] = dict(project.recipes["adam"])
    refused(project, r"recipes: 'admw' is not in recipes\.yaml; did you mean 'adamw'")


@pytest.mark.parametrize("searched", ["lr", "weight_decay"])
def test_a_search_space_without_a_budget(project, searched):
    project.recipes["sgd"].update(hyper={} if searched == "lr" else {"lr": 0.1}, search={searched: [0.01, 1.0]})
    project.toy["recipes"] = ["sgd", "plain"]
    project.toy["claims"] = {}
    del project.toy["search"], project.toy["select"]
    refused(project, "recipes: 'sgd' has a search space, but the experiment declares no search budget")


def test_a_recipe_with_neither_rate_nor_search(project):
    project.recipes["plain"] = {"update": "torch.optim:SGD"}
    refused(project, "recipes: 'plain'.*lr")


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"update": "moun"}, "did you mean 'muon'"),
        ({"decay": {"name": "decopled", "weight_decay": 0.1}}, "did you mean 'decoupled'"),
        ({"schedule": {"name": "inverse_square"}}, "did you mean 'inverse_sqrt'"),
    ],
)
def test_a_recipe_whose_part_does_not_exist(project, change, word):
    project.recipes["plain"] |= change
    with pytest.raises(StudyError, match=rf"plain.*{word}"):
        project.plan()


def test_unknown_task(project):
    project.toy["task"]["name"] = "clasification"
    refused(project, "task: no task is named 'clasification'; did you mean 'classification'")


def test_unknown_option_of_a_task(project):
    project.toy["task"]["limt"] = 3
    refused(project, "task: task 'classification' takes no 'limt'; did you mean 'limit'")


def test_the_seed_is_no_option_of_a_task(project):
    project.toy["task"] = {"name": "slabs", "seed": 3, "model": {"name": "mlp"}, "batch_size": 8}
    refused(project, "task: task 'slabs' takes no 'seed'")


def test_a_model_without_a_name(project):
    project.toy["task"]["model"] = {"hidden": [8]}
    refused(project, r"task\.model: a model needs a name")


def test_unknown_model(project):
    project.toy["task"]["model"]["name"] = "mpl"
    refused(project, r"task\.model: no model is named 'mpl'; did you mean 'mlp'")


def test_unknown_option_of_a_model(project):
    project.toy["task"]["model"]["hiden"] = [8]
    refused(project, r"task\.model: model 'mlp' takes no 'hiden'; did you mean 'hidden'")


# ------------------------------------------------------------ probe and select


def test_unknown_probe(project):
    project.toy["probes"].append("hesian")
    refused(project, "probes: no probe is named 'hesian'; did you mean 'hessian'")


def test_unknown_option_of_a_probe(project):
    project.toy["probes"] = {"performance": {"bins": 3}, "activation_rank": {}}
    refused(project, "probes: probe 'performance' takes no 'bins'")


@pytest.mark.parametrize(
    ("probe", "view"), [("accuracy_matrix", "stages"), ("randomized_blocks", "blocks"), ("class_cosine", None)]
)
def test_a_view_that_the_task_lacks(project, probe, view):
    project.toy["probes"].append(probe)
    if view is None:
        assert probe in project.load().experiments["toy"].probes
        return
    refused(
        project,
        rf"probes: '{probe}' needs the view '{view}', which task 'classification' does not give .it gives none.; "
        "take the probe out or choose another task",
    )


def test_the_views_that_a_task_gives_are_named(project):
    project.toy["task"] |= {"name": "slabs", "slabs": 5}
    del project.toy["task"]["limit"]
    project.toy["probes"].append("accuracy_matrix")
    refused(project, ".*which task 'slabs' does not give .it gives blocks.")


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({"validation_los": "min"}, r"select\.best: .*validation_los.*names no metric; did you mean 'validation_loss'"),
        ({"test_accuracy": "max"}, r"select\.best: .*test_accuracy.*names no metric"),
        ({"within": 0.1}, r"select\.best: \[\] names no metric"),
        ({"validation_loss": "min", "learning_accuracy": "max"}, r"select\.best: .* names no metric"),
        ({"validation_loss": "least"}, r"select\.best\.validation_loss: 'least' is not 'min', 'max' or a number"),
        ({"validation_loss": 0.3}, r"select\.best: a number needs 'within'"),
        (
            {"validation_loss": "min", "within": 0.1},
            r"select\.best: a number needs 'within', and 'min' or 'max' has none",
        ),
    ],
)
def test_select_rules(project, rule, message):
    project.toy["select"]["best"] = rule
    refused(project, message)


def test_a_target_with_its_tolerance_is_a_rule(project):
    project.toy["select"]["matched"] = {"learning_accuracy": 0.9, "within": 0.01}
    assert list(project.load().experiments["toy"].select) == ["best", "matched"]


def test_search_without_select(project):
    project.toy["select"] = {}
    refused(project, r"select: a search needs a rule that selects, such as \{best: \{validation_loss: min\}\}")


# ----------------------------------------------------------------------- claims


@pytest.mark.parametrize(
    ("measure", "hint"),
    [
        ("performance.test_acuracy", "did you mean 'performance.test_accuracy'"),
        ("performance.acc", "did you mean|allowed"),
        ("hessian.top_eigenvalue", "did you mean|allowed"),
    ],
)
def test_unknown_measure(project, measure, hint):
    project.claim["measure"] = measure
    refused(project, rf"claims\.adam_is_better: measure '{measure}' is of no declared probe; ({hint})")


def test_unknown_measure_in_requires(project):
    project.claim["requires"] = {"performance.train_acuracy": {"at_least": 0.9}}
    refused(
        project, r"claims\.adam_is_better: measure 'performance.train_acuracy' is of no declared probe; did you mean"
    )


def test_unknown_dimension(project):
    project.claim.update(measure="activation_rank.effective_rank", where={"layr": "hidden_1"})
    refused(project, r"claims\.adam_is_better\.where: .* has no dimension 'layr'; did you mean 'layer'")


def test_a_dimension_where_there_is_none(project):
    project.claim["where"] = {"layer": "hidden_1"}
    refused(project, r".*\.where: 'performance.test_accuracy' has no dimension 'layer'; nothing is allowed here")


def test_a_dimension_left_open(project):
    project.claim["measure"] = "activation_rank.effective_rank"
    refused(project, r".*\.where: 'activation_rank.effective_rank' has a dimension 'layer'; say which label is meant")


def test_a_precondition_with_a_dimension(project):
    project.claim["requires"] = {"activation_rank.effective_rank": {"at_least": 1.0}}
    refused(
        project, r"claims\.adam_is_better\.requires: 'activation_rank.effective_rank' has dimensions; take a measure"
    )


@pytest.mark.parametrize("contrast", [["adan", "sgd"], ["sgd", "adan"], [["sgd", "adan"], "plain"]])
def test_unknown_recipe_in_a_contrast(project, contrast):
    project.claim["contrast"] = contrast
    refused(project, r"claims\.adam_is_better: recipe 'adan' is not in this experiment; did you mean 'adam'")


@pytest.mark.parametrize("recipe", ["adan", ["sgd", "adan"]])
def test_unknown_recipe_of_a_value(project, recipe):
    project.toy["claims"]["solved"]["recipe"] = recipe
    refused(project, r"claims\.solved: recipe 'adan' is not in this experiment; did you mean 'adam'")


def test_a_contrast_with_all(project):
    project.claim["contrast"] = ["all", "sgd"]
    refused(project, r"claims\.adam_is_better: .*'all'")


def test_a_contrast_of_lists(project):
    project.claim["contrast"] = [["adam", "plain"], ["sgd"]]
    assert project.load().experiments["toy"].claims["adam_is_better"].contrast == [["adam", "plain"], ["sgd"]]


@pytest.mark.parametrize(
    ("at", "message"),
    [
        ({"snapshots": "final"}, r"at: 'snapshots' is unknown; did you mean 'snapshot'"),
        ({"snapshot": "erly"}, r"at\.snapshot: 'erly' is not declared; did you mean 'early'"),
        ({"stop": "step"}, r"at\.stop: 'step' is not declared; did you mean 'steps'"),
        ({"select": "bst"}, r"at\.select: 'bst' is not declared; did you mean 'best'"),
        ([{"snapshot": "early"}, {"select": "zzz"}], r"at\.select: 'zzz' is not declared; allowed: best, fixed"),
    ],
)
def test_unknown_mode(project, at, message):
    project.claim["at"] = at
    refused(project, rf"claims\.adam_is_better\.{message}")


@pytest.mark.parametrize("at", [{"select": "fixed"}, {"snapshot": "init"}, {"stop": "steps", "select": "best"}])
def test_known_mode(project, at):
    project.claim["at"] = at
    assert project.load().experiments["toy"].claims["adam_is_better"].modes == [at]


def test_a_task_of_a_sequence_where_there_is_none(project):
    project.claim["at"] = {"snapshot": "task_1"}
    refused(project, r"claims\.adam_is_better\.at\.snapshot: 'task_1'")


def test_a_task_of_a_sequence(project):
    project.toy["task"] |= {"name": "split_classes", "pairs": [[0, 1], [2, 3]]}
    del project.toy["task"]["limit"]
    project.claim["at"] = {"snapshot": "task_1"}
    assert project.load().experiments["toy"].claims["adam_is_better"].modes == [{"snapshot": "task_1"}]


@pytest.mark.parametrize("name", ["init", "final", "task_1"])
def test_a_snapshot_with_the_name_of_another(project, name):
    project.toy["snapshots"] = {name: {"step": 3}}
    refused(project, rf"snapshots.*'?{name}'?")


def test_two_claims_on_the_same(project):
    project.toy["claims"]["again"] = dict(project.claim, says="Once more.", expect={"greater_by": 0.2})
    refused(project, r"claims\.again: same measure, contrast and mode as 'adam_is_better'; keep one")


def test_two_value_claims_on_the_same(project):
    project.toy["claims"]["again"] = dict(project.toy["claims"]["solved"])
    refused(project, r"claims\.again: same measure, contrast and mode as 'solved'; keep one")


@pytest.mark.parametrize(
    "other",
    [
        {"measure": "performance.test_loss"},
        {"contrast": ["sgd", "adam"]},
        {"contrast": ["adam", "plain"]},
        {"at": {"snapshot": "early"}},
        {"measure": "activation_rank.effective_rank", "where": {"layer": "hidden_1"}},
    ],
)
def test_two_claims_that_differ(project, other):
    project.toy["claims"]["again"] = project.claim | other
    assert len(project.load().experiments["toy"].claims) == 3


def test_one_label_of_a_dimension_each(project):
    claim = project.claim | {"measure": "activation_rank.effective_rank"}
    project.toy["claims"] = {layer: claim | {"where": {"layer": layer}} for layer in ("hidden_1", "hidden_2")}
    assert len(project.load().experiments["toy"].claims) == 2
    project.toy["claims"]["again"] = dict(project.toy["claims"]["hidden_2"])
    refused(project, r"claims\.again: same measure")


# ------------------------------------------------------- correlations over recipes


def correlation(**more):
    claim = {"says": "It follows.", "source": "declared here", "measure": "performance.test_loss", "recipe": "all"}
    return {**claim, "follows": {"measure": "performance.train_loss"}, "expect": {"at_least": 0.5}, **more}


def test_a_measure_may_follow_another_or_an_order(project):
    project.toy["claims"]["follows"] = correlation()
    project.toy["claims"]["ordered"] = correlation(follows="order")
    two = [{"measure": "performance.train_loss"}, {"measure": "performance.train_accuracy"}]
    project.toy["claims"]["closer"] = correlation(follows=two, expect={"greater_by": 0.1})
    claims = project.load().experiments["toy"].claims
    assert [len(claims[name].followed) for name in ("follows", "ordered", "closer")] == [1, 0, 2]
    assert [claims[name].differs for name in ("follows", "ordered", "closer")] == [False, False, True]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"recipe": ["sgd", "adam"]}, "follows is a correlation over recipes; 2 are too few, give at least 3"),
        ({"recipe": None, "contrast": ["sgd", "adam"]}, "follows is a correlation over recipes; give recipe:"),
        ({"relative": True}, "follows is a correlation over recipes; give recipe:"),
        ({"follows": [{"measure": "a.b"}] * 3}, "follows names 3 measures; it has one, or two that are compared"),
        ({"expect": {"greater_by": 0.5}}, "expect is .*; give exactly one of"),
        (
            {"follows": {"measure": "performance.los"}},
            "measure 'performance.los' is of no declared probe; did you mean",
        ),
        ({"follows": {"measure": "activation_rank.effective_rank"}}, "follows.where: .* has a dimension 'layer'"),
    ],
)
def test_a_correlation_that_cannot_be(project, more, message):
    project.toy["claims"]["follows"] = {key: value for key, value in correlation(**more).items() if value is not None}
    refused(project, rf"claims\.follows.*{message}")


# ------------------------------------------------------------------ enough seeds


def test_seeds_that_can_decide_nothing_are_refused(project):
    project.config["studies"]["quick"]["pilot"] = False
    project.toy["seeds"] = ["0-3"]
    refused(
        project,
        r"seeds: 4 paired seeds give p >= 0\.125, and a verdict needs p <= 0\.1 .*at least 5 seeds, or `pilot: true`",
    )
    project.toy["seeds"] = ["0-3", 4]
    assert project.load().experiments["toy"].claims


def test_a_pilot_and_a_study_without_claims_may_have_few_seeds(project):
    assert project.load().pilot
    project.config["studies"]["quick"]["pilot"] = False
    project.toy["claims"] = {}
    assert not project.load().pilot


@pytest.mark.parametrize("sd", [0.0, -1.0])
def test_a_declared_deviation_is_positive(project, sd):
    project.claim["sd"] = sd
    with pytest.raises(StudyError, match=r"claims\.adam_is_better\.sd: .*greater than 0"):
        project.load()


# --------------------------------------------------------- the probes of a search


@pytest.mark.parametrize(
    ("probes", "message"),
    [
        (["sparsity"], "'sparsity' is not one of this experiment's probes; allowed: activation_rank"),
        (["performanc"], "'performanc' is not one of this experiment's probes; did you mean 'performance'"),
        (["connectivity"], "'connectivity' looks across recipes, whose searches have different settings; take it out"),
        (["example_forgetting"], "'example_forgetting' needs snapshots on the way, and a search keeps the ends"),
        (["edge"], "'edge' needs .*; the optimizer's state, which a search does not keep; take it out"),
        (["performance", "performance"], "'performance' is given twice; keep one"),
    ],
)
def test_probes_of_the_search_that_are_refused(project, probes, message):
    project.toy["probes"] += ["connectivity", "edge", "example_forgetting"]
    project.toy["search"]["probes"] = probes
    refused(project, rf"search\.probes: {message}")


def test_a_search_that_none_of_the_probes_can_measure(project):
    project.toy["probes"], project.toy["claims"] = ["connectivity"], {}
    project.toy["search"]["probes"] = "all"
    refused(project, r"search\.probes: all of this experiment's probes need what a search lacks")


@pytest.mark.parametrize("probes", [[], "some", True])
def test_what_probes_of_a_search_may_be(project, probes):
    project.toy["search"]["probes"] = probes
    with pytest.raises(StudyError, match=r"experiments/toy\.yaml: search\.probes"):
        project.load()


# ------------------------------------------------------ the pool of the calibration

POOL = {
    "task": {"name": "classification", "model": {"name": "mlp"}, "batch_size": 32},
    "recipe": "plain",
    "stop": {"epochs": 1},
    "evaluate_every": 5,
    "seeds": ["0-63"],
    "measures": ["performance.test_loss"],
}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"recipe": "sgd"}, "recipe: 'sgd' has a search space; the replicas of a pool have one rate, in hyper"),
        ({"recipe": "plan"}, r"recipes: 'plan' is not in recipes.yaml; did you mean 'plain'"),
        (
            {"measures": ["performance.tost_loss"]},
            "'performance.tost_loss' is of no probe; did you mean 'performance.te",
        ),
        ({"measures": ["kurtosis.kurtosis"]}, "'kurtosis.kurtosis' has dimensions; take a measure with one value"),
        ({"measures": ["agreement.agreement"]}, "'agreement' looks across recipes, of which a pool has one"),
        ({"measures": ["performance.test_loss"] * 2}, r"measures \['performance.test_loss'\] are given twice"),
        ({"seeds": ["0-31"]}, "32 seeds are too few to draw from; give at least 64"),
        ({"seeds": ["0-63", 5]}, r"seeds \[5\] are given twice"),
        ({"claims": {}}, "claims: unknown key; allowed: evaluate_every, measures"),
    ],
)
def test_pools_that_are_refused(project, change, message):
    project.config["calibration"] = {**POOL, **change}
    with pytest.raises(StudyError, match=rf"config\.yaml: calibration.*{message}"):
        project.load()


def test_a_pool(project):
    project.config["calibration"] = POOL
    assert project.load().calibration.experiment.probe_options == {"performance": {}}

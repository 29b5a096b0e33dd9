"""The typed model of a study: what is read, and what is refused with file, key and the nearest allowed name."""

import sys
from pathlib import Path

import pytest

from imprint import documents
from imprint.errors import StudyError
from imprint.plan import TUNING
from imprint.schema import Recipe, seed_block
from imprint.study import load, parse, read_recipes

sys.path.insert(0, str(Path(__file__).parent))
import study_example  # noqa: E402

ROOT = Path(__file__).parents[1]


@pytest.fixture
def project(tmp_path):
    return study_example.Project(tmp_path / "study")


def refused(project, match):
    with pytest.raises(StudyError, match=match):
        project.load()


# ---------------------------------------------------------------- what is read


@pytest.mark.parametrize(
    ("block", "seeds"), [(3, [3]), ("3", [3]), ("0-3", [0, 1, 2, 3]), ("7-7", [7]), ("08-10", [8, 9, 10])]
)
def test_seed_block(block, seeds):
    assert seed_block(block) == seeds


def test_blocks_keep_their_order(project):
    project.toy["seeds"] = ["4-5", 0, "2"]
    assert project.load().experiments["toy"].blocks == [[4, 5], [0], [2]]


def test_the_default_study_is_the_one_that_config_names(project):
    assert project.load().name == "quick"
    assert project.load("core").name == "core"


def test_all_experiments_or_those_named(project):
    project.experiments["other"] = dict(project.toy, title="Other?")
    assert list(project.load("quick").experiments) == ["other", "toy"]
    assert list(project.load("core").experiments) == ["toy"]


def test_a_tier_is_merged_key_by_key(project):
    project.toy["tiers"] = {
        "core": {"task": {"data": "mnist", "model": {"hidden": [16]}}, "seeds": ["0-7"], "stop": {"loss": {"steps": 9}}}
    }
    quick, core = (project.load(name).experiments["toy"] for name in ("quick", "core"))
    assert quick.task.options == {"limit": 100}
    assert core.task.options == {"limit": 100, "data": "mnist"}
    assert core.task.model == {"name": "mlp", "hidden": [16]}
    assert [len(block) for block in core.blocks] == [8]
    assert list(core.stop) == ["steps", "loss"]


def test_the_text_of_a_tier_is_checked_like_the_rest(project):
    project.toy["tiers"] = {"quick": {"evaluate_evry": 3}}
    refused(project, r"toy\.yaml: evaluate_evry: unknown key; did you mean 'evaluate_every'")


def test_added_recipes_join_experiments_that_are_open(project):
    project.recipes["mine"] = {"update": "torch.optim:NAdam", "search": {"lr": [0.001, 0.1]}}
    project.config["recipes"] = ["mine", "adam"]
    project.experiments["closed"] = dict(project.toy, open=False)
    experiments = project.load().experiments
    assert experiments["toy"].recipes == ["sgd", "adam", "plain", "mine"]
    assert experiments["closed"].recipes == ["sgd", "adam", "plain"]


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_a_device_that_is_named_is_taken(project, device):
    project.config["device"] = device
    assert project.load().device == device


def test_auto_is_one_of_the_devices(project):
    project.config["device"] = "auto"
    assert project.load().device in ("cpu", "cuda")


def test_probes_may_have_options(project):
    project.toy["probes"] = {"performance": {}, "activation_rank": {}}
    assert project.load().experiments["toy"].probe_options == {"performance": {}, "activation_rank": {}}


def test_claims_may_have_several_modes(project):
    claim = project.load().experiments["toy"].claims["adam_is_better"]
    assert claim.modes == [{}]
    project.claim["at"] = [{"snapshot": "init"}, {"snapshot": "early"}]
    claim = project.load().experiments["toy"].claims["adam_is_better"]
    assert claim.modes == [{"snapshot": "init"}, {"snapshot": "early"}]


@pytest.mark.parametrize("name", ["quick", "core"])
def test_the_studies_of_this_repository_are_sound(name):
    study = load(ROOT, name)
    assert study.experiments
    with_claims = {key.partition(".")[0] for key, experiment in study.experiments.items() if experiment.claims}
    assert with_claims == {key.partition(".")[0] for key in study.experiments}


# ------------------------------------------------------------- names and keys


@pytest.mark.parametrize(
    ("place", "key", "message"),
    [
        ((), "titel", r"titel: unknown key; did you mean 'title'\?"),
        ((), "probe", r"probe: unknown key; did you mean 'probes'\?"),
        (("stop", "steps"), "epoch", r"stop\.steps\.epoch: unknown key; did you mean 'epochs'\?"),
        (("search",), "setting", r"search\.setting: unknown key; did you mean 'settings'\?"),
        (("snapshots", "early"), "stp", r"snapshots\.early\.stp: unknown key; did you mean 'step'\?"),
        (("claims", "solved"), "expects", r"claims\.solved\.expects: unknown key; did you mean 'expect'\?"),
        (
            ("claims", "solved"),
            "zzz",
            r"claims\.solved\.zzz: unknown key; allowed: at, between, contrast, expect, follows, kind,",
        ),
    ],
)
def test_unknown_key_of_an_experiment(project, place, key, message):
    inner = project.toy
    for part in place:
        inner = inner[part]
    inner[key] = 1
    refused(project, r"experiments/toy\.yaml: " + message)


def test_unknown_key_of_a_recipe(project):
    project.recipes["adam"]["hypr"] = {}
    refused(project, r"recipes\.yaml: adam\.hypr: unknown key; did you mean 'hyper'\?")


def test_unknown_key_of_a_rest(project):
    project.recipes["adam"]["rest"] = {"update": "torch.optim:SGD", "seas": "elements"}
    refused(project, r"recipes\.yaml: adam\.rest\.seas: unknown key; did you mean 'sees'\?")


def test_unknown_key_of_the_config(project):
    project.config["studys"] = {}
    refused(project, r"config\.yaml: studys: unknown key; did you mean 'study' or 'studies'\?")
    del project.config["studys"]
    project.config["studies"]["quick"]["teer"] = 1
    refused(project, r"config\.yaml: studies\.quick\.teer: unknown key; did you mean 'tier'\?")


def test_all_faults_are_told_at_once(project):
    project.toy["titel"] = 1
    project.toy["evaluate_every"] = 0
    refused(project, r"(?s)evaluate_every: .*found 0.*titel: unknown key")


@pytest.mark.parametrize("key", ["title", "question", "task", "recipes", "stop", "seeds", "probes", "claims"])
def test_missing_key(project, key):
    del project.toy[key]
    refused(project, rf"toy\.yaml: {key}: Field required")


@pytest.mark.parametrize("key", ["expect", "measure", "says", "source"])
def test_claim_without(project, key):
    del project.claim[key]
    refused(project, rf"toy\.yaml: claims\.adam_is_better\.{key}: Field required")


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("evaluate_every", "often", r"evaluate_every: .*integer \(found 'often'\)"),
        ("evaluate_every", 2.5, r"evaluate_every: .*found 2\.5"),
        ("title", 3, r"title: .*string \(found 3\)"),
        ("open", "yes", r"open: .*boolean \(found 'yes'\)"),
    ],
)
def test_wrong_type(project, key, value, message):
    project.toy[key] = value
    refused(project, rf"toy\.yaml: {message}")


@pytest.mark.parametrize("name", ["Steps", "2nd", "a-b", "a b", ""])
def test_a_name_that_is_no_name(project, name):
    project.toy["stop"] = {name: {"epochs": 2}}
    refused(project, rf"toy\.yaml: stop\.{name}.*pattern")


def test_a_recipe_that_is_no_mapping(project):
    project.recipes["adam"] = "torch.optim:Adam"
    refused(project, r"recipes\.yaml: adam\.update: Field required")


def test_unknown_study(project):
    with pytest.raises(StudyError, match=r"config\.yaml: study: 'quik' is not in studies; did you mean 'quick'\?"):
        project.load("quik")


def test_experiment_file_missing(project):
    project.config["studies"]["quick"]["experiments"] = ["toi"]
    refused(project, r"config\.yaml: experiments: 'toi' has no file in .*experiments; did you mean 'toy'\?")


def test_added_recipe_unknown(project):
    project.config["recipes"] = ["mien"]
    project.recipes["mine"] = dict(project.recipes["sgd"])
    refused(project, r"config\.yaml: recipes: 'mien' is not in recipes\.yaml; did you mean 'mine'\?")


@pytest.mark.parametrize("name", ["config.yaml", "recipes.yaml"])
def test_missing_file(project, name):
    (project.write() / name).unlink()
    with pytest.raises(StudyError, match=rf"{name}: no such file"):
        load(project.root)


def test_a_recipe_given_twice_in_the_file(project):
    file = project.write() / "recipes.yaml"
    file.write_text(file.read_text() + "adam:\n  update: torch.optim:SGD\n")
    with pytest.raises(StudyError, match=r"recipes\.yaml: key 'adam' is given twice"):
        load(project.root)


# --------------------------------------------------------------------- ranges


@pytest.mark.parametrize(
    ("hyper", "message"),
    [
        ({"lr": -0.1}, r"lr is -0\.1; a learning rate is positive"),
        ({"lr": 0}, "lr is 0; a learning rate is positive"),
        ({"momentum": -0.9}, r"momentum is -0\.9; it is at least 0"),
        ({"weight_decay": -1e-4}, "weight_decay is -0.0001; it is at least 0"),
        ({"eps": -1}, "eps is -1; it is at least 0"),
        ({"betas": [0.9, 1.0]}, r"betas is 1\.0; it lies in \[0, 1\)"),
        ({"betas": [-0.1, 0.9]}, r"betas is -0\.1; it lies in \[0, 1\)"),
        ({"beta2": 1.5}, r"beta2 is 1\.5; it lies in \[0, 1\)"),
    ],
)
@pytest.mark.parametrize("rest", [False, True], ids=["update", "rest"])
def test_hyper_parameters_out_of_range(project, hyper, message, rest):
    place = project.recipes["plain"]
    if rest:
        place["rest"] = place = {"update": "torch.optim:SGD"}
    place["hyper"] = hyper
    refused(project, rf"recipes\.yaml: plain\.{'rest.' if rest else ''}hyper: {message}")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_learning_rate_is_a_number(project, value):
    project.recipes["plain"]["hyper"] = {"lr": value}
    with pytest.raises(StudyError, match=r"plain.*lr"):
        project.plan()


def test_decay_out_of_range(project):
    project.recipes["plain"]["decay"] = {"name": "decoupled", "weight_decay": -0.1}
    refused(project, r"recipes\.yaml: plain\.decay.*weight_decay is -0\.1")


@pytest.mark.parametrize(
    "hyper",
    [
        {"lr": 1e-8},
        {"betas": [0.0, 0.999]},
        {"nesterov": True},
        {"graft": "none", "momentum": 0},
        {"eps": 1e-30},
        {"unheard_of": -3},
    ],
)
def test_hyper_parameters_in_range(project, hyper):
    project.recipes["plain"]["hyper"] |= hyper
    assert project.load().recipes["plain"].hyper == {"lr": 0.1} | hyper


@pytest.mark.parametrize(
    ("search", "message"),
    [
        ({"lr": [0.1]}, r"search\.lr is \[0\.1\]; it is \[low, high\] with low < high"),
        ({"lr": [0.1, 0.1]}, r"it is \[low, high\] with low < high"),
        ({"lr": [1.0, 0.1]}, r"it is \[low, high\] with low < high"),
        ({"lr": [0.1, 0.2, 0.3]}, r"it is \[low, high\] with low < high"),
        ({"lr": [0.0, 0.1]}, r"search\.lr\.0: .*greater than 0"),
        ({"lr": [-1.0, 0.1]}, r"search\.lr\.0: .*greater than 0"),
        ({"lr": [0.1, float("inf")]}, r"search\.lr\.1: .*finite"),
        ({"eps": [0.1, 1.0], "lr": [0.1, 1.0]}, r"search has \['eps', 'lr'\]; one hyper-parameter is searched"),
        ({"betas": [0.1, 0.9]}, "'betas' is both searched and fixed in hyper; keep one"),
    ],
)
def test_search_space(project, search, message):
    project.recipes["adam"]["search"] = search
    refused(project, rf"recipes\.yaml: adam.*{message}")


@pytest.mark.parametrize(
    ("stop", "message"),
    [
        ({}, "give one of epochs, steps, train_loss"),
        ({"epochs": 1, "steps": 1}, "give one of epochs, steps, train_loss"),
        ({"train_loss": 0.1}, "train_loss needs at_most"),
        ({"epochs": 1, "at_most": {"epochs": 3}}, "train_loss needs at_most .and nothing else has it."),
        ({"train_loss": 0.1, "at_most": {}}, "give either epochs or steps"),
        ({"train_loss": 0.1, "at_most": {"epochs": 1, "steps": 1}}, "give either epochs or steps"),
        ({"train_loss": 0.0, "at_most": {"epochs": 1}}, r"train_loss: .*greater than 0.*found 0\.0"),
        ({"epochs": 0}, r"epochs: .*greater than or equal to 1.*found 0"),
    ],
)
def test_stop_rules(project, stop, message):
    project.toy["stop"] = {"steps": stop}
    refused(project, rf"toy\.yaml: stop\.steps.*{message}")


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({}, r"a snapshot has no rule; give one of step, passes, train_loss, validation_loss, validation_accuracy"),
        ({"step": 3, "train_loss": 0.1}, r"a snapshot has \['step', 'train_loss'\]; give one of step, passes"),
        ({"passes": 0.0}, r"passes.*greater than 0"),
        ({"validation_accuracy": 1.5}, r"validation_accuracy.*less than or equal to 1"),
    ],
)
def test_snapshot_rules(project, rule, message):
    project.toy["snapshots"] = {"early": rule}
    refused(project, rf"toy\.yaml: snapshots\.early.*{message}")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"settings": 2}, r"settings: .*greater than or equal to 3 \(found 2\)"),
        ({"seeds": 0}, r"seeds: .*greater than or equal to 1 \(found 0\)"),
        ({"extend": 5}, r"extend: .*less than or equal to 4 \(found 5\)"),
        ({"extend": -1}, r"extend: .*greater than or equal to 0 \(found -1\)"),
    ],
)
def test_search_budget(project, change, message):
    project.toy["search"] |= change
    refused(project, rf"toy\.yaml: search\.{message}")


@pytest.mark.parametrize("size", [0, -1, "some", 1.5])
def test_batch_size(project, size):
    project.toy["task"]["batch_size"] = size
    refused(project, rf"toy\.yaml: task\.batch_size.*found {size!r}")


def test_precision(project):
    project.toy["task"]["precision"] = "float16"
    refused(project, r"toy\.yaml: task\.precision: .*'float32' or 'float64'.*found 'float16'")


@pytest.mark.parametrize(
    ("claim", "message"),
    [
        ({"contrast": None}, r"give either contrast: \[a, b\] or recipe:"),
        ({"recipe": "adam"}, r"give either contrast: \[a, b\] or recipe:"),
        ({"contrast": ["adam"]}, "contrast has 1 sides; it has two"),
        ({"contrast": ["adam", "sgd", "plain"]}, "contrast has 3 sides; it has two"),
        ({"expect": {}}, r"expect is \{\}; give exactly one of \['at_least', 'at_most', 'equal_within'"),
        ({"expect": {"greater_by": 1, "less_by": 1}}, "give exactly one of"),
        ({"expect": {"bigger_by": 1}}, "give exactly one of .*'greater_by', 'less_by', 'within'"),
        ({"expect": {"within": 0.1}}, r"expect\.within is 0\.1; within takes \[low, high\], the others a number"),
        ({"expect": {"within": [1.0]}}, r"expect\.within is \[1\.0\]; within takes \[low, high\]"),
        ({"expect": {"greater_by": [0.1, 0.2]}}, r"expect\.greater_by is \[0\.1, 0\.2\]; .*the others a number"),
        ({"measure": "accuracy"}, r"\.measure: .*pattern"),
        ({"kind": "guess"}, r"\.kind: .*'claim' or 'control'.*found 'guess'"),
        ({"requires": {"performance.test_loss": {"under": 1.0}}}, r"requires\.performance\.test_loss.*'at_least' or"),
    ],
)
def test_claim_forms(project, claim, message):
    project.claim.update(claim)
    refused(project, rf"toy\.yaml: claims\.adam_is_better.*{message}")


def test_a_value_claim_has_no_contrast_forms(project):
    project.toy["claims"]["solved"]["expect"] = {"greater_by": 0.5}
    refused(project, r"claims\.solved: expect is .*; give exactly one of \['at_least', 'at_most', 'within'\]")


# ----------------------------------------------------- given twice, given none


@pytest.mark.parametrize("seeds", [["0-3", "3-5"], [1, 1], [1, "1"], ["0-1", "0-1"]])
def test_seeds_twice(project, seeds):
    project.toy["seeds"] = seeds
    refused(project, r"toy\.yaml: seeds: seeds \[.*\] are given twice; every seed is one replicate")


def test_seeds_twice_are_named(project):
    project.toy["seeds"] = ["0-3", "2-3", 9, 9]
    refused(project, r"seeds \[2, 3, 9\] are given twice")


@pytest.mark.parametrize("block", ["a", "3-", "-3", "3-1", -1, "0-7-9", "1.5", "0 - 7"])
def test_no_seed_block(project, block):
    project.toy["seeds"] = [block]
    refused(project, r"toy\.yaml: seeds: seed block .* is neither a seed nor a range such as '0-7'")


def test_seeds_of_evaluation_are_not_those_of_tuning(project):
    project.toy["seeds"] = ["0-1", TUNING]
    refused(project, rf"toy\.yaml: seeds.*{TUNING}")


@pytest.mark.parametrize("key", ["seeds", "recipes"])
def test_nothing_to_run(project, key):
    project.toy["claims"] = {}
    project.toy[key] = []
    refused(project, rf"toy\.yaml: {key}")


def test_no_stop_rule(project):
    project.toy["claims"] = {}
    project.toy["stop"] = {}
    refused(project, r"toy\.yaml: stop")


def test_recipes_twice(project):
    project.toy["recipes"] = ["sgd", "adam", "sgd", "plain"]
    refused(project, r"toy\.yaml: recipes: recipes \['sgd'\] are given twice")


def test_added_recipes_twice(project):
    project.recipes["mine"] = dict(project.recipes["sgd"])
    project.config["recipes"] = ["mine", "mine"]
    refused(project, r"config\.yaml: recipes.*twice")


def test_probes_twice(project):
    project.toy["probes"] = ["performance", "activation_rank", "performance"]
    refused(project, r"toy\.yaml: probes.*performance.*twice")


def test_a_tier_that_no_study_has(project):
    project.toy["tiers"] = {"quik": {"seeds": ["0-3"]}}
    refused(project, r"toy\.yaml: tiers.*'quik'.*did you mean 'quick'")


# ------------------------------------------------------------ apart from files


def test_parse_names_the_key_it_was_given(tmp_path):
    file = tmp_path / "recipes.yaml"
    with pytest.raises(StudyError, match=r"recipes\.yaml: adam\.sees: .*found 'all'"):
        parse(Recipe, {"update": "torch.optim:Adam", "sees": "all"}, file, "adam")


def test_read_recipes_gives_what_the_file_says(project):
    recipes = read_recipes(project.write() / "recipes.yaml")
    assert list(recipes) == list(documents.load(project.root / "recipes.yaml"))
    assert recipes["adam"].hyper == {"betas": [0.9, 0.99]}
    assert recipes["plain"].search is None
    assert recipes["plain"].sees == "network"


def test_what_was_read_cannot_change(project):
    with pytest.raises(ValueError, match="frozen"):
        project.load().name = "other"


def test_an_order_of_the_task(project):
    project.toy["task"]["order"] = 0
    assert project.load().experiments["toy"].task.order == 0
    assert "order" not in project.load().experiments["toy"].task.options
    project.toy["task"]["batch_size"] = "full"
    with pytest.raises(StudyError, match="order is 0, but batch_size full has no order; leave it out"):
        project.load()
    project.toy["task"] |= {"batch_size": 32, "order": -1}
    with pytest.raises(StudyError, match=r"task\.order: .*greater than or equal to 0"):
        project.load()

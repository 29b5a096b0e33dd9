"""From a study to its units: what has which name, what reruns, and that planning is pure."""

import functools
import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pydantic
import pytest

from imprint import code_version, identity, plan, plugins, study
from imprint.errors import StudyError
from imprint.identity import canonical
from imprint.stages import freeze

sys.path.insert(0, str(Path(__file__).parent))
import study_example  # noqa: E402

ROOT = Path(__file__).parents[1]
PRODUCTS = {"plan", "gather", "claims", "figure", "finding", "report", "publish"}
JUDGED = PRODUCTS - {"gather"}
SHOWN = {"figure", "finding", "report", "publish"}

real_closure = code_version.closure


@functools.cache
def closure(modules):
    """What modules import, found once for all tests: the files do not change meanwhile."""
    return real_closure(modules)


@pytest.fixture(autouse=True, scope="module")
def imports_once():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(code_version, "closure", lambda modules: closure(tuple(modules)))
        yield


@pytest.fixture
def project(tmp_path):
    return study_example.Project(tmp_path / "study")


def names(made):
    """Return the names of a plan's units by stage."""
    return {stage: set(units) for stage, units in made.units.items()}


def new(before, after):
    """Return how many units of each stage the second plan has that the first has not."""
    counts = {stage: len(units - names(before).get(stage, set())) for stage, units in names(after).items()}
    return {stage: count for stage, count in counts.items() if count}


# ------------------------------------------------------------------ the units


def test_units_of_the_example(project):
    made = project.plan()
    # three recipes, of which two are searched; two seed blocks; two probes
    counts = {"data": 1, "recipe": 3, "search": 2, "select": 2, "train": 6, "probe": 12}
    assert {stage: len(units) for stage, units in made.units.items() if stage in counts} == counts
    assert all(len(made.units[stage]) == 1 for stage in PRODUCTS - {"figure", "plan"})
    assert len(made.units["plan"]) == 2
    assert made.digest == made.final.digest


def test_edges_of_the_example(project):
    made = project.plan()
    for train in made.units["train"].values():
        roles = {"data", "recipe"} | ({"select"} if train.spec["recipe"].get("search") else set())
        assert set(train.inputs) == roles
    for probe in made.units["probe"].values():
        assert set(probe.inputs) == {"train", "data"}
        assert probe.inputs["train"][0].inputs["data"] == probe.inputs["data"]
    (gather,) = made.units["gather"].values()
    wanted = {unit.path for stage in ("search", "select", "train", "probe") for unit in made.units[stage].values()}
    gathered = [unit.path for unit in gather.inputs["units"]]
    assert len(gathered) == len(set(gathered))
    assert set(gathered) == wanted


def test_a_probe_across_recipes_reads_the_solutions_of_all(project):
    project.toy["probes"] = ["performance", "connectivity"]
    before = project.plan()
    trained = set(before.units["train"])
    across = [unit for unit in before.units["probe"].values() if unit.spec["probe"] == "connectivity"]
    assert len(across) == len(trained) == 6
    for unit in across:
        assert unit.spec["others"] == ["sgd", "sgd", "adam", "adam", "plain", "plain"]
        assert {other.name for other in unit.inputs["others"]} == trained
        assert unit.inputs["train"][0] in unit.inputs["others"]
    project.toy["recipes"].remove("plain")
    made = new(before, project.plan())
    assert made["probe"] == 4, "those of the two recipes that are left; performance looks at one recipe alone"


def test_a_probe_across_recipes_stays_within_its_rule_for_stopping(project):
    project.toy["probes"] = ["performance", "connectivity"]
    project.toy["stop"]["longer"] = {"epochs": 3}
    across = [unit for unit in project.plan().units["probe"].values() if unit.spec["probe"] == "connectivity"]
    assert len(across) == 12
    for unit in across:
        (own,) = unit.inputs["train"]
        assert {str(other.spec["stop"]) for other in unit.inputs["others"]} == {str(own.spec["stop"])}


def test_every_input_is_planned(project):
    made = project.plan()
    paths = {file for unit in plan.all_units(made) for file in plan.files(unit)}
    for unit in plan.all_units(made):
        assert set(plan.input_paths(made, unit)) <= paths


def test_tuning_seeds_are_not_evaluated(project):
    made = project.plan()
    tuning = {seed for unit in made.units["search"].values() for seed in unit.spec["seeds"]}
    evaluated = {seed for unit in made.units["train"].values() for seed in unit.spec["seeds"]}
    assert tuning == {plan.TUNING, plan.TUNING + 1}
    assert evaluated == {0, 1, 2}


def test_data_drawn_per_seed_are_planned_per_block(project):
    project.toy["task"] |= {"name": "slabs"}
    del project.toy["task"]["limit"]
    seeds = sorted(unit.spec["seeds"] for unit in project.plan().units["data"].values())
    assert seeds == [[0, 1], [2], [plan.TUNING, plan.TUNING + 1]]


def test_what_equals_a_default_is_not_in_the_spec(project):
    project.toy["task"]["data"] = "digits"
    project.recipes["plain"]["sees"] = "network"
    made = project.plan()
    (data,) = made.units["data"].values()
    assert data.spec["task"] == {"name": "classification", "limit": 100}
    fixed = [unit for unit in made.units["train"].values() if "search" not in unit.spec["recipe"]]
    assert fixed[0].spec["recipe"] == {"update": "torch.optim:SGD", "hyper": {"lr": 0.1}}
    assert fixed[0].spec["task"]["model"] == {"name": "mlp", "hidden": [8]}


def test_experiments_that_declare_the_same_cell_share_it(project):
    one = project.plan()
    project.experiments["twin"] = dict(project.toy, title="Twin?")
    both = project.plan()
    shared = ("data", "recipe", "search", "select", "train", "probe")
    assert {stage: names(both)[stage] for stage in shared} == {stage: names(one)[stage] for stage in shared}
    assert len(both.entries) == 2 * len(one.entries)


def test_two_recipes_that_do_the_same_are_one_cell(project):
    project.recipes["again"] = dict(project.recipes["plain"], says="The same.", source="elsewhere")
    before = project.plan()
    project.toy["recipes"].append("again")
    assert new(before, project.plan()) == dict.fromkeys(PRODUCTS, 1) | {
        "figure": len(before.units["figure"]),
        "plan": 2,
    }


def test_entries_say_where_results_belong(project):
    made = project.plan()
    places = plan.places(made)
    assert {(p["kind"], p["probe"]) for p in places} == {
        ("search", ""),
        ("select", ""),
        ("training", ""),
        ("probe", "performance"),
        ("probe", "activation_rank"),
    }
    trained = [(p["recipe"], tuple(p["seeds"])) for p in places if p["kind"] == "training"]
    assert trained == [(recipe, seeds) for recipe in ("sgd", "adam", "plain") for seeds in ((0, 1), (2,))]
    assert json.loads(canonical(places)) == places


def test_the_index_traces_every_result(project):
    made = project.plan()
    rows = plan.index(made)
    assert len(rows) == len(made.entries)
    for row in rows:
        assert made.unit(row["stage"], Path(row["file"]).name.removesuffix(".zarr.zip")).digest == row["digest"]
    assert {row["seeds"] for row in rows if row["stage"] == "train"} == {"0-1", "2"}


def test_figures_that_have_what_they_need(project):
    drawn = {unit.spec["figure"]: unit.spec["experiment"] for unit in project.plan().units["figure"].values()}
    assert "accuracy_matrix" not in drawn  # its probe is not declared
    assert drawn["verdicts"] == ""
    assert drawn["search"] == "toy"
    assert drawn["solution_map"] == "toy"
    project.toy["recipes"] = ["plain"]
    project.toy["claims"] = {}
    del project.toy["search"], project.toy["select"]
    drawn = {unit.spec["figure"] for unit in project.plan().units["figure"].values()}
    assert "search" not in drawn
    assert "solution_map" not in drawn  # one recipe


# ----------------------------------------------------------------- what reruns


def claim_text(project):
    project.claim["says"] = "Adam is much better."


def claim_margin(project):
    project.claim["expect"] = {"greater_by": 0.2}


def claim_more(project):
    project.toy["claims"]["more"] = project.claim | {"at": {"snapshot": "early"}}


def title(project):
    project.toy["title"] = "A toy!"


def probe_more(project):
    project.toy["probes"].append("sparsity")


def seeds_more(project):
    project.toy["seeds"].append("3-4")


def recipe_more(project):
    project.recipes["mine"] = {"update": "torch.optim:NAdam", "search": {"lr": [0.001, 0.1]}}
    project.config["recipes"] = ["mine"]


def recipe_hyper(project):
    project.recipes["adam"]["hyper"]["betas"] = [0.9, 0.999]


def recipe_space(project):
    project.recipes["sgd"]["search"]["lr"][1] = 2.0


def length(project):
    project.toy["stop"]["steps"]["epochs"] = 3


def model(project):
    project.toy["task"]["model"]["hidden"] = [16]


def data(project):
    project.toy["task"]["limit"] = 200


def select(project):
    project.toy["select"]["best"] = {"learning_accuracy": "max"}


def snapshot(project):
    project.toy["snapshots"]["early"]["step"] = 6


CELL = {"search": 1, "select": 1, "train": 2, "probe": 4}
CELLS = {"search": 2, "select": 2, "train": 6, "probe": 12}


@pytest.mark.parametrize(
    ("change", "stages", "products"),
    [
        (claim_text, {}, JUDGED),
        (claim_margin, {}, JUDGED),
        (claim_more, {}, JUDGED),
        (title, {}, {"plan"} | SHOWN),
        (probe_more, {"probe": 6}, PRODUCTS),
        (seeds_more, {"train": 3, "probe": 6}, PRODUCTS),
        (recipe_more, {"recipe": 1} | CELL, PRODUCTS),
        (recipe_hyper, {"recipe": 1} | CELL, PRODUCTS),
        (recipe_space, {"recipe": 1} | CELL, PRODUCTS),
        (length, CELLS, PRODUCTS),
        (model, {"recipe": 3} | CELLS, PRODUCTS),
        (data, {"data": 1, "recipe": 3} | CELLS, PRODUCTS),
        (select, {"search": 2, "select": 2, "train": 4, "probe": 8}, PRODUCTS),
        (snapshot, {"train": 6, "probe": 12}, PRODUCTS),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_reruns(project, change, stages, products):
    before = project.plan()
    change(project)
    after = project.plan()
    rerun = new(before, after)
    assert {stage: count for stage, count in rerun.items() if stage not in PRODUCTS} == stages
    assert set(rerun) & PRODUCTS == products


def test_changed_and_changed_back(project):
    before = project.plan()
    recipe_hyper(project)
    assert new(before, project.plan())
    project.recipes["adam"]["hyper"]["betas"] = [0.9, 0.99]
    assert names(project.plan()) == names(before)


def turned(value):
    """Return a value with all its mappings in the other order."""
    if isinstance(value, dict):
        return {key: turned(value[key]) for key in reversed(value)}
    return [turned(item) for item in value] if isinstance(value, list) else value


def test_the_order_of_keys_changes_nothing(project):
    before = project.plan()
    project.config, project.recipes = turned(project.config), turned(project.recipes)
    project.experiments["toy"] = turned(project.toy)
    assert names(project.plan()) == names(before)


@pytest.mark.parametrize("text", ["1.0e-1", "1e-1", ".1", "0.10"])
def test_the_spelling_of_a_number_changes_nothing(project, text):
    before = project.plan()
    file = project.root / "recipes.yaml"
    content = file.read_text()
    assert "lr: 0.1" in content
    file.write_text(f"# a comment\n{content.replace('lr: 0.1', f'lr:   {text}   # another')}")
    assert names(plan.build(project.root)) == names(before)


def test_labels_of_recipes_and_experiments_change_no_result(project):
    before = project.plan()
    for name in ("sgd", "adam"):
        project.recipes[name].update(says="Said otherwise.", source="elsewhere")
    project.recipes["renamed"] = project.recipes.pop("plain")
    project.toy["recipes"][2] = "renamed"
    project.experiments["other"] = project.experiments.pop("toy")
    project.config["studies"]["core"]["experiments"] = ["other"]
    assert set(new(before, project.plan())) == PRODUCTS


def test_the_order_in_which_rules_are_declared_reaches_the_claims(project):
    # a claim that names no stop or select is judged at the first that is declared
    project.toy["select"] = {"nearest": {"validation_loss": 0.3, "within": 1.0}, "best": {"validation_loss": "min"}}
    one = project.plan()
    project.toy["select"] = turned(project.toy["select"])
    assert new(one, project.plan()).keys() >= {"claims"}


def test_the_frozen_plan_keeps_the_declared_order(project, monkeypatch):
    project.toy["stop"] = {"steps": {"epochs": 2}, "loss": {"train_loss": 0.1, "at_most": {"epochs": 3}}}
    project.toy["select"] = {"nearest": {"validation_loss": 0.3, "within": 1.0}, "best": {"validation_loss": "min"}}
    unit, _ = project.plan().units["plan"].values()
    monkeypatch.chdir(project.root)
    freeze.main(["--study", "quick", "--out", unit.path])
    frozen = json.loads(Path(unit.path).read_text())["experiments"]["toy"]
    assert list(frozen["stop"]) == ["steps", "loss"]
    assert list(frozen["select"]) == ["nearest", "best"]


def test_freezing_another_plan_is_refused(project, monkeypatch):
    unit, _ = project.plan().units["plan"].values()
    title(project)
    monkeypatch.chdir(project.write())
    with pytest.raises(StudyError, match=r"study changed since it was planned: quick-.*json is wanted.*run the study"):
        freeze.main(["--study", "quick", "--out", unit.path])
    assert not Path("results").exists()


@pytest.mark.parametrize(
    ("name", "stages"),
    [
        ("scikit-learn", {"data", "recipe", "search", "select", "train", "probe"} | PRODUCTS - {"plan"}),
        ("pytorch-lightning", {"search", "select", "train", "probe"} | PRODUCTS - {"plan"}),
        ("scipy", {"probe"} | PRODUCTS - {"plan"}),
        ("xarray", PRODUCTS - {"plan"}),
        ("seaborn", SHOWN),
        ("jinja2", {"finding", "report", "publish"}),
    ],
)
def test_a_library_reruns_the_stages_that_use_it(project, monkeypatch, name, stages):
    before = project.plan()
    real = code_version.library
    monkeypatch.setattr(code_version, "library", lambda of: "99.0" if of == name else real(of))
    changed = set(new(before, project.plan()))
    # the places of the frozen plan hold the digests of what is gathered
    assert changed - {"plan"} == stages - {"plan"}


@pytest.mark.parametrize(
    ("module", "stages"),
    [
        ("imprint.figures.seeds", SHOWN - {"finding"}),  # its page shows another figure
        ("imprint.probes.function.performance", {"probe"} | PRODUCTS),
        ("imprint.claims.verdict", JUDGED - {"plan"}),
        ("imprint.report.build", {"report", "publish"}),
        ("imprint.fleet.train", {"search", "select", "train", "probe"} | PRODUCTS),
        ("imprint.study", set()),
        ("imprint.plan", set()),
    ],
)
def test_code_reruns_what_uses_it(project, monkeypatch, module, stages):
    before = project.plan()
    real = code_version.closure

    def edited(modules):
        found = real(modules)
        return found | ({module: "0" * 64} if module in found else {})

    monkeypatch.setattr(code_version, "closure", edited)
    assert set(new(before, project.plan())) == stages


def test_a_figures_code_draws_that_figure_alone(project, monkeypatch):
    before = project.plan()
    real = code_version.closure
    module = "imprint.figures.seeds"
    edited = lambda modules: {name: "0" * 64 if name == module else digest for name, digest in real(modules).items()}
    monkeypatch.setattr(code_version, "closure", edited)
    assert new(before, project.plan()) == {"figure": 1, "report": 1, "publish": 1}


# ---------------------------------------- an option that is new, with a default


@pytest.fixture
def editable(tmp_path, monkeypatch):
    """Plug-ins as files that a test may edit, with the code version held fixed, to see the rest of a spec alone."""
    folder = tmp_path / "plugins"
    for kind in plugins.FUNCTIONS:
        shutil.copytree(plugins.ROOT / kind, folder / kind, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(plugins, "ROOT", folder)
    monkeypatch.setattr(code_version, "version", lambda *_: {"sources": {}, "libraries": {}})

    def edit(file, old, text):
        path = folder / file
        content = path.read_text(encoding="utf-8")
        assert content.count(old) == 1
        path.write_text(content.replace(old, text), encoding="utf-8")
        plugins.catalogue.cache_clear()
        plugins.find.cache_clear()

    plugins.catalogue.cache_clear()
    plugins.find.cache_clear()
    yield edit
    plugins.catalogue.cache_clear()
    plugins.find.cache_clear()


@pytest.mark.parametrize(
    ("file", "old", "place", "stages"),
    [
        ("tasks/classification.py", "    limit: int | None = None,\n", ("task",), {"data", "train", "probe"}),
        ("models/mlp.py", "    hidden: Sequence[int] = (),\n", ("task", "model"), {"recipe", "train", "probe"}),
        (
            "probes/function/performance.py",
            "def measure(solution: Solution, task: Task",
            ("probes", "performance"),
            {"probe"},
        ),
    ],
)
def test_a_new_option_with_a_default_changes_no_name(project, editable, file, old, place, stages):
    project.toy["probes"] = {"performance": {}, "activation_rank": {}}
    before = project.plan()
    more = {"tasks": "    extra: float = 0.5,\n", "models": "    extra: float = 0.5,\n", "probes": ", *, extra=0.5"}
    editable(file, old, old + more[file.partition("/")[0]])
    assert names(project.plan()) == names(before)
    inner = project.toy
    for key in place:
        inner = inner[key]
    inner["extra"] = 0.5
    assert set(new(before, project.plan())) <= {"plan", "figure", "finding", "report", "publish"}
    inner["extra"] = 0.25
    assert set(new(before, project.plan())) >= stages


def test_a_new_part_of_recipes_changes_no_name(project, monkeypatch):
    before = project.plan()
    wider = pydantic.create_model("Recipe", __base__=study.Recipe, averaging=(dict | None, None))
    monkeypatch.setattr(study, "Recipe", wider)
    after = plan.build(project.root)
    assert after.study.recipes["adam"].averaging is None
    assert names(after) == names(before)


# ------------------------------------------------------------------ collisions


def test_two_units_of_one_name_are_refused(project, monkeypatch):
    monkeypatch.setattr(identity, "of", lambda *_: "0" * 10)
    with pytest.raises(StudyError, match=r"two units share the name '[\w-]+-0000000000'; rename one"):
        project.plan()


# -------------------------------------------------------------------- commands


@pytest.fixture(scope="module", params=["quick", "core"])
def made(request):
    """The plan of a study of this repository."""
    return plan.build(ROOT, request.param)


def test_commands_give_back_spec_and_inputs(made):
    for stage, units in made.units.items():
        for unit in units.values():
            words = shlex.split(plan.command(made, unit))
            assert json.loads(words[words.index("--spec") + 1]) == identity.plain(unit.spec)
            assert words[words.index("--label") + 1] == unit.label
            given = [word for place, word in enumerate(words) if words[place - 1] == "--input"]
            wanted = [f"{role}={other.path}" for role, others in unit.inputs.items() for other in others]
            assert given == ([] if stage == "gather" else wanted)
            assert ("--plan" in words) == (stage in plan.PRODUCTS)


def test_names_fit_the_rules(made):
    allowed = re.search(r'unit=r"(.+)"', (ROOT / "Snakefile").read_text()).group(1)
    for units in made.units.values():
        assert [name for name in units if not re.fullmatch(allowed, name)] == []


def test_no_command_is_too_long(made):
    # a plan is frozen from the study's own files, its command does not spell it
    units = [unit for stage, units in made.units.items() if stage != "plan" for unit in units.values()]
    assert max(len(plan.command(made, unit)) for unit in units) < 60_000


def test_no_command_grows_with_the_study(project):
    project.toy["seeds"] = [str(seed) for seed in range(40)]
    for number in range(6):
        project.experiments[f"more_{number}"] = dict(project.toy, evaluate_every=6 + number)
    made = project.plan()
    units = [unit for units in made.units.values() for unit in units.values()]
    assert len(units) > 2000
    assert max(len(plan.command(made, unit)) for unit in units) < 60_000


def test_no_two_units_share_a_digest(made):
    units = [unit for units in made.units.values() for unit in units.values()]
    whole = set()
    for unit in units:
        inputs = {role: [other.digest for other in others] for role, others in unit.inputs.items()}
        text = canonical({"stage": unit.stage, "spec": unit.spec, "inputs": inputs})
        whole.add(hashlib.sha256(text.encode()).hexdigest())
    assert len({unit.digest for unit in units}) == len(whole)
    assert len({unit.path for unit in units}) == len(units)


# ---------------------------------------------------------------------- purity

SHOW = """
import json, sys
from pathlib import Path
from imprint import plan
made = plan.build(Path(sys.argv[1]))
units = {stage: {name: [u.label, u.path, plan.command(made, u)] for name, u in units.items()}
         for stage, units in made.units.items()}
heavy = [name for name in ("torch", "xarray", "zarr", "matplotlib", "snakemake", "numpy") if name in sys.modules]
print(json.dumps([made.digest, units, plan.places(made), plan.index(made), heavy], sort_keys=True))
"""


def planned(root, cwd, **environment):
    """Return what another process plans, as text."""
    answer = subprocess.run(
        [sys.executable, "-c", SHOW, str(root)],
        cwd=cwd,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **environment},
        capture_output=True,
        text=True,
    )
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


def test_planning_is_pure(project, tmp_path, tmp_path_factory):
    """It writes nothing but what parsing told, in the user's cache folder; the first has none to read."""
    root, home = project.write(), tmp_path_factory.mktemp("home")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    before = sorted((path, path.stat().st_mtime_ns) for path in tmp_path.rglob("*"))
    one = planned(root, root, PYTHONHASHSEED="1", TZ="Asia/Tokyo", LANG="C", HOME=str(home), XDG_CACHE_HOME="")
    other = planned(root, elsewhere, PYTHONHASHSEED="2", TZ="America/New_York", LC_ALL="C.UTF-8", COLUMNS="40")
    assert one == other
    assert sorted((path, path.stat().st_mtime_ns) for path in tmp_path.rglob("*")) == before
    assert {path.parent for path in home.rglob("*") if path.is_file()} == {home / ".cache/imprint"}
    made = json.loads(one)
    assert made[0] == plan.build(root).digest
    assert made[-1] == []
    assert str(tmp_path) not in one
    assert os.uname().nodename not in one


def test_a_copy_of_the_files_has_the_same_plan(project, tmp_path):
    one = project.plan()
    shutil.copytree(project.root, tmp_path / "copy")
    assert names(plan.build(tmp_path / "copy")) == names(one)


def test_a_unit_that_is_not_planned(project):
    with pytest.raises(StudyError, match=r"no train unit 'x-123' in study 'quick': .*changed since it was planned"):
        project.plan().unit("train", "x-123")


def test_an_order_is_part_of_what_is_trained_and_of_nothing_else(project):
    before = project.plan()
    assert not any("order" in unit.spec for stage in ("recipe", *CELL) for unit in before.units[stage].values())
    project.toy["task"]["order"] = 0
    after = project.plan()
    assert {stage: count for stage, count in new(before, after).items() if stage not in PRODUCTS} == CELLS
    assert {unit.spec["order"] for stage in ("search", "train") for unit in after.units[stage].values()} == {0}
    del project.toy["task"]["order"]
    assert names(project.plan()) == names(before)


def test_a_figure_of_tasks_is_drawn_once_for_those_that_share_a_design(project):
    def drawn():
        figures = [unit.spec for unit in project.plan().units["figure"].values()]
        return [(spec["experiment"], spec["tasks"]) for spec in figures if spec["figure"] == "variance_shares"]

    assert drawn() == [("toy", ["toy"])]
    for claim in project.toy["claims"].values():
        claim["task"] = "all"
    project.toy["tasks"] = {"own": {}, "first": {"task": {"order": 3}}, "second": {"task": {"order": 4}}}
    project.toy["figure"] = "variance_shares"
    assert drawn() == [("toy.own", ["toy.own"]), ("toy.first", ["toy.first", "toy.second"])]
    (finding,) = project.plan().units["finding"].values()
    assert finding.spec["figure"] == "variance_shares"


@pytest.fixture
def rates(project):
    """Two optimizers at three rates each, compared at a training loss."""
    slow, fast = (["plain", "plain_fast", "plain_slow"], ["adam", "adam_fast", "adam_slow"])
    for names in (slow, fast):
        for name in names[1:]:
            project.recipes[name] = {**project.recipes["plain"], "hyper": {"lr": 0.01 * len(name)}}
    project.claim["contrast"] = ["adam", "plain"]
    project.toy.update(recipes=[*slow, *fast], snapshots={"matched": {"train_loss": 0.5}})
    return project


def told(project):
    figures = [unit.spec for unit in project.plan().units["figure"].values()]
    return [spec["experiment"] for spec in figures if spec["figure"] == "which_optimizer"]


def test_optimizers_with_settings_at_equal_loss_are_told_apart(rates):
    assert told(rates) == ["toy"]
    rates.toy["snapshots"] = {"early": {"step": 5}}
    assert told(rates) == []


def test_too_few_settings_tell_nothing(rates):
    rates.toy["recipes"].remove("adam_slow")
    assert told(rates) == []


def test_orders_are_told_from_together(rates):
    for claim in rates.toy["claims"].values():
        claim["task"] = "all"
    rates.toy["tasks"] = {"own": {}, "first": {"task": {"order": 3}}, "second": {"task": {"order": 4}}}
    assert told(rates) == ["toy.own", "toy.first"]


# ----------------------------------------------------- the probes of a search


def searched(made):
    return [entry for entry in made.entries if entry.kind == "search_probe"]


def test_probing_the_search_adds_probes_and_changes_no_other_unit(project):
    before = project.plan()
    project.toy["search"]["probes"] = ["performance"]
    after = project.plan()
    made = new(before, after)
    assert {stage: count for stage, count in made.items() if stage not in PRODUCTS} == {"probe": 2}
    assert [(entry.recipe, entry.probe, entry.seeds) for entry in searched(after)] == [
        (recipe, "performance", (plan.TUNING, plan.TUNING + 1)) for recipe in ("sgd", "adam")
    ]
    for entry in searched(after):
        (fleet,), (data,) = entry.unit.inputs["train"], entry.unit.inputs["data"]
        assert fleet.stage == "search" and fleet.name in before.units["search"]
        assert [data] == fleet.inputs["data"]
        assert entry.unit.label == f"toy {entry.recipe} search: performance"
    del project.toy["search"]["probes"]
    assert names(project.plan()) == names(before)


def test_the_search_is_no_measurement_of_a_claim(project):
    project.toy["search"]["probes"] = ["performance"]
    places = plan.places(project.plan())
    assert {place["subject"] for place in places if place["kind"] == "search_probe"} == {""}
    assert all(place["subject"] for place in places if place["kind"] == "probe")


def test_all_probes_of_the_search_are_those_that_can(project):
    project.toy["probes"] = ["performance", "connectivity", "edge"]
    project.toy["search"]["probes"] = "all"
    made = project.plan()
    assert {entry.probe for entry in searched(made)} == {"performance"}
    declared = plan.resolve("toy", made.study.experiments["toy"])["search"]
    assert declared["probes"] == ["performance"]
    assert declared["left_out"]["connectivity"] == "looks across recipes, whose searches have different settings"
    assert "snapshots on the way" in declared["left_out"]["edge"]
    assert "optimizer's state" in declared["left_out"]["edge"]


def test_figures_of_the_search_are_drawn_where_it_has_what_they_show(project):
    def drawn():
        figures = {unit.spec["figure"] for unit in project.plan().units["figure"].values()}
        return figures & {"sensitivity", "regret", "search"}

    assert drawn() == {"search"}, "two recipes make no matrix"
    project.recipes["plain"] = {"update": "torch.optim:RMSprop", "search": {"lr": [0.001, 0.1]}}
    assert drawn() == {"search", "regret"}
    project.toy["search"]["probes"] = ["performance"]
    assert drawn() == {"search", "regret", "sensitivity"}
    project.toy["select"] = {"matched": {"validation_loss": 0.5, "within": 0.1}}
    assert drawn() == {"search", "sensitivity"}, "a target has no best"
    project.recipes["plain"]["hyper"] = {"lr": 0.01}
    project.recipes["plain"]["search"] = {"alpha": [0.9, 0.99]}
    project.toy["select"] = {"best": {"validation_loss": "min"}}
    assert drawn() == {"search", "sensitivity"}, "three that do not search the same"


# ------------------------------------------------- the calibration of the judging

POOL = {
    "task": {"name": "classification", "limit": 100, "model": {"name": "mlp", "hidden": [4]}, "batch_size": 32},
    "recipe": "plain",
    "stop": {"epochs": 1},
    "evaluate_every": 5,
    "seeds": ["0-7", "8-63"],
    "measures": ["performance.test_loss", "distance.distance"],
}


@pytest.fixture
def calibrated(project):
    """The example with a pool, and with as many seeds as a test needs."""
    project.config["calibration"] = json.loads(json.dumps(POOL))
    project.toy["seeds"] = ["0-7"]
    return project


def test_a_pool_is_a_cell_like_others_and_of_no_experiment(calibrated):
    made = calibrated.plan()
    (unit,) = made.units["calibrate"].values()
    assert unit.spec["seeds"] == 8 and unit.spec["measures"] == POOL["measures"]
    counts = {role: len(units) for role, units in unit.inputs.items()}
    assert counts == {"pool": 2, "twin": 1} | {
        f"{side}.{probe}": count for side, count in (("pool", 2), ("twin", 1)) for probe in ("performance", "distance")
    }
    own = {each.name for units in unit.inputs.values() for each in units}
    assert own <= {name for stage in ("train", "probe") for name in made.units[stage]}
    assert not own & {entry.unit.name for entry in made.entries}, "nothing of it is in the atlas"
    (report,) = made.units["report"].values()
    assert report.inputs["calibration"] == [unit]


def test_the_twin_has_the_seeds_of_the_first_block_and_another_name(calibrated):
    (unit,) = calibrated.plan().units["calibrate"].values()
    (twin,), first = unit.inputs["twin"], unit.inputs["pool"][0]
    assert twin.name != first.name and twin.inputs == first.inputs
    assert {key: value for key, value in twin.spec.items() if key != "name"} == first.spec
    assert first.spec["seeds"] == list(range(8))


def test_each_number_of_seeds_is_calibrated_once(calibrated):
    calibrated.experiments |= {
        name: {**json.loads(json.dumps(calibrated.toy)), "seeds": [seeds]}
        for name, seeds in (("same", "8-15"), ("more", "0-9"), ("few", "0-3"), ("many", "0-19"))
    }
    assert [unit.spec["seeds"] for unit in calibrated.plan().units["calibrate"].values()] == [8, 10]


def test_a_calibration_depends_on_the_pool_and_the_judging_alone(calibrated, monkeypatch):
    before = calibrated.plan()
    calibrated.claim["expect"] = {"greater_by": 0.2}
    calibrated.recipes["sgd"]["search"] = {"lr": [0.02, 1.0]}
    assert "calibrate" not in new(before, calibrated.plan())
    calibrated.config["calibration"]["measures"].pop()
    assert new(before, calibrated.plan())["calibrate"] == 1
    before = calibrated.plan()
    real = code_version.closure
    edited = lambda modules: {k: "0" * 64 if k == "imprint.claims.sides" else v for k, v in real(modules).items()}
    monkeypatch.setattr(code_version, "closure", edited)
    changed = new(before, calibrated.plan())
    assert changed["calibrate"] == changed["claims"] == 1 and not {"train", "probe"} & set(changed)


def test_without_a_pool_nothing_is_calibrated(project):
    made = project.plan()
    assert "calibrate" not in made.units
    (report,) = made.units["report"].values()
    assert "calibration" not in report.inputs

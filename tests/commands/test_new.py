"""``imprint new``: what it writes works as it is, and nothing is overwritten or misplaced."""

import re
import sys
import tomllib
from importlib.resources import files
from pathlib import Path

import pytest
import yaml

sys.path.insert(0, str(Path(__file__).parents[1]))
from workflow.conftest import ROOT, Project, whole  # noqa: E402

from imprint import schema, study  # noqa: E402
from imprint.commands import new  # noqa: E402

NAME = "her_first_attempt"
WRITTEN = {
    "recipe": (f"{NAME}.py", f"test_{NAME}.py"),
    "probe": (f"src/imprint/probes/landscape/{NAME}.py", f"tests/probes/landscape/test_{NAME}.py"),
    "task": (f"src/imprint/tasks/{NAME}.py", f"tests/tasks/test_{NAME}.py"),
    "experiment": (f"experiments/{NAME}.yaml", f"tests/experiments/test_{NAME}.py"),
}
OPTIONS = {"probe": ["--folder", "landscape"]}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory) -> Project:
    """The project as a person has it, with a starting file of every kind, and what the command said of each."""
    project = whole(tmp_path_factory.mktemp("checkout"))
    project.said = {}
    for kind in WRITTEN:
        done = project.imprint("new", kind, NAME, *OPTIONS.get(kind, []))
        assert done.returncode == 0, done.stdout
        project.said[kind] = done.stdout
    return project


def passing(project: Project, *arguments: str) -> int:
    """Run tests in the project; return how many passed, which is all of them."""
    done = project.run(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments)
    assert done.returncode == 0 and not re.search("failed|skipped|error", done.stdout.splitlines()[-1]), done.stdout
    return int(re.search(r"^(\d+) passed", done.stdout, re.M)[1])


@pytest.mark.slow
@pytest.mark.parametrize("kind", WRITTEN)
def test_what_is_written_passes_its_test_and_the_linters(checkout, kind):
    assert re.findall(r"^wrote (.+)$", checkout.said[kind], re.M) == list(WRITTEN[kind])
    assert passing(checkout, WRITTEN[kind][1]) >= 2
    code = [file for file in WRITTEN[kind] if file.endswith(".py")]
    for check in (["check"], ["format", "--check"]):
        done = checkout.run(sys.executable, "-m", "ruff", *check, *code)
        assert done.returncode == 0, done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["probe", "task"])
def test_the_command_that_is_told_runs_what_every_one_of_its_kind_promises(checkout, kind):
    (told,) = re.findall(
        rf"^python -m pytest (tests/{kind}s/test_conformance.py -k {NAME}) ", checkout.said[kind], re.M
    )
    assert passing(checkout, *told.split()) >= 8


@pytest.mark.slow
def test_the_examples_in_a_probe_are_right(checkout):
    assert passing(checkout, "--doctest-modules", WRITTEN["probe"][0]) == 1


@pytest.mark.slow
def test_the_entry_that_is_told_is_a_recipe_that_steps(checkout):
    entry = checkout.said["recipe"].partition("config.yaml:\n\n")[2]
    known = (checkout / "recipes.yaml").read_text()
    checkout.append("recipes.yaml", "\n" + entry)
    done = checkout.imprint("recipes", NAME)
    (checkout / "recipes.yaml").write_text(known)
    assert done.returncode == 0, done.stdout
    assert f"\n{NAME}: What it does.\n  update {NAME}:HerFirstAttempt, sees network, momentum=0.9\n" in done.stdout
    assert re.search(r"\n  cost 1 passes, [\d.]+ times SGD's time\n", done.stdout)


@pytest.mark.slow
def test_the_experiment_is_planned_by_the_command_that_is_told(checkout):
    (told,) = re.findall(rf"^imprint (plan \w+\.{NAME}) ", checkout.said["experiment"], re.M)
    done = checkout.imprint(*told.split())
    assert done.returncode == 0, done.stdout
    assert re.search(r"^train: \d+ of \d+$", done.stdout, re.M), done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("kind", WRITTEN)
def test_a_second_time_nothing_is_overwritten(checkout, kind):
    before = [(checkout / file).read_bytes() for file in WRITTEN[kind]]
    done = checkout.imprint("new", kind, NAME, *OPTIONS.get(kind, []))
    assert done.returncode == 1 and f"{WRITTEN[kind][0]} is there already" in done.stdout
    assert [(checkout / file).read_bytes() for file in WRITTEN[kind]] == before


def test_all_starting_files_are_installed():
    installed = {path.name for path in (files("imprint") / "starters").iterdir()}
    assert installed == {f"{starter}.template" for places in new.PLACES.values() for starter in places}
    data = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]
    assert "starters/*.template" in data["imprint"]


def test_the_optimizer_may_lie_anywhere(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert new.main(["recipe", NAME]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(WRITTEN["recipe"])
    entry = yaml.safe_load(capsys.readouterr().out.partition("config.yaml:\n\n")[2])
    assert study.parse(schema.Recipe, entry[NAME], tmp_path, NAME).update == f"{NAME}:HerFirstAttempt"


@pytest.mark.parametrize("file", WRITTEN["recipe"])
def test_all_files_are_written_or_none(tmp_path, monkeypatch, capsys, file):
    monkeypatch.chdir(tmp_path)
    (tmp_path / file).write_text("hers")
    with pytest.raises(new.ImprintError, match=f"{file} is there already; nothing is overwritten"):
        new.main(["recipe", NAME])
    assert [path.read_text() for path in tmp_path.iterdir()] == ["hers"]


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """What the command looks at in the project: names of files, recipes and studies."""
    taken = ("probes/weights/distance.py", "probes/weights/__init__.py", "tasks/moons.py")
    for file in [*(f"src/imprint/{file}" for file in taken), "experiments/digits.yaml"]:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    (tmp_path / "config.yaml").write_text("studies: {core: {tier: core, experiments: all}}")
    (tmp_path / "recipes.yaml").write_text("adam: {update: torch.optim:Adam}")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("argv", "why"),
    [
        (["recipe", "Mine"], "'Mine' is no name; use lower-case letters"),
        (["recipe", "my-own"], "'my-own' is no name"),
        (["recipe", "2nd"], "'2nd' is no name"),
        (["recipe", "lambda"], "'lambda' is a word of Python"),
        (["recipe", "random"], "'random' is a module already"),
        (["recipe", "torch"], "'torch' is a module already"),
        (["recipe", "adam"], "recipes.yaml has a recipe 'adam'"),
        (["probe", "distance"], "src/imprint/probes/weights/distance.py is there already, and names are unique"),
        (["probe", NAME, "--folder", "weight"], "'weight' is no folder of src/imprint/probes; did you mean 'weights'"),
        (["task", "moons"], "src/imprint/tasks/moons.py is there already"),
        (["experiment", "digits"], "experiments/digits.yaml is there already; nothing is overwritten"),
    ],
)
def test_a_name_that_will_not_do_is_refused_with_the_reason(folder, argv, why):
    before = sorted(folder.rglob("*"))
    with pytest.raises(new.ImprintError, match=re.escape(why)):
        new.main(argv)
    assert sorted(folder.rglob("*")) == before


@pytest.mark.parametrize("kind", ["probe", "task", "experiment"])
def test_what_belongs_to_the_project_is_written_there_alone(tmp_path, monkeypatch, kind):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(new.ImprintError, match="no folder .* here; .*the folder that has the Snakefile"):
        new.main([kind, NAME])
    assert not list(tmp_path.iterdir())


def test_an_experiment_that_no_study_would_have(run, project):
    project.config["studies"]["quick"]["experiments"] = ["toy"]
    status, out, err = run("new", "experiment", NAME)
    assert (status, out) == (1, "") and "no study has `experiments: all`" in err


@pytest.mark.parametrize("argv", [["new"], ["new", "figure", NAME], ["new", "task", NAME, "--folder", "weights"]])
def test_a_wrong_command_line(run, argv):
    status, out, err = run(*argv)
    assert (status, out) == (2, "") and err.startswith("usage: imprint new")

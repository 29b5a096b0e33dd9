"""``imprint profile``: what it writes, what it starts in which order, what it says of her errors. Nothing trains."""

import sys

import pytest
import yaml

from imprint.commands import profile as command
from imprint.commands import study
from imprint.words import NOTHING_TO_DO

MINE = """
import torch


class MyOptimizer(torch.optim.Optimizer):
    def __init__(self, params, lr=0.1):
        super().__init__(params, {"lr": lr})

    def step(self, closure=None):
        raise ValueError("no step of mine")


class Adam(MyOptimizer):
    pass
"""


@pytest.fixture
def mine(project):
    """Her module, in the study's folder."""
    file = project.write() / "her_module.py"
    file.write_text(MINE)
    yield file
    sys.modules.pop("her_module", None)


@pytest.fixture
def started(project, monkeypatch):
    """The studies that would be run, in order; each run leaves what a run leaves."""
    seen = []

    def snakemake(line, modules):
        (name,) = (word.removeprefix("study=") for word in line if word.startswith("study="))
        seen.append(name)
        project.publish(name)
        return 0

    monkeypatch.setattr(study, "run", snakemake)
    return seen


def written(project, name):
    return yaml.safe_load((project.root / f"results/profile_{name}/profile.yaml").read_text())


def test_a_class_of_the_current_folder(run, project, mine, started):
    status, out, err = run("profile", "her_module:MyOptimizer", "--lr", "1e-3..1")
    assert (status, err) == (0, "")
    assert out == f"page: {project.root.resolve()}/results/profile_my_optimizer/profile.html\n"
    recipe = {"update": "her_module:MyOptimizer", "search": {"lr": [0.001, 1.0]}}
    assert written(project, "my_optimizer") == {"base": "quick", "recipe": {"my_optimizer": recipe}}


def test_without_rates_three_decades_around_the_default(run, project, mine, started):
    assert run("profile", "her_module:MyOptimizer", "--name", "other", "--study", "core")[0] == 0
    assert written(project, "other")["base"] == "core"
    assert written(project, "other")["recipe"]["other"]["search"] == {"lr": [0.00316, 3.16]}


def test_an_entry_of_a_file(run, project, mine, started):
    text = (
        "hers:\n  says: Mine.\n  update: her_module:MyOptimizer\n  hyper: {lr: 0.5}\n"
        "  decay: {name: decoupled, weight_decay: 0.1}\n"
    )
    (project.root / "recipe.yaml").write_text(text)
    assert run("profile", "recipe.yaml")[0] == 0
    assert written(project, "hers")["recipe"]["hers"] == yaml.safe_load(text)["hers"]


def test_the_first_page_is_of_digits(run, project, mine, started):
    project.experiments |= {"digits": project.toy, "also": project.toy}
    status, out, _ = run("profile", "her_module:MyOptimizer")
    assert (status, started) == (0, ["profile_my_optimizer.digits", "profile_my_optimizer"])
    first, last = out.splitlines()
    assert first.startswith("first page, digits alone: ") and first.endswith("profile_my_optimizer.digits/profile.html")
    assert last.startswith("page: ") and last.endswith("profile_my_optimizer/profile.html")


def test_a_second_time_there_is_nothing_to_do(run, project, mine, started):
    project.experiments |= {"digits": project.toy}
    run("profile", "her_module:MyOptimizer")
    del started[:]
    status, out, err = run("profile", "her_module:MyOptimizer")
    assert (status, started) == (0, []) and NOTHING_TO_DO in err
    assert out == f"page: {project.root.resolve()}/results/profile_my_optimizer/profile.html\n"


def test_plan_and_status_know_the_study(run, project, mine, started):
    status, out, _ = run("profile", "her_module:MyOptimizer", "--dry-run")
    assert (status, started) == (0, []) and out.startswith("study profile_my_optimizer: ")
    for asked in ("plan", "status"):
        status, out, _ = run(asked, "profile_my_optimizer")
        assert status == 0 and out.startswith("study profile_my_optimizer: ")


REFUSED = {
    "a known name": (["her_module:Adam"], "'adam' is a known recipe, of recipes.yaml; give yours another name: --name"),
    "a name that is none": (["her_module:MyOptimizer", "--name", "My-one"], "--name: 'My-one' is no name of a recipe"),
    "no rates": (["her_module:MyOptimizer", "--lr", "1e-4-1e-1"], "--lr: '1e-4-1e-1' is not LOW..HIGH"),
    "rates the wrong way": (["her_module:MyOptimizer", "--lr", "1..0.1"], "no positive LOW below HIGH"),
    "no class": (["her_module:MyOptimiser"], "has no class 'MyOptimiser'; did you mean 'MyOptimizer'"),
    "no module": (["her_modul:MyOptimizer"], "there is no module 'her_modul'"),
    "neither": (["her_module"], "'her_module' is neither package.module:Class nor a YAML file"),
    "no file": (["absent.yaml"], "absent.yaml: no such file"),
    "no study": (["her_module:MyOptimizer", "--study", "quik"], "base: 'quik' is not in studies"),
}  # fmt: skip


@pytest.mark.parametrize(("argv", "words"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused_leaves_nothing(run, project, mine, started, argv, words):
    status, out, err = run("profile", *argv)
    assert (status, out, started) == (1, "", [])
    assert err.startswith("imprint profile: error: ") and words in err and "Traceback" not in err
    assert not list((project.root / "results").glob("*/profile.yaml"))


@pytest.mark.parametrize("text", ["a: {update: m:C}\nb: {update: m:C}\n", "a: 3\n", "{}\n"])
def test_a_file_with_another_number_of_entries(run, project, mine, started, text):
    (project.root / "recipe.yaml").write_text(text)
    _, _, err = run("profile", "recipe.yaml")
    assert "recipe.yaml: one entry as in recipes.yaml is expected" in err


def test_a_wrong_key_of_a_file_names_it(run, project, mine, started):
    (project.root / "recipe.yaml").write_text("hers: {update: her_module:MyOptimizer, hypr: {lr: 0.1}}")
    assert "recipe.yaml: hers.hypr: unknown key; did you mean 'hyper'" in run("profile", "recipe.yaml")[2]


def test_what_was_written_before_stays_if_the_next_cannot_be_planned(run, project, mine, started):
    run("profile", "her_module:MyOptimizer", "--lr", "1e-3..1")
    before = written(project, "my_optimizer")
    project.toy["open"] = False
    assert run("profile", "her_module:MyOptimizer", "--lr", "1e-2..1")[0] == 1
    assert written(project, "my_optimizer") == before


def test_an_import_that_fails(run, project, mine, started):
    mine.write_text("import torch\n1 / 0\n")
    status, out, err = run("profile", "her_module:MyOptimizer")
    assert (status, out, started) == (1, "", [])
    assert "her_module cannot be imported" in err and f'{mine}", line 2' in err and "ZeroDivisionError" in err
    assert not (project.root / "results/profile_my_optimizer").exists()


def test_elsewhere_it_says_where_to_run(monkeypatch, tmp_path, capsys):
    from imprint import cli

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    assert cli.main(["profile", "her_module:MyOptimizer"]) == 1
    assert f"run this in the folder of the project; PYTHONPATH={tmp_path} " in capsys.readouterr().err


@pytest.fixture
def failing(project, monkeypatch):
    """A run that fails with this in the log of the search of the recipe mine, where begun."""

    def fail(stage, recipe, text):
        def execute(plan, rest, profile=None, cold=False):
            unit = next(e.unit for e in plan.entries if (e.kind, e.recipe) == (stage, recipe))
            log = project.root / f"results/logs/{unit.stage}/{unit.name}.log"
            log.parent.mkdir(parents=True, exist_ok=True)
            log.write_text(text)
            return 1

        monkeypatch.setattr(command, "execute", execute)

    return fail


def test_her_error_is_told_as_hers(run, mine, failing):
    trace = (
        f'Traceback (most recent call last):\n  File "{mine}", line 9, in step\n    raise\nValueError: no step of mine'
    )
    failing("search", "my_optimizer", f"epoch 1\n{trace}\nimprint search: error: ValueError\n")
    status, out, err = run("profile", "her_module:MyOptimizer")
    assert (status, out) == (1, "")
    assert "my_optimizer raised an error in search toy my_optimizer; it is of her_module:" in err
    assert trace in err and "epoch 1" not in err and "Mend my_optimizer and run this again" in err


def test_another_error_of_her_job_shows_the_end_of_its_log(run, mine, failing):
    failing("search", "my_optimizer", "one\ntwo\n")
    status, _, err = run("profile", "her_module:MyOptimizer")
    assert status == 1 and "search toy my_optimizer failed, a job of my_optimizer alone" in err and "    | two" in err


def test_an_error_of_another_job_is_not_hers(run, mine, failing):
    failing("search", "adam", "one\ntwo\n")
    status, _, err = run("profile", "her_module:MyOptimizer")
    assert (status, err) == (1, "")


def test_a_first_page_that_fails_is_the_last(run, project, mine, failing, monkeypatch):
    project.experiments |= {"digits": project.toy}
    failing("search", "my_optimizer", "one\n")
    inner, seen = command.execute, []
    monkeypatch.setattr(command, "execute", lambda plan, *rest: seen.append(plan.study.name) or inner(plan, *rest))
    assert run("profile", "her_module:MyOptimizer")[0] == 1
    assert seen == ["profile_my_optimizer.digits"]

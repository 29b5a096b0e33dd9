"""The console program: exit codes, hints, and what `imprint plan` and `imprint recipes` print."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from imprint import cli, code_version, store
from imprint import plan as planning
from imprint.naming import sealed

sys.path.insert(0, str(Path(__file__).parent))
import study_example  # noqa: E402


@pytest.fixture
def project(tmp_path):
    return study_example.Project(tmp_path / "study")


@pytest.fixture
def run(project, monkeypatch, capsys):
    """Return a function that runs a command in the study's folder, as the installed program would."""
    here = [path for path in sys.path if path not in ("", os.getcwd())]

    def command(*argv):
        monkeypatch.chdir(project.write())
        monkeypatch.setattr(sys, "path", list(here))
        try:
            status = cli.main(list(argv))
        except SystemExit as stop:
            status = stop.code or 0
        out, err = capsys.readouterr()
        return status, out, err

    return command


# ----------------------------------------------------------------- exit codes


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("plam", "did you mean 'plan'"),
        ("reports", "did you mean 'report'"),
        ("zzz", "allowed: calibrate, claims, clean, data"),
    ],
)
def test_an_unknown_command(run, name, hint):
    status, out, err = run(name)
    assert (status, out) == (2, "")
    assert err.startswith(f"imprint: no command '{name}'; {hint}")


@pytest.mark.parametrize("argv", [[], ["--help"], ["-h"]])
def test_help(run, argv):
    status, out, err = run(*argv)
    assert (status, err) == (0, "")
    for name in [*cli.COMMANDS, *cli.STAGES]:
        assert name in out


@pytest.mark.parametrize("name", ["plan", "recipes", "study", "new", "freeze", "gather", "select"])
def test_help_of_a_command(run, name):
    status, out, err = run(name, "--help")
    assert (status, err) == (0, "")
    assert out.startswith(f"usage: imprint {name}")


@pytest.mark.parametrize(
    "argv", [["plan", "--no-such"], ["freeze"], ["gather", "--spec", "{}"], ["gather", "--spec", "{"]]
)
def test_a_wrong_command_line(run, argv):
    status, out, err = run(*argv)
    assert (status, out) == (2, "")
    assert f"usage: imprint {argv[0]}" in err and "error: " in err


def test_told_errors_have_no_traceback(run, project):
    project.toy["probes"].append("hesian")
    status, out, err = run("plan")
    assert (status, out) == (1, "")
    assert err.startswith("imprint plan: error: ")
    assert "did you mean 'hessian'" in err
    assert "Traceback" not in err


def test_an_unknown_study(run):
    status, _, err = run("plan", "quik")
    assert status == 1
    assert "config.yaml: study: 'quik' is not in studies; did you mean 'quick'?" in err


@pytest.mark.parametrize(("name", "file"), [("plan", "config.yaml"), ("recipes", "recipes.yaml")])
def test_no_study_here(monkeypatch, tmp_path, capsys, name, file):
    monkeypatch.chdir(tmp_path)
    assert cli.main([name]) == 1
    assert f"imprint {name}: error: {file}: no such file" in capsys.readouterr().err


def test_a_stage_tells_its_errors(run, project):
    version = code_version.version(("imprint.stages.gather",), planning.LIBRARIES["gather"])
    spec = {"places": "0", "code": {"modules": [], "files": [], **version}}
    spec["code"]["sources"]["imprint.store"] = "00000000"
    (project.write() / "frozen.json").write_text(json.dumps(sealed({})))
    status, out, err = run("gather", "--spec", json.dumps(spec), "--plan", "frozen.json", "--out", "x.zarr.zip")
    assert (status, out) == (1, "")
    assert "imprint gather: error: gather: imprint.store changed since this job was planned; run the study again" in err
    assert "Traceback" not in err


def test_a_fault_of_the_program_keeps_its_traceback(run, monkeypatch):
    def fault(*_):
        raise ZeroDivisionError("not for the person who runs the study")

    monkeypatch.setattr(planning, "build", fault)
    with pytest.raises(ZeroDivisionError, match="not for the person"):
        run("plan")


def test_a_closed_pipe_is_no_error_to_tell(run, monkeypatch):
    def closed(*_):
        raise BrokenPipeError

    monkeypatch.setattr(planning, "build", closed)
    assert run("plan") == (1, "", "")


@pytest.mark.parametrize(("code", "status"), [(0, 1), (None, 1), (3, 3), ("why", "why")])
def test_a_stage_that_stops_before_its_output_is_complete(run, monkeypatch, code, status):
    def stop(argv):
        sys.exit(code)

    monkeypatch.setattr("imprint.stages.gather.main", stop)
    found, _, err = run("gather")
    assert found == status
    assert ("stopped before its output was complete" in err) == (not code)


def test_the_installed_program(project):
    program = Path(sys.executable).with_name("imprint")
    words = [program, "recipes", "--no-cost"]
    answer = subprocess.run(words, cwd=project.write(), capture_output=True, text=True)
    assert (answer.returncode, answer.stderr) == (0, "")
    assert answer.stdout.startswith("sgd: ")
    answer = subprocess.run(words, cwd=project.root / "experiments", capture_output=True, text=True)
    assert (answer.returncode, answer.stdout) == (1, "")
    assert answer.stderr == "imprint recipes: error: recipes.yaml: no such file\n"


# -------------------------------------------------------------------- recipes


def test_recipes(run, project):
    project.recipes["full"] = {
        "says": "All parts.",
        "source": "here2025",
        "update": "muon",
        "hyper": {"momentum": 0.95},
        "sees": "matrices",
        "rest": {"update": "torch.optim:Adam", "hyper": {"lr": 0.001}},
        "decay": {"name": "decoupled", "weight_decay": 0.1},
        "schedule": {"name": "inverse_sqrt"},
        "search": {"lr": [0.0006, 0.6]},
    }
    status, out, err = run("recipes", "--no-cost")
    assert (status, err) == (0, "")
    full = out[out.index("full: ") :].splitlines()
    assert full == [
        "full: All parts.",
        "  update imprint.recipes.update.muon:Muon, sees matrices, momentum=0.95",
        "  rest torch.optim:Adam, lr=0.001",
        "  decay name=decoupled weight_decay=0.1",
        "  schedule name=inverse_sqrt",
        "  search lr from 0.0006 to 0.6",
        "  source here2025",
    ]
    assert "plain: \n  update torch.optim:SGD, sees network, lr=0.1\n  source none given\n" in out


def test_recipes_with_what_they_cost(run):
    status, out, err = run("recipes", "adam")
    assert (status, err) == (0, "")
    assert out.startswith("Cost of a step next to SGD's: perceptron 64-64-64-10, batch 128")
    assert re.search(r"\n  cost 1 passes, \d+\.\d times SGD's time\n$", out) and out.count("\nadam: ") == 1


def test_recipes_of_an_unknown_name(run):
    status, out, err = run("recipes", "adma")
    assert (status, out) == (1, "") and "'adma' is not in recipes.yaml; did you mean 'adam'" in err


def test_recipes_of_a_broken_file(run, project):
    project.recipes["adam"]["hyper"]["lr"] = -1.0
    status, out, err = run("recipes")
    assert (status, out) == (1, "")
    assert "recipes.yaml: adam.hyper: lr is -1.0; a learning rate is positive" in err


def test_nothing_to_calibrate(run):
    status, out, err = run("calibrate")
    assert (status, out) == (1, "")
    assert "study quick: nothing can be calibrated; config.yaml needs calibration:, a pool of replicas" in err


def test_a_command_named_like_a_stage_is_the_stage_where_a_spec_is_given(run):
    assert "usage: imprint calibrate [-h] [study]" in run("calibrate", "--help")[1]
    assert "--out" in run("calibrate", "--spec", "{}", "--help")[1]


@pytest.mark.parametrize(("value", "status"), [(0.05, 0), (0.3, 1)])
def test_a_calibration_is_printed_and_its_failure_is_an_exit_code(run, project, value, status):
    project.config["calibration"] = {
        "task": project.toy["task"],
        "recipe": "plain",
        "stop": {"epochs": 1},
        "evaluate_every": 5,
        "seeds": ["0-63"],
        "measures": ["performance.test_loss"],
    }
    project.toy["seeds"] = ["0-7"]
    (unit,) = project.plan().units["calibrate"].values()
    columns = {"check": "alike_false", "subject": "", "value": value, "lowest": -np.inf, "highest": 0.16, "mark": ""}
    about = {"long_name": "x", "units": "1"}
    figures = {name: ("figure", np.array([cell]), about) for name, cell in columns.items()}
    store.write(xr.Dataset(figures), project.root / unit.path)
    found, out, _ = run("calibrate")
    assert found == status
    assert f"  all measures: {value}, at most 0.16{': OUT OF RANGE' if status else ''}\n" in out


def test_commands_and_stages_have_modules():
    for name in cli.STAGES:
        assert code_version.source_file(f"imprint.stages.{name}")
    for name in cli.COMMANDS:
        assert code_version.source_file(f"imprint.commands.{name}")


def test_targets_come_before_options_that_take_many_values(tmp_path, monkeypatch):
    """Snakemake's own parser sees the target as a target."""
    from snakemake.cli import get_argument_parser

    from imprint.commands.study import snakemake

    words = snakemake("quick", "cpu", ["results/store/data/toy.zarr.zip"])[3:]
    parsed = get_argument_parser().parse_args(words)
    assert parsed.targets == ["results/store/data/toy.zarr.zip"]
    assert parsed.config == ["study=quick", "device=cpu"]

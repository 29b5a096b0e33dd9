"""What all stages share: options, inputs, provenance, and the refusal to run other code than was planned."""

import json
import re

import pytest

from imprint import store
from imprint.identity import canonical
from imprint.stages.common import Job, StageError, job

RECIPE = {"update": "torch.optim:SGD", "hyper": {"lr": 0.1}}


def parsed(bench, spec, *more, stage="train"):
    return job(stage, ["--spec", canonical(spec), "--out", str(bench.path("out")), *more])


def test_a_command_line_is_a_job(bench):
    data = bench.data()
    spec = bench.spec("train", RECIPE, seeds=[0])
    work = parsed(
        bench, spec, "--input", f"data={data}", "--input", "units=a", "--input", "units=b", "--label", "toy sgd"
    )
    assert isinstance(work, Job)
    assert work.spec == json.loads(canonical(spec)) and work.label == "toy sgd" and work.plan == {}
    assert [path.name for path in work.inputs["units"]] == ["a", "b"]
    assert work.read("data")["x_train"].shape == (60, 6)
    assert work.task().classes == 3
    assert work.provenance()["made_from"]["data"] == ["data.zarr.zip"]
    assert work.provenance()["stage"] == "train"


def change(spec, kind):
    changed = json.loads(canonical(spec))
    name = next(iter(changed["code"][kind]))
    changed["code"][kind][name] = "0"
    return changed, name


@pytest.mark.parametrize("kind", ["sources", "libraries"])
@pytest.mark.parametrize("stage", ["train", "search", "recipe"])
def test_other_code_than_was_planned_is_refused(bench, stage, kind):
    spec, name = change(bench.spec(stage, RECIPE, seeds=[0]), kind)
    message = rf"{stage}: {re.escape(name)} changed since this job was planned; run the study again"
    with pytest.raises(StageError, match=message):
        parsed(bench, spec, stage=stage)


def test_an_author_s_file_that_changed_after_planning_is_refused(bench, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    file = tmp_path / "her_changing_module.py"
    file.write_text("from torch.optim import SGD as Her\nRATE = 1\n")
    spec = bench.spec("recipe", {"update": "her_changing_module:Her", "hyper": {"lr": 0.1}})
    bench.run("recipe", spec, data=bench.data())
    file.write_text("from torch.optim import SGD as Her\n\nRATE = 1  # a comment changes nothing\n")
    bench.run("recipe", spec, out="again", data=bench.data())
    file.write_text("from torch.optim import SGD as Her\nRATE = 2\n")
    with pytest.raises(StageError, match="her_changing_module changed since this job was planned"):
        bench.run("recipe", spec, out="third", data=bench.data())
    assert not bench.path("third").exists()


def test_a_missing_input_is_told_by_name(bench):
    work = parsed(bench, bench.spec("train", RECIPE, seeds=[0]), "--input", f"data={bench.path('nowhere')}")
    with pytest.raises(store.StoreError, match="nowhere.zarr.zip: no such store"):
        work.read("data")


@pytest.mark.parametrize("argv", [[], ["--spec", "{"]])
def test_options_that_make_no_job(argv, capsys):
    with pytest.raises(SystemExit) as caught:
        job("train", argv)
    assert caught.value.code == 2
    assert "--spec" in capsys.readouterr().err

"""``imprint clean --stale``: what no study refers to goes, after it was shown and agreed to; nothing else goes."""

import json

import pytest

from imprint import plan as planning
from imprint import register, results
from imprint.identity import Unit


@pytest.fixture
def stale(project):
    """A published study, and a training of it that another setting made, with its log, benchmark and checkpoint."""
    made = project.publish()
    train = next(iter(made.units["train"].values()))
    other = Unit("train", train.prefix, {**train.spec, "seeds": [7]}, train.inputs)
    project.put(other, other.path)
    checkpoint = project.root / f"results/resume/{other.name}/fleet/state.pt"
    checkpoint.parent.mkdir(parents=True)
    checkpoint.write_text("x")
    return other


def files(project):
    return {str(path.relative_to(project.root)) for path in (project.root / "results").rglob("*") if path.is_file()}


def of(unit):
    """Files of a unit that a study would refer to."""
    return {unit.path, f"results/logs/train/{unit.name}.log", f"results/resume/{unit.name}/fleet/state.pt"}


def test_the_switch_is_needed(run, stale, project):
    before = files(project)
    assert run("clean")[0] == run("clean", "--yes")[0] == 2
    assert files(project) == before


def test_nothing_is_stale(run, project):
    made = project.publish()
    train = next(iter(made.units["train"].values()))
    for file in (f"results/locks/train/{train.name}.zarr.zip.lock", f"results/{made.study.name}/multiverse.csv"):
        (project.root / file).parent.mkdir(parents=True, exist_ok=True)
        (project.root / file).touch()
    before = files(project)
    assert run("clean", "--stale", "--yes")[:2] == (0, "nothing is stale: a study refers to every result\n")
    assert files(project) == before


def test_without_an_answer_nothing_is_removed(run, stale, project, monkeypatch):
    before = files(project)
    status, out, _ = run("clean", "--stale")
    assert status == 1
    assert "3 files, " in out and all(file in out for file in of(stale))
    assert out.splitlines()[-2:] == [
        "nobody to ask; `imprint clean --stale --yes` removes without asking",
        "nothing was removed",
    ]
    assert files(project) == before


@pytest.mark.parametrize(("answer", "gone"), [("y", True), ("YES", True), ("n", False), ("", False)])
def test_the_answer_counts(run, stale, project, monkeypatch, answer, gone):
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("builtins.input", lambda _: answer)
    status, _, _ = run("clean", "--stale")
    assert (status, bool(of(stale) & files(project))) == (0 if gone else 1, not gone)


def test_what_is_stale_goes_and_nothing_else(run, stale, project):
    before = files(project)
    (project.root / "results/store/train/notes.txt").write_text("mine")
    (project.root / "results/mine").mkdir()
    (project.root / "results/mine/table.csv").write_text("mine")
    status, out, _ = run("clean", "--stale", "--yes")
    kept = {"results/store/train/notes.txt", "results/mine/table.csv"}
    assert (status, files(project)) == (0, before - of(stale) | kept)
    assert [line for line in out.splitlines() if "kept" in line] == [
        "made by no rule, kept: results/mine/table.csv",
        "made by no rule, kept: results/store/train/notes.txt",
    ]
    assert out.splitlines()[-1] == "removed 3 files"
    assert not (project.root / f"results/resume/{stale.name}").exists()
    assert (project.root / f"results/benchmarks/train/{stale.name}.jsonl").exists(), "it tells what a job takes"
    assert run("clean", "--stale", "--yes")[0] == 0


def test_what_another_study_refers_to_stays(run, project):
    project.config["studies"]["core"]["tier"] = "long"
    project.config["studies"]["quick"]["tier"] = "quick"
    project.toy["tiers"] = {"long": {"stop": {"steps": {"epochs": 3}}}}
    project.publish()
    project.publish("core")
    before = files(project)
    assert run("clean", "--stale", "--yes")[1].startswith("nothing is stale")
    assert files(project) == before
    del project.config["studies"]["core"]
    project.toy["tiers"] = {}
    out = run("clean", "--stale", "--yes")[1]
    assert "results/core/report.html" in out and "results/core/index.csv" in out
    assert not [file for file in files(project) if file.startswith("results/core")]
    assert files(project) >= {unit.path for unit in planning.all_units(project.plan())}


def test_a_study_of_one_experiment_that_was_run_stays(run, project):
    project.publish("core.toy")
    before = files(project)
    assert run("clean", "--stale", "--yes")[1].startswith("nothing is stale")
    assert files(project) == before


def test_a_study_of_one_experiment_that_is_declared_no_longer_is_stale(run, project):
    project.publish("core.toy")
    project.experiments["other"] = {**project.toy, "probes": ["performance"]}
    project.config["studies"]["core"]["experiments"] = ["other"]
    assert "results/core.toy/report.html" in run("clean", "--stale", "--yes")[1]
    assert not (project.root / "results/core.toy").exists()


@pytest.mark.parametrize("other", ["cpu", "cuda"])
def test_what_was_made_on_another_device_stays(run, project, other):
    """A cluster's login node has no GPU; what its nodes made is in use."""
    project.config["device"] = other
    project.publish()
    project.config["device"] = "cpu"
    assert run("clean", "--stale", "--yes")[1].startswith("nothing is stale")


def test_a_study_that_cannot_be_planned(run, stale, project):
    before = files(project)
    project.config["studies"]["core"]["experiments"] = ["gone"]
    status, _, err = run("clean", "--stale", "--yes")
    assert status == 1
    assert "clean: error: what study core refers to is not known, because it cannot be planned: " in err
    assert files(project) == before


def test_while_snakemake_holds_its_lock(run, stale, project):
    lock = project.root / ".snakemake/locks/0.output.lock"
    lock.parent.mkdir(parents=True)
    lock.touch()
    before = files(project)
    status, _, err = run("clean", "--stale", "--yes")
    assert status == 1 and ".snakemake/locks: Snakemake runs here; clean when it has ended" in err
    assert files(project) == before


def test_while_a_job_runs(run, stale, project, monkeypatch):
    out = (project.root / stale.path).resolve()
    monkeypatch.setattr("imprint.jobs.writers", lambda: {out: type("Process", (), {"pid": 12})()})
    before = files(project)
    status, _, err = run("clean", "--stale", "--yes")
    assert status == 1 and f"{out} is being made by process 12" in err
    assert files(project) == before
    monkeypatch.setattr("imprint.jobs.writers", lambda: {project.root.parent / "x": None})
    assert run("clean", "--stale", "--yes")[0] == 0, "a job of another project"


# ------------------------------------------------------------ what is what


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("notes.txt", "foreign"),
        ("register.jsonl", ""),
        ("removed.jsonl", ""),
        (".gitignore", ""),
        ("store/notes.txt", "foreign"),
        ("store/tarin/toy-SGD-0123456789.zarr.zip", "foreign"),
        ("store/train/toy-SGD-0123456789.zarr.zip", "stale"),
        ("store/train/toy-SGD.zarr.zip", "foreign"),
        ("store/train/toy-SGD-012345678g.zarr.zip", "foreign"),
        ("store/train/.toy-SGD-0123456789.zarr.zip.12.part", "stale"),
        ("store/train/deeper/toy-SGD-0123456789.zarr.zip", "foreign"),
        ("store/figure/toy-seeds-0123456789.png", "stale"),
        ("store/plan/quick-0123456789.json", "stale"),
        ("logs/train/toy-SGD-0123456789.log", "stale"),
        ("benchmarks/train/toy-SGD-0123456789.jsonl", ""),
        ("resume/toy-SGD-0123456789/fleet/x", "stale"),
        ("resume/mine/x", "foreign"),
        ("quick/report.html", ""),
        ("quick/figures/x.svg", ""),
        ("quick/atlas.zarr/zarr.json", ""),
        ("quick/notes.txt", "foreign"),
        ("elsewhere/report.html", "foreign"),
    ],
)
def test_a_file_is_in_use_or_stale_or_foreign(project, name, kind):
    project.publish()
    file = project.root / "results" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    if not file.exists():
        file.write_text("")
    tree = results.survey(project.root)
    assert {"stale": file in tree.stale, "foreign": file in tree.foreign} == {
        "stale": kind == "stale",
        "foreign": kind == "foreign",
    }


def test_what_an_interrupted_job_left_beside_a_finished_one_is_stale(project):
    made = project.publish()
    train = next(iter(made.units["train"].values()))
    store = project.root / train.path
    left = store.with_name(f".{store.name}.12.part")
    left.write_text("")
    assert results.survey(project.root).stale == [left]
    store.unlink()
    assert results.survey(project.root).stale == [], "a job may be writing it"


# ------------------------------------------- what was measured is not forgotten


def test_a_removed_measurement_still_makes_a_claim_post_hoc(run, project):
    """Earlier code measured; its results are removed; a claim that comes then has been seen to."""
    made = project.publish()
    frozen = json.loads((project.root / planning.frozen_for(made, made.final).path).read_text())
    probes = {place["file"] for place in frozen["places"] if place["kind"] == "probe"}
    project.toy["task"]["limit"] = 90
    status, out, _ = run("clean", "--stale", "--yes")
    assert status == 0 and not probes & files(project)
    removed = register.removed(project.root / "results/removed.jsonl")
    assert {place["file"] for place in removed} == probes
    project.toy["task"]["limit"] = 100
    register.record(planning.frozen(project.plan()), project.root / "results")
    lines = register.read(project.root / "results/register.jsonl").values()
    assert [line["post_hoc"] for line in lines] == [True, True]


def test_nothing_removed_leaves_no_line(run, stale, project):
    run("clean", "--stale", "--yes")
    assert not (project.root / "results/removed.jsonl").exists(), "a training is no measurement"


def test_a_line_that_tells_no_measurement(project, tmp_path):
    (tmp_path / "removed.jsonl").write_text('{"file": "x", "subject": "y"}\n{"file": "x"}\n')
    with pytest.raises(register.RegisterError, match="removed.jsonl: line 2 tells no measurement"):
        register.removed(tmp_path / "removed.jsonl")

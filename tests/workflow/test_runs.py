"""The small study really run: first, after a change, after the way back, and without warm workers."""

import csv
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from imprint import store

pytestmark = pytest.mark.slow

SPARSITY = "src/imprint/probes/weights/sparsity.py"


def claims(project) -> list[dict]:
    with open(project / "results/tiny/claims.csv", newline="") as handle:
        return list(csv.DictReader(handle))


def test_first_run_publishes_everything(finished):
    published = finished / "results/tiny"
    index = list(csv.DictReader((published / "index.csv").read_text().splitlines()))
    assert {row["stage"] for row in index} == {"search", "select", "train", "probe"}
    assert all((finished / row["file"]).is_file() for row in index)
    assert {row["claim"] for row in claims(finished)} == {"learned", "same_accuracy", "wide"}
    assert (published / "report.html").stat().st_size > 10_000
    assert (published / "atlas.zarr/zarr.json").is_file()
    for suffix in ("svg", "png", "csv"):
        assert len(list((published / "figures").glob(f"*.{suffix}"))) == finished.units()["figure"] / 2
    assert finished.units()["report"] == 1
    assert not list((finished / "results").rglob("*.part")) + list((finished / "results").rglob("*.lock"))


def test_a_claim_that_names_no_stop_is_read_at_the_first_one_declared(finished):
    (learned,) = {row["mode"] for row in claims(finished) if row["claim"] == "learned"}
    assert learned == "steps/best/final"


def test_a_probe_changed_and_changed_back(project):
    before, files = project.units(), project.results()
    project.replace(SPARSITY, "square_RP).mean(-1) / torch", "square_RP).sum(-1) / torch")
    expected = project.jobs()

    said = project.study()
    ran = re.search(r"^\d+ jobs: (.*)$", said, re.M)[1]
    counts = {rule: int(count) for rule, count in re.findall(r"(\w+) (\d+)", ran) if rule != "all"}
    assert counts | {"freeze": 1} == expected
    made = project.units() - before
    assert made["probe"] == expected["probe"] == 4
    assert not {"data", "recipe", "search", "select", "train"} & set(made)
    after = project.results()
    stored = [name for name in files if name.startswith("results/store/") and "/publish/" not in name]
    assert {name: after[name] for name in stored} == {name: files[name] for name in stored}, "nothing is overwritten"

    old, new = (sparsities(project, names) for names in (files, set(after) - set(files)))
    assert old["hoyer"] == new["hoyer"] and not old["kurtosis"] & new["kurtosis"]
    assert project.jobs() == {}

    project.replace(SPARSITY, "square_RP).sum(-1) / torch", "square_RP).mean(-1) / torch")
    assert project.jobs() == {"publish": 1}
    project.study()
    assert project.jobs() == {}
    assert published(project.results()) == published(files)


def published(files: dict[str, str]) -> dict[str, str]:
    return {name: digest for name, digest in files.items() if name.startswith("results/tiny/")}


def sparsities(project, names) -> dict[str, set[str]]:
    """Digests of two measures in the stores of the probe."""
    paths = [project / name for name in names if "/probe/" in name and "-sparsity-" in name]
    digests = [json.loads(store.attributes(path)["array_digests"]) for path in paths]
    return {name: {each[name] for each in digests} for name in ("hoyer", "kurtosis")}


def test_what_reruns_after_a_change_gives_what_a_run_from_nothing_gives(project):
    """A figure's code is changed: the products made step by step equal those made at once."""
    project.append("src/imprint/figures/margin_ratio.py", "\nLIMIT = 3\n")
    project.study()
    stepwise = published(project.results())
    for stage in ("plan", "gather", "claims", "figure", "finding", "report", "publish"):
        shutil.rmtree(project / "results/store" / stage)
    shutil.rmtree(project / "results/tiny")
    project.study()
    at_once = published(project.results())
    assert {name for name in stepwise if at_once[name] != stepwise[name]} == set()


def test_warm_and_cold_runs_give_the_same_bytes(project, finished):
    """Three trainings are run again, each in a process of its own: float32 and float64."""
    for stage in ("plan", "probe", "gather", "claims", "figure", "finding", "report", "publish"):
        shutil.rmtree(project / "results/store" / stage)
    for file in project.stores("train"):
        if "-Adam-" not in file.name:
            file.unlink()
    done = project.imprint("study", "--cold", "--", "--until", "train")
    assert "3 of 3 jobs done" in done.stdout
    warm, cold = finished.stores("train"), project.stores("train")
    assert [path.name for path in cold] == [path.name for path in warm]
    for one, other in zip(cold, warm, strict=True):
        assert store.attributes(one)["array_digests"] == store.attributes(other)["array_digests"]
        assert one.read_bytes() == other.read_bytes()


def test_what_is_stale_after_a_change_is_removed_and_nothing_else(project):
    """A probe is changed: its earlier stores and products go; back again, it is measured anew and nothing trains."""
    files = project.results()
    text = (project / SPARSITY).read_text()
    project.append(SPARSITY, "\nLIMIT = 3\n")
    project.study()
    current = {name for name in project.results() if name not in files}
    said = project.imprint("clean", "--stale")
    assert said.returncode == 1 and "nothing was removed" in said.stdout, said.stdout
    assert project.imprint("clean", "--stale", "--yes").returncode == 0
    gone = set(files) - set(project.results())
    products = {"plan", "gather", "claims", "figure", "finding", "report", "publish"}
    assert {name.split("/")[2] for name in gone} == {"probe", *products} and current <= set(project.results())
    assert len([name for name in gone if "/probe/" in name]) == 4 and all("/store/" in name for name in gone)
    assert project.jobs() == {}
    (project / SPARSITY).write_text(text)
    jobs = project.jobs()
    assert (jobs["probe"], jobs.get("train")) == (4, None)


def test_status_of_a_run_and_of_a_job_that_fails(fresh):
    """While it runs, its processes are found; after it failed, the end of the log is told, and what still waits."""
    square = "square_RP = torch.square(weights_RP - weights_RP.mean(-1, keepdim=True))"
    fresh.replace(SPARSITY, square, 'raise ValueError("not today")')
    command = [str(Path(sys.executable).with_name("imprint")), "study"]
    quiet = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
    with subprocess.Popen(command, cwd=fresh.folder, env=fresh.environment, **quiet) as run:
        seen = []
        while run.poll() is None:
            seen += re.findall(r"^running: (\w+) .*, process \d+$", fresh.imprint("status").stdout, re.M)
    assert seen, "no job was seen while the study ran"
    assert run.returncode != 0
    told = fresh.imprint("status")
    assert told.returncode == 1
    head = re.match(r"study tiny: (\d+) of (\d+) done, running 0, failed 4, waiting (\d+)\n", told.stdout)
    assert head and sum(map(int, head.groups()[::2])) + 4 == int(head[2]), told.stdout
    assert len(re.findall(r"    \| imprint probe: error: probe sparsity .*: not today$", told.stdout, re.M)) == 4
    assert re.search(r"^waiting: gather 1, claims 1, figure \d+, report 1, finding 2, publish 1$", told.stdout, re.M)

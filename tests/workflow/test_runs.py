"""The small study really run: first, after a change, after the way back, and without warm workers."""

import csv
import json
import re
import shutil

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

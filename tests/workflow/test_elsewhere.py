"""What the rules ask of a scheduler, and where jobs run: from the study, the profile and the command line."""

import os
import re
import sys
from pathlib import Path

import pytest
import yaml

from imprint import documents
from imprint import plan as planning
from imprint.commands import study
from imprint.errors import StudyError

PROFILES = Path(__file__).parents[2] / "profiles"
COMPUTES = {"search", "train", "probe"}


def asked(project, *options: str) -> dict[str, dict[str, str]]:
    """Resources of a job of every rule, from a dry run; Snakemake tells them of rules that have no message."""
    for file in (project / "rules").glob("*.smk"):
        file.write_text(re.sub(r"    message:\n.*\n", "", file.read_text()))
    done = project.run(sys.executable, "-m", "snakemake", "--dry-run", *options)
    assert done.returncode == 0, done.stdout
    found = re.findall(r"^(?:local)?rule (\w+):\n(?:    .*\n)*?    resources: (.*)$", done.stdout, re.M)
    return {rule: dict(pair.split("=", 1) for pair in text.split(", ")) for rule, text in reversed(found)}


def set_config(project, **values) -> None:
    content = yaml.safe_load((project / "config.yaml").read_text())
    (project / "config.yaml").write_text(yaml.safe_dump({**content, **values}))


@pytest.mark.slow
def test_rules_ask_for_memory_and_time_and_no_gpu(fresh):
    rules = asked(fresh)
    assert rules["train"] == rules["train"] | {"mem_mb": "2500", "runtime": "60", "gpu": "0"}
    assert all({"mem_mb", "runtime"} <= set(found) for rule, found in rules.items() if rule != "all")
    assert {rule for rule, found in rules.items() if "gpu" in found} == COMPUTES


@pytest.mark.slow
def test_a_study_says_other_numbers_for_a_stage(fresh):
    studies = {
        "tiny": {"tier": "tiny", "pilot": True, "resources": {"train": {"mem_mb": 9000}, "data": {"runtime": 7}}}
    }
    before = {rule: found for rule, found in asked(fresh).items() if rule not in ("train", "data")}
    set_config(fresh, studies=studies)
    rules = asked(fresh)
    assert (rules["train"]["mem_mb"], rules["train"]["runtime"]) == ("9000", "60")
    assert (rules["data"]["mem_mb"], rules["data"]["runtime"]) == ("1500", "7")
    assert {rule: found for rule, found in rules.items() if rule not in ("train", "data")} == before


@pytest.mark.slow
def test_a_study_on_cuda_asks_for_gpus(fresh):
    set_config(fresh, device="cuda")
    assert {rule for rule, found in asked(fresh).items() if found.get("gpu") == "1"} == COMPUTES


@pytest.mark.slow
def test_the_device_is_settled_on_the_command_line(fresh):
    """Jobs on other machines plan again: they find the units of the machine that submitted them."""
    set_config(fresh, device="auto")
    for device, gpus in (("cuda", "1"), ("cpu", "0")):
        assert asked(fresh, "--config", f"device={device}")["train"]["gpu"] == gpus


@pytest.mark.slow
def test_a_job_on_this_machines_gpus_takes_a_slot(fresh):
    set_config(fresh, device="cuda")
    fresh.imprint(
        "study", "--profile", "gpu", "--", "--until", "search", "--resources", "gpu=2", CUDA_VISIBLE_DEVICES="4"
    )
    logs = {file.stem: file.read_text() for file in (fresh / "results/logs/search").glob("*.log")}
    assert len(logs) == 4
    assert all(re.match(r"on GPU 4, place [12] of 2\n", log) for log in logs.values())


def test_a_profile_is_found_by_name_and_by_path(monkeypatch, tmp_path):
    monkeypatch.chdir(PROFILES.parent)
    assert study.find_profile("slurm") == Path("profiles/slurm")
    (tmp_path / "profile.yaml").write_text("executor: slurm\n")
    assert study.find_profile(str(tmp_path)) == tmp_path
    with pytest.raises(StudyError, match=r"--profile: 'slum' is no folder with a profile.yaml; did you mean 'slurm'\?"):
        study.find_profile("slum")


@pytest.mark.parametrize(("name", "there"), [("slurm", True), ("pbs", True), ("gpu", False), ("default", False)])
def test_warm_workers_serve_this_machine_only(monkeypatch, name, there):
    monkeypatch.chdir(PROFILES.parent)
    assert study.elsewhere(study.find_profile(name), []) is there
    assert study.elsewhere(None, ["--executor", "slurm"]) and not study.elsewhere(None, [])


@pytest.mark.parametrize(
    ("stages", "also"),
    [
        (["claims"], set()),
        (["figure"], {"seaborn", "sklearn.datasets"}),
        (["train", "probe"], {"pytorch_lightning", "sklearn.datasets"}),
    ],
)
def test_warm_workers_import_what_the_jobs_need(stages, also):
    assert set(study.preload(stages)) == {*study.PRELOAD, *also}


def test_where_nothing_is_to_run_nothing_is_imported():
    assert study.preload([]) == ()


@pytest.mark.slow
@pytest.mark.parametrize("grouped", [True, False])
def test_jobs_that_are_put_together_share_a_warm_worker(fresh, tmp_path, grouped):
    """A scheduler's job is a Snakemake with the units as targets, and the number of a group if there are several."""
    (tmp_path / "sitecustomize.py").write_text(
        f"import sys\nopen({str(tmp_path / 'started')!r}, 'a').write(repr(sys.orig_argv) + chr(10))\n"
    )
    units = [f"data:unit={name}" for name in planning.build(fresh.folder).units["data"]]
    targets = ["--target-jobs", *units, *(["--local-groupid", "1"] if grouped else [])]
    done = fresh.run(
        *(sys.executable, "-m", "snakemake", *targets, "--mode", "remote", "--force", "--cores", "1"),
        PYTHONPATH=f"{tmp_path}{os.pathsep}{fresh / 'src'}",
    )
    assert done.returncode == 0, done.stdout
    assert fresh.units()["data"] == len(units) > 1
    started = (tmp_path / "started").read_text()
    assert started.count("from imprint import warm") == grouped
    assert started.count("'data', '--spec'") == len(units)
    assert not any("without the warm helper" in log.read_text() for log in (fresh / "results/logs").rglob("*.log"))


@pytest.mark.parametrize("name", ["slurm", "pbs"])
def test_profiles_of_clusters_put_the_same_jobs_together(name):
    profile, slurm = (documents.load(PROFILES / each / "profile.yaml") for each in (name, "slurm"))
    assert profile["groups"] == slurm["groups"] and profile["group-components"] == slurm["group-components"]
    grouped = [group.partition("=")[0] for group in profile["groups"]]
    assert set(grouped).isdisjoint({"search", "train"}), "a job that fails must not take long ones with it"
    assert {each.partition("=")[0] for each in profile["group-components"]} | {"tables", "pages"} == {
        group.partition("=")[2] for group in profile["groups"]
    }
    assert profile["retries"] == 2


@pytest.mark.parametrize("resources", [{"trian": {"runtime": 5}}, {"train": {"mem_mb": 0}}, {"train": {"gpu": 2}}])
def test_resources_that_mean_nothing_are_refused(fresh, resources):
    set_config(fresh, studies={"tiny": {"tier": "tiny", "pilot": True, "resources": resources}})
    done = fresh.imprint("plan")
    assert done.returncode == 1
    assert re.search(
        r"config.yaml: studies.tiny.resources(: 'trian' is no stage; did you mean 'train'|\.train\.)", done.stdout
    )

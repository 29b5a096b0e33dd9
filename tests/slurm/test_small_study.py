"""The small study through a real Slurm, disturbed, ends with the arrays and verdicts of an undisturbed local run."""

import re

import pytest

from imprint import store

pytestmark = [pytest.mark.slurm, pytest.mark.slow]

STORED = ("data", "search", "select", "train", "probe", "gather")


def digests(project) -> dict[str, dict[str, str]]:
    return {file.name: store.attributes(file)["array_digests"] for stage in STORED for file in project.stores(stage)}


def job_of(disturbed, which: str) -> list[dict[str, str]]:
    """Slurm's jobs of a disturbed unit, the first one first."""
    return [job for job in disturbed["jobs"] if job["Comment"].endswith(disturbed[which]["unit"])]


def test_equal_arrays_and_verdicts(disturbed, local):
    ours, theirs = digests(disturbed["project"]), digests(local)
    assert len(ours) > 20
    assert ours == theirs
    for name in ("results/tiny/claims.csv", "results/tiny/index.csv"):
        assert (disturbed["project"] / name).read_bytes() == (local / name).read_bytes()


def test_a_requeued_job_goes_on_from_its_checkpoint(disturbed):
    (job,) = job_of(disturbed, "requeued")
    assert (job["JobId"], job["JobState"], job["Restarts"]) == (disturbed["requeued"]["JobId"], "COMPLETED", "1")
    log = (disturbed["project"] / f"results/logs/search/{disturbed['requeued']['unit']}.log").read_text()
    (step,) = re.findall(r"^fleet_0: goes on from step (\d+) of at most 12000,", log, re.M)
    assert 0 < int(step) < 12000


def test_a_cancelled_job_is_submitted_again_with_more_memory_and_time(disturbed):
    first, second = job_of(disturbed, "cancelled")
    assert (first["JobState"], second["JobState"]) == ("CANCELLED", "COMPLETED")
    assert (first["MinMemoryNode"], second["MinMemoryNode"]) == ("2500M", "5000M")
    assert (first["TimeLimit"], second["TimeLimit"]) == ("01:00:00", "02:00:00")
    log = (disturbed["project"] / f"results/logs/train/{disturbed['cancelled']['unit']}.log").read_text()
    assert re.search(r"^fleet: goes on from step [1-9]", log, re.M)


def test_a_job_does_not_notice_that_the_node_daemon_is_restarted(disturbed):
    (job,) = job_of(disturbed, "survivor")
    assert (job["JobState"], job["Restarts"]) == ("COMPLETED", "0")


def test_nothing_else_was_repeated(disturbed):
    ended = [job["JobState"] for job in disturbed["jobs"]]
    assert ended.count("CANCELLED") == 1 and set(ended) == {"CANCELLED", "COMPLETED"}
    assert not list((disturbed["project"] / "results").rglob("*.part"))
    assert not list((disturbed["project"] / "results/resume").glob("*"))


def test_short_jobs_are_put_together(disturbed):
    stages = [re.match(r"rule_([a-z]+)_", job["Comment"])[1] for job in disturbed["jobs"]]
    assert stages.count("search") == 4 and stages.count("train") == 5 + 1
    assert stages.count("products") == 1
    assert len(stages) < 25, "46 jobs of the study"


def test_only_what_asks_for_a_gpu_gets_one(disturbed):
    asked = {job["Comment"]: "gres:gpu:1" in job.get("TresPerJob", "") for job in disturbed["jobs"]}
    assert {comment for comment, gpu in asked.items() if gpu} == {c for c in asked if c.startswith("rule_search")}


def test_what_a_job_logs_is_in_the_results(disturbed):
    logs = disturbed["project"] / "results/logs"
    assert {file.stem for file in (logs / "train").glob("*.log")} == {
        file.name.partition(".")[0] for file in disturbed["project"].stores("train")
    }

"""The quick study through a real Slurm, its jobs disturbed, ends with the arrays and verdicts of a local run."""

import os
import re
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest

from imprint import store
from imprint.claims import table
from imprint.commands import verify

pytestmark = [pytest.mark.slurm, pytest.mark.slow]

STUDY = os.environ.get("STUDY") or "quick"
STORED = ("data", "search", "select", "train", "vary", "probe", "gather", "calibrate")
DECLARED = ["post_hoc", "commit"]  # a copy has a register of its own, and no history


def published(project) -> Path:
    return project / "results" / STUDY


def digests(project) -> dict[str, dict[str, str]]:
    return {file.name: store.attributes(file)["array_digests"] for stage in STORED for file in project.stores(stage)}


def stages(jobs: list[dict[str, str]]) -> Counter:
    """Number of Slurm's jobs by rule, or by group for those that are put together."""
    return Counter(re.match(r"rule_([a-z]+)_", job["Comment"])[1] for job in jobs)


def log_of(disturbed, rule: str, job: dict[str, str]) -> str:
    return (disturbed.project / f"results/logs/{rule}/{job['unit']}.log").read_text()


def test_equal_arrays(disturbed, local, record_property):
    ours, theirs = digests(disturbed.project), digests(local)
    assert len(ours) > 50
    assert ours == {name: theirs.get(name) for name in ours}
    record_property("jobs through Slurm", len(disturbed.jobs))
    record_property("of them requeued, and cancelled", f"{len(disturbed.requeued)}, {len(disturbed.cancelled)}")
    record_property("seconds", f"{disturbed.seconds:.0f}")
    record_property("stores equal bit for bit", f"{len(ours)} of {len(ours)}")


def test_equal_verdicts(disturbed, local, record_property):
    both = [published(project) for project in (disturbed.project, local)]
    ours, theirs = (table.read(folder / "claims.csv").drop(columns=DECLARED) for folder in both)
    assert len(ours) > 20
    pd.testing.assert_frame_equal(ours, theirs, check_exact=True)
    tables = {"index.csv", *(file.name for folder in both for file in folder.glob("multiverse.csv"))}
    for name in tables:
        assert (both[0] / name).read_bytes() == (both[1] / name).read_bytes()
    record_property("verdicts equal", f"{len(ours)} of {len(ours)}")


def test_verify_says_that_they_are_equal(disturbed, local, capsys):
    folders = [str(published(project)) for project in (disturbed.project, local)]
    assert verify.main([*folders, "--relative", "0", "--absolute", "0"]) == 0
    assert capsys.readouterr().out.endswith("\nequal\n")


@pytest.mark.parametrize(("number", "rule"), [(0, "search"), (1, "train")])
def test_a_requeued_job_goes_on_from_its_checkpoint(disturbed, number, rule):
    told = disturbed.requeued[number]
    (job,) = disturbed.jobs_of(told)
    assert (job["JobId"], job["JobState"], job["Restarts"]) == (told["JobId"], "COMPLETED", "1")
    assert re.search(r": goes on from step [1-9]", log_of(disturbed, rule, told))


@pytest.mark.parametrize(("number", "rule"), [(0, "search"), (1, "train")])
def test_a_cancelled_job_is_submitted_again_with_more_memory_and_time(disturbed, number, rule):
    told = disturbed.cancelled[number]
    first, second = disturbed.jobs_of(told)
    assert (first["JobState"], second["JobState"]) == ("CANCELLED", "COMPLETED")
    assert (first["MinMemoryNode"], second["MinMemoryNode"]) == ("2500M", "5000M")
    assert (first["TimeLimit"], second["TimeLimit"]) == ("01:00:00", "02:00:00")
    assert re.search(r": goes on from step [1-9]", log_of(disturbed, rule, told))


def test_a_job_does_not_notice_that_the_node_daemon_is_restarted(disturbed):
    (job,) = disturbed.jobs_of(disturbed.survivor)
    assert (job["JobState"], job["Restarts"]) == ("COMPLETED", "0")
    assert " goes on from " not in log_of(disturbed, "train", disturbed.survivor)


def test_nothing_else_was_repeated(disturbed):
    ended = Counter(job["JobState"] for job in disturbed.jobs)
    assert set(ended) == {"CANCELLED", "COMPLETED"} and ended["CANCELLED"] == len(disturbed.cancelled)
    results = disturbed.project / "results"
    assert not list(results.rglob("*.part")) and not list((results / "resume").glob("*"))


def test_training_has_jobs_of_its_own_and_what_is_short_is_put_together(disturbed):
    jobs, units = stages(disturbed.jobs), disturbed.project.units()
    again = {"search": 1, "train": 1, "vary": 0}
    assert {rule: jobs[rule] for rule in again} == {rule: units[rule] + again[rule] for rule in again}
    assert (jobs["tables"], jobs["pages"]) == (1, 1)
    put_together = sum(jobs[group] for group in ("data", "recipes", "selects", "probes", "calibrations", "figures"))
    short = sum(units[stage] for stage in ("data", "recipe", "select", "probe", "calibrate", "figure"))
    assert put_together < short / 5


def test_only_what_asks_for_a_gpu_gets_one(disturbed):
    asked = {job["Comment"]: "gres:gpu:1" in job.get("TresPerJob", "") for job in disturbed.jobs}
    assert {comment for comment, gpu in asked.items() if gpu} == {c for c in asked if c.startswith("rule_search_")}


def test_what_a_job_logs_is_in_the_results(disturbed):
    logs = disturbed.project / "results/logs"
    assert {file.stem for file in (logs / "train").glob("*.log")} == {
        file.name.partition(".")[0] for file in disturbed.project.stores("train")
    }

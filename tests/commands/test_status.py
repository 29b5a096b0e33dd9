"""``imprint status``: done, running, failed and waiting, from files and processes."""

import json
import os
import re
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

import pytest

from imprint import jobs, lock
from imprint.outstanding import outstanding
from imprint.writer import lock_file


@pytest.fixture
def begin(project):
    """Return a function that starts a process that looks like a stage making a file; all are ended afterwards."""
    started = []
    program = project.root / "imprint"

    def start(unit, command="import time; print(1, flush=True); time.sleep(60)"):
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text(command)
        words = [sys.executable, str(program), unit.stage, "--spec", "{}", "--out", unit.path]
        process = subprocess.Popen(words, cwd=project.root, stdout=subprocess.PIPE)
        started.append(process)
        assert process.stdout.readline() == b"1\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


def log(project, unit, text, ended=False):
    """Leave what a job leaves: its log, and its benchmark file if it ended well."""
    file = jobs.log(unit, project.root)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    done = project.root / f"results/benchmarks/{unit.stage}/{unit.name}.jsonl"
    done.parent.mkdir(parents=True, exist_ok=True)
    if ended:
        done.write_text('{"s": 1.0}')


def total(made):
    return sum(len(units) for units in made.units.values())


def test_a_study_that_never_ran(run, project):
    made = project.plan()
    status, out, err = run("status")
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == f"study quick: 0 of {total(made)} done, running 0, failed 0, waiting {total(made)}"
    assert lines[1].startswith("waiting: data 1, recipe 3, search 2, select 2, train 6, probe 12, ")
    assert len(lines) == 2


def test_a_finished_study(run, project):
    made = project.publish()
    status, out, _ = run("status")
    assert (status, out.splitlines()) == (
        0,
        [f"study quick: {total(made)} of {total(made)} done, running 0, failed 0, waiting 0"]
        + ["report: results/quick/report.html"],
    )


def test_the_report_of_an_earlier_plan(run, project):
    project.publish()
    project.claim["expect"] = {"greater_by": 0.2}
    assert run("status")[1].splitlines()[-1] == "report: results/quick/report.html, of an earlier plan"


def test_a_job_that_failed_is_told_with_the_end_of_its_log(run, project):
    made = project.plan()
    unit = next(iter(made.units["train"].values()))
    log(project, unit, "".join(f"line {number}\n" for number in range(30)) + "imprint train: error: no\n")
    status, out, _ = run("status", "--lines", "2")
    lines = out.splitlines()
    assert status == 1
    assert lines[0].endswith(f"running 0, failed 1, waiting {total(made) - 1}")
    assert lines[1].startswith(f"failed: train {unit.label}: not there and not being made; its log, ")
    assert re.search(r"last written \d+\.\d s ago$", lines[1])
    assert lines[2:5] == [
        f"  results/logs/train/{unit.name}.log (last 2 lines)",
        "    | line 29",
        "    | imprint train: error: no",
    ]
    assert "train 5" in lines[5]


def test_a_result_that_was_made_and_removed_is_waited_for(run, project):
    made = project.plan()
    unit = next(iter(made.units["train"].values()))
    log(project, unit, "all went well\n", ended=True)
    assert run("status")[1].splitlines()[0].endswith(f"failed 0, waiting {total(made)}")


def test_a_second_attempt_that_failed(run, project):
    made = project.plan()
    unit = next(iter(made.units["train"].values()))
    log(project, unit, "all went well\n", ended=True)
    time.sleep(0.05)
    log(project, unit, "now it failed\n")
    assert "    | now it failed" in run("status")[1].splitlines()


def test_what_a_process_makes_is_running(run, project, begin):
    project.write()
    made = project.plan()
    unit = next(iter(made.units["search"].values()))
    process = begin(unit)
    log(project, unit, "at work\n")
    status, out, _ = run("status")
    lines = out.splitlines()
    assert status == 0
    assert lines[0].endswith(f"running 1, failed 0, waiting {total(made) - 1}")
    assert re.fullmatch(rf"running: search {unit.label}, \d+\.\d s, process {process.pid}", lines[1])
    process.kill()
    process.wait()
    assert run("status")[1].splitlines()[0].endswith(f"running 0, failed 1, waiting {total(made) - 1}")


def test_what_another_machine_makes_is_running_and_its_host_is_said(run, project):
    """Its lock is held, and its owner's host is not this one; when that owner is dead, the job has failed."""
    project.write()
    made = project.plan()
    unit = next(iter(made.units["search"].values()))
    log(project, unit, "at work\n")
    file = lock_file(project.root / unit.path)
    since = (datetime.now(UTC) - timedelta(seconds=90)).isoformat(timespec="seconds")
    owner = json.dumps({"host": "node17", "pid": 4321, "since": since})
    with lock.hold(file, "the search"):
        file.write_text(owner)
        status, out, _ = run("status")
    lines = out.splitlines()
    assert status == 0
    assert lines[0].endswith(f"running 1, failed 0, waiting {total(made) - 1}")
    assert re.fullmatch(rf"running: search {unit.label}, 1 min 3\d s, process 4321 on node17", lines[1])
    file.write_text(owner)
    assert run("status")[1].splitlines()[0].endswith(f"running 0, failed 1, waiting {total(made) - 1}")


def test_a_process_in_another_folder_makes_something_else(run, project, begin, tmp_path):
    made = project.plan()
    unit = next(iter(made.units["search"].values()))
    begin(unit)
    assert (project.root / unit.path).resolve() in jobs.writers()
    assert (tmp_path / unit.path).resolve() not in jobs.writers()


@pytest.mark.parametrize("words", [["other", "train", "--out"], ["imprint", "train", "--out"], ["imprint"]])
def test_processes_that_make_nothing(words, monkeypatch):
    class Process:
        def cmdline(self):
            return ["python", *words]

        def cwd(self):
            return os.getcwd()

    monkeypatch.setattr("psutil.process_iter", lambda: [Process()])
    assert jobs.writers() == {}


def test_what_is_not_needed_is_done(run, project):
    made = project.publish()
    (project.root / next(iter(made.units["train"].values())).path).unlink()
    assert outstanding(made, project.root)["train"] == []
    assert run("status")[1].splitlines()[0].startswith(f"study quick: {total(made)} of {total(made)} done")


def test_the_study_asked_for(run):
    assert run("status", "core")[1].startswith("study core: 0 of ")

"""A job ends with the process that started it, also one that nobody collects, and not before."""

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from processes_example import python  # noqa: E402

from imprint import parent  # noqa: E402

SLEEPING = "import time; time.sleep(60)"
WATCHING = """
import os, sys, time
from imprint import parent
parent.watch()
print("watching", flush=True)
while True:
    sum(range(10**6))
"""
UNCOLLECTED = f"""
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", {SLEEPING!r}])
print(child.pid, flush=True)
time.sleep(60)
"""


def watching(number, environment):
    return python(WATCHING, env={**environment, parent.NAME: str(number)})


@pytest.fixture
def environment():
    import os

    return {name: value for name, value in os.environ.items() if name != parent.NAME}


def test_it_ends_at_once_and_says_why(environment):
    with python(SLEEPING) as started, watching(started.pid, environment) as job:
        assert job.stdout.readline() == "watching\n"
        with pytest.raises(subprocess.TimeoutExpired):
            job.wait(0.5)
        started.kill()
        assert job.wait(10) == 1
        assert job.stderr.read() == (
            f"imprint: Snakemake (process {started.pid}), which started this job, is gone; the job was stopped\n"
        )


def test_it_ends_also_if_nobody_collects_what_is_gone(environment):
    with python(UNCOLLECTED) as keeper:
        number = int(keeper.stdout.readline())
        with watching(number, environment) as job:
            assert job.stdout.readline() == "watching\n"
            psutil.Process(number).kill()
            assert job.wait(10) == 1
        assert psutil.Process(number).status() == psutil.STATUS_ZOMBIE


def test_what_was_gone_before_is_gone(environment):
    with python("") as started:
        started.wait()
        with watching(started.pid, environment) as job:
            assert job.wait(10) == 1


def test_a_command_of_a_person_watches_nobody(environment):
    with python("from imprint import parent; parent.watch(); import threading; print(threading.active_count())",
                env=environment) as job:  # fmt: skip
        assert job.stdout.read() == "1\n"


def test_where_the_system_has_no_handles(monkeypatch):
    monkeypatch.delattr("os.pidfd_open", raising=False)
    monkeypatch.setattr(parent, "POLL_SECONDS", 0.01)
    with python("import sys; sys.stdin.readline()") as started:
        started.stdin.close()
        parent.wait_for_end(started.pid)
        assert psutil.Process(started.pid).status() == psutil.STATUS_ZOMBIE

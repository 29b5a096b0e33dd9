"""What Snakemake is told when this process is, and that it never outlives it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from processes_example import python  # noqa: E402

from imprint import supervise  # noqa: E402

SUPERVISING = """
import os, sys
from imprint import supervise
sys.exit(supervise.run([sys.executable, "-c", sys.argv[1]], dict(os.environ), grace=float(sys.argv[2])))
"""
STAND_IN = """
import subprocess, sys, time, os, signal
job = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
signal.signal(signal.SIGTERM, signal.SIG_IGN)
try:
    print(os.getpid(), job.pid, flush=True)
    job.wait()
    time.sleep(60)
except KeyboardInterrupt:
    job.wait(20)
    print("interrupted, its job has ended", flush=True)
    sys.exit(1)
"""
DEAF = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)" + STAND_IN


def started(code, grace=20.0):
    return python(SUPERVISING, code, grace, preexec_fn=as_in_a_terminal)


def as_in_a_terminal():
    for number in supervise.TOLD_BY:
        signal.signal(number, signal.SIG_DFL)


def numbers(process):
    return [int(word) for word in process.stdout.readline().split()]


@pytest.mark.parametrize("told", supervise.TOLD_BY)
def test_a_signal_ends_jobs_and_interrupts_snakemake(told):
    with started(STAND_IN) as process:
        snakemake, job = numbers(process)
        process.send_signal(told)
        assert process.wait(15) == 128 + told
        assert process.stdout.read() == "interrupted, its job has ended\n"
        assert not psutil.pid_exists(snakemake) and not psutil.pid_exists(job)


def test_in_the_background_what_is_ignored_stays_so_and_snakemake_is_interrupted_all_the_same():
    """As under `nohup`, and as a shell starts what is to run in the background."""

    def ignore():
        for number in (signal.SIGHUP, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)

    with python(SUPERVISING, STAND_IN, 20.0, preexec_fn=ignore) as process:
        numbers(process)
        process.send_signal(signal.SIGHUP)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.5)
        process.terminate()
        assert process.wait(15) == 128 + signal.SIGTERM
        assert process.stdout.read() == "interrupted, its job has ended\n"


def test_what_does_not_end_is_killed():
    with started(DEAF, 0.3) as process:
        snakemake, _ = numbers(process)
        begin = time.monotonic()
        process.terminate()
        assert process.wait(15) == 128 + signal.SIGTERM
        assert 0.3 < time.monotonic() - begin and not psutil.pid_exists(snakemake)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent was killed")
def test_it_does_not_outlive_a_killed_starter():
    with started(DEAF) as process:
        snakemake, job = (psutil.Process(number) for number in numbers(process))
        process.kill()
        process.wait()
        _, alive = psutil.wait_procs([snakemake], timeout=10)
        job.kill()
        assert not [each for each in alive if each.status() != psutil.STATUS_ZOMBIE]


@pytest.mark.parametrize(("code", "status"), [("", 0), ("raise SystemExit(3)", 3), ("import os; os.abort()", 134)])
def test_its_status_is_that_of_snakemake(code, status):
    before = [signal.getsignal(number) for number in supervise.TOLD_BY]
    assert supervise.run([sys.executable, "-c", code], dict(os.environ)) == status
    assert [signal.getsignal(number) for number in supervise.TOLD_BY] == before

"""Signals at a random moment of a unit's making: to the stage, to Snakemake, to what started it, to all."""

import os
import signal
import time

import pytest
from bench import KILLED, gone, send

pytestmark = pytest.mark.slow


def test_stage_killed(bench, stage, outcome):
    run = bench.struck(lambda run, owner: send(owner.pid, signal.SIGKILL))
    run.ends()
    bench.recovers()
    outcome("survived")


def test_stage_terminated(bench, stage, outcome):
    run = bench.struck(lambda run, owner: send(owner.pid, signal.SIGTERM))
    run.ends()
    bench.recovers()
    outcome("survived")


def test_snakemake_killed(bench, stage, outcome):
    """No orphan writes, and the next run says that the owner of the locks is dead and goes on."""
    jobs = []

    def strike(run, owner):
        jobs.append(owner.pid)
        run.snakemake().kill()

    run = bench.struck(strike)
    assert run.ends() != 0
    assert gone(*jobs), "the job outlives Snakemake"
    before = bench.stamps()
    time.sleep(2)
    assert bench.stamps() == before, "an orphan writes"
    assert KILLED in bench.recovers()
    outcome("survived")


def test_snakemake_terminated(bench, stage, outcome):
    run = bench.struck(lambda run, owner: run.snakemake().terminate())
    assert run.ends() != 0
    bench.recovers()
    outcome("survived")


def test_what_started_snakemake_killed(bench, stage, outcome):
    """Snakemake, its jobs and the warm helper end with it."""
    bench.mode = bench.rng.choice(("warm", "cold"))
    run = bench.struck(lambda run, owner: run.process.kill())
    run.ends()
    for process in list(run.seen):
        assert gone(process.pid), f"{process} goes on"
    assert KILLED in bench.recovers()
    outcome("survived")


def test_all_terminated(bench, stage, outcome):
    """The process group gets the signal, as from a batch system: the run ends, and soon."""
    run = bench.struck(lambda run, owner: os.killpg(run.process.pid, signal.SIGTERM))
    assert run.ends() != 0
    for process in list(run.seen):
        assert gone(process.pid), f"{process} goes on"
    bench.recovers()
    outcome("survived")

"""Runs know of one another, and the locks of the dead are cleared, those of the living never."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from processes_example import python  # noqa: E402

from imprint import runs  # noqa: E402

RUN = """
import sys
from pathlib import Path
from imprint import runs
with runs.entered(Path(".")):
    print("runs", flush=True)
    sys.stdin.readline()
"""
SIGNALLED = """
import os, signal
from pathlib import Path
from imprint import runs
runs.start(Path("."))
os.kill(os.getpid(), signal.SIGTERM)
"""


@pytest.fixture
def left(tmp_path):
    """A lock of Snakemake."""
    file = tmp_path / runs.LOCKS / "0.input.lock"
    file.parent.mkdir(parents=True)
    file.write_text("results/store/data/a.zarr.zip\n")
    return file


def running(folder):
    return python(RUN, cwd=folder)


def test_alone_there_is_nothing_to_clear(tmp_path):
    with runs.entered(tmp_path):
        assert runs.living(tmp_path) == []
        assert runs.clear(tmp_path) == []


def test_locks_of_a_living_run_stay(tmp_path, left):
    with running(tmp_path) as other:
        assert other.stdout.readline() == "runs\n"
        with runs.entered(tmp_path):
            assert [owner.pid for owner in runs.living(tmp_path)] == [other.pid]
            assert runs.clear(tmp_path) == []
        assert left.exists()


def test_locks_of_a_dead_run_go_and_it_is_named(tmp_path, left):
    with running(tmp_path) as other:
        assert other.stdout.readline() == "runs\n"
        other.kill()
        other.wait()
    with runs.entered(tmp_path):
        (said,) = runs.clear(tmp_path)
        assert f"an earlier run was killed (process {other.pid} on " in said and "its locks are removed" in said
        assert runs.clear(tmp_path) == []
        assert runs.living(tmp_path) == []
    assert not left.exists() and not list((tmp_path / runs.FOLDER).iterdir())


def test_a_snakemake_that_has_not_said_that_it_runs_is_seen(tmp_path, left):
    script = tmp_path / "snakemake"
    script.write_text("import sys; print('runs', flush=True); sys.stdin.readline()")
    pipes = dict.fromkeys(("stdin", "stdout"), subprocess.PIPE)
    with subprocess.Popen([sys.executable, script], cwd=tmp_path, text=True, **pipes) as other:
        assert other.stdout.readline() == "runs\n"
        assert [owner.pid for owner in runs.living(tmp_path)] == [other.pid]
        assert runs.clear(tmp_path) == [] and left.exists()
        other.kill()
    (said,) = runs.clear(tmp_path)
    assert "a process that did not say who it was" in said and not left.exists()


def test_a_signal_to_terminate_interrupts(tmp_path):
    with python(SIGNALLED, cwd=tmp_path) as process:
        assert "KeyboardInterrupt" in process.communicate(timeout=20)[1]
    assert not list((tmp_path / runs.FOLDER).glob(f"*-{process.pid}.lock")), "the lock goes at the end"
    assert os.listdir(tmp_path / runs.FOLDER) == []

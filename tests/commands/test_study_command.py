"""``imprint study``: what is started, and what a run does without where nothing is to run."""

import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from imprint import supervise, warm

HEAVY = ("numpy", "scipy", "xarray", "zarr", "torch", "snakemake")


@pytest.fixture
def started(monkeypatch):
    """What would be started: the helper, and Snakemake with its answer."""
    seen = []

    @contextmanager
    def server(preload):
        seen.append("helper")
        yield "address"

    monkeypatch.setattr(warm, "server", server)
    monkeypatch.setattr(supervise, "run", lambda command, environment: seen.append("snakemake") or 0)
    return seen


def test_a_finished_study_starts_nothing(run, project, started):
    project.publish()
    status, out, _ = run("study")
    assert status == 0 and out.startswith("report: ")
    assert started == [], "Snakemake is not needed either"


def test_jobs_get_a_helper(run, project, started):
    made = project.publish()
    Path(project.root / made.final.path).unlink()
    run("study")
    assert started == ["helper", "snakemake"]


def test_what_is_asked_of_snakemake_gets_a_helper(run, project, started):
    project.publish()
    run("study", "--", "--forceall")
    assert started == ["helper", "snakemake"]


def test_a_run_imports_no_library_of_the_stages():
    show = f"import sys, imprint.commands.study; print([name for name in {HEAVY} if name in sys.modules])"
    answer = subprocess.run([sys.executable, "-c", show], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"

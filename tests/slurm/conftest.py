"""A real Slurm, where there is one, and a study that runs through it while its jobs are disturbed."""

import importlib.util
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from imprint import store

HERE = Path(__file__).parent
STUDY = os.environ.get("STUDY") or "quick"
LIMIT = 3600  # seconds for a study on two cores
RUNNING = ("idle", "mixed", "allocated")

_spec = importlib.util.spec_from_file_location("workflow_conftest", HERE.parent / "workflow" / "conftest.py")
workflow = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(workflow)
workflow.LIMIT = LIMIT


def absent() -> str:
    """Why no study can be run through Slurm here; empty if it can."""
    if not shutil.which("sinfo"):
        return "no Slurm here: sinfo is not found"
    asked = subprocess.run(["sinfo", "-h", "-N", "-o", "%T"], capture_output=True, text=True)
    if asked.returncode:
        return f"Slurm does not answer: {asked.stderr.strip()}"
    return "" if set(asked.stdout.split()) & set(RUNNING) else f"no node of Slurm is up: {asked.stdout.split()}"


def pytest_collection_modifyitems(items) -> None:
    """`make test-slurm` requires Slurm; other runs leave these tests out, so that nothing is submitted unasked."""
    if os.environ.get("SLURM") == "required":
        if reason := absent():
            raise pytest.UsageError(reason)
        return
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.skip(reason="run by make test-slurm"))


def until(condition: Callable[[], object], what: str, seconds: float = LIMIT):
    """Wait for a condition and return what it gives; fail after some seconds."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, f"{what}: not within {seconds:.0f} s"
        time.sleep(0.3)
    return found


def jobs(run: str = "") -> list[dict[str, str]]:
    """What Slurm knows of its jobs, of one run of Snakemake if it is named; the oldest first."""
    told = subprocess.run(["scontrol", "show", "job", "--oneliner"], capture_output=True, text=True).stdout
    listed = [dict(re.findall(r"(\w+)=(\S*)", line)) for line in told.splitlines() if "JobId=" in line]
    return [job for job in listed if run in job["JobName"]]


def last_step(project: workflow.Project, rule: str, unit: str) -> int:
    """The step at which a unit's training ended in a finished project."""
    return int(store.read(project / f"results/store/{rule}/{unit}.zarr.zip")["step"].values[-1])


class Run:
    """A study that runs through Slurm; what it says goes to a file.

    Slurm's accounting is not needed. The first look at a job comes after 3 s, not after the profile's 20.
    """

    def __init__(self, project: workflow.Project, study: str, *arguments: str, **environment: str):
        self.project, self.log = project, project / "slurm.log"
        options = ("--slurm-status-command", "squeue", "--slurm-init-seconds-before-status-checks", "3")
        command = [str(workflow.BIN / "imprint"), "study", study, "--profile", "slurm", "--", *options, *arguments]
        with open(self.log, "w") as stream:
            self.process = subprocess.Popen(
                command,
                cwd=project.folder,
                env=project.environment | environment,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def said(self) -> str:
        """What the run has said by now."""
        return self.log.read_text()

    def jobs(self, rule: str = "", state: str = "") -> list[dict[str, str]]:
        """The run's jobs in Slurm, of one rule, in one state."""
        run = re.search(r"SLURM run ID: (\S+)", self.said)
        found = jobs(run[1]) if run else []
        return [job for job in found if f"rule_{rule}" in job["Comment"] and state in job["JobState"]]

    def training(self, rule: str, like: workflow.Project, but: Collection[str] = ()) -> dict[str, str] | None:
        """A running job of a rule that has written a checkpoint in the first quarter of its steps, with its unit.

        Most trainings end long before the most steps they may take; how many they took is known from a run like this.
        """
        assert self.process.poll() is None, f"the study ended before it could be disturbed:\n{self.said}"
        for job in self.jobs(rule, "RUNNING"):
            unit = job["Comment"].removeprefix(f"rule_{rule}_wildcards_")
            log = self.project / f"results/logs/{rule}/{unit}.log"
            steps = re.findall(r" at step (\d+) of at most ", log.read_text()) if log.exists() else []
            if unit not in but and steps and 4 * int(steps[-1]) < last_step(like, rule, unit):
                return {**job, "unit": unit}
        return None

    def finish(self) -> str:
        """Wait for the end of the study, which must be a good one; return what it said."""
        status = self.process.wait(LIMIT)
        assert status == 0, self.said
        return self.said

    def stop(self) -> None:
        """End the run and what it left in Slurm."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            self.process.wait(60)
        left = [job["JobId"] for job in self.jobs() if job["JobState"] in ("RUNNING", "PENDING", "COMPLETING")]
        if left:
            subprocess.run(["scancel", *left])
        for process in psutil.process_iter(["cwd"]):
            # where Slurm follows a job by the parents of its processes, it loses those of a shell that it has killed
            if process.info["cwd"] == str(self.project.folder):
                process.kill()


class NodeDaemon:
    """The ``slurmd`` of this machine, which can be ended and started again as it was started."""

    def __init__(self):
        told = subprocess.run(["scontrol", "show", "config"], capture_output=True, text=True).stdout
        node = subprocess.run(["sinfo", "-h", "-N", "-o", "%N"], capture_output=True, text=True).stdout.split()[0]
        pid_file = re.search(r"^SlurmdPidFile\s*=\s*(\S+)", told, re.M)[1].replace("%n", node).replace("%h", node)
        if not (Path(pid_file).is_file() and os.access(pid_file, os.R_OK) and os.geteuid() == 0):
            pytest.fail(f"the node's daemon is not on this machine, or not ours to restart: {pid_file}")
        self.pid = int(Path(pid_file).read_text())
        told = Path(f"/proc/{self.pid}")
        self.command = [word for word in (told / "cmdline").read_text().split("\0") if word]
        pairs = [pair.partition("=") for pair in (told / "environ").read_text().split("\0") if pair]
        self.environment = {name: value for name, _, value in pairs}
        self.process: subprocess.Popen | None = None

    def restart(self) -> None:
        """End it, make sure of it, and start it again."""
        os.kill(self.pid, signal.SIGTERM)
        until(lambda: not _alive(self.pid), "the node daemon ends", 30)
        self.process = subprocess.Popen(
            self.command,
            env=self.environment,
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
        )
        until(lambda: not absent(), "the node daemon is back", 60)

    def close(self) -> None:
        """End what this started: whoever brought Slurm up starts the daemon again."""
        if self.process:
            self.process.terminate()
            self.process.wait(30)


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.fixture(scope="session")
def node_daemon() -> Iterator[NodeDaemon]:
    daemon = NodeDaemon()
    yield daemon
    daemon.close()


@dataclass
class Disturbed:
    """A study after a run through Slurm in which jobs were disturbed.

    Attributes:
        project: the project, its study finished.
        requeued: jobs that Slurm was told to begin again, as they were then, each with its unit.
        cancelled: jobs that were cancelled.
        survivor: a job that ran while the node's daemon was restarted.
        jobs: what Slurm remembers of all jobs of the run.
        seconds: what the run took.
    """

    project: workflow.Project
    requeued: list[dict[str, str]]
    cancelled: list[dict[str, str]]
    survivor: dict[str, str]
    jobs: list[dict[str, str]]
    seconds: float

    def jobs_of(self, disturbed: dict[str, str]) -> list[dict[str, str]]:
        """Slurm's jobs of a disturbed unit, the first one first."""
        return [job for job in self.jobs if job["Comment"].endswith(disturbed["unit"])]


@pytest.fixture(scope="session")
def local():
    """The study in this folder, run on this machine alone unless it is finished."""
    project = workflow.Project(workflow.ROOT)
    project.study(STUDY)
    return project


@pytest.fixture(scope="session")
def disturbed(tmp_path_factory, node_daemon, local) -> Iterator[Disturbed]:
    """The study in a fresh copy, run through Slurm: a search and a training are requeued, one of each is
    cancelled, and the node's daemon is restarted under another, each after a checkpoint.
    """
    project = workflow.whole(tmp_path_factory.mktemp("slurm") / "study")
    began = time.monotonic()
    # each search asks for one of the pretended GPUs, and computes on the CPU
    run = Run(project, STUDY, "--set-resources", "search:gpu=1", IMPRINT_CHECKPOINT_SECONDS="1")
    requeued, cancelled = [], []

    def trains(rule: str) -> dict[str, str]:
        """A running job of a rule that has a checkpoint and was not disturbed yet."""
        seen = {job["unit"] for job in requeued + cancelled}
        return until(lambda: run.training(rule, local, seen), f"a job of {rule} has a checkpoint")

    try:
        for rule in ("search", "train"):
            requeued.append(trains(rule))
            subprocess.run(["scontrol", "requeue", requeued[-1]["JobId"]], check=True)
            cancelled.append(trains(rule))
            subprocess.run(["scancel", cancelled[-1]["JobId"]], check=True)
        survivor = trains("train")
        node_daemon.restart()
        run.finish()
        yield Disturbed(project, requeued, cancelled, survivor, run.jobs(), time.monotonic() - began)
    finally:
        run.stop()


def pytest_terminal_summary(terminalreporter) -> None:
    """The table: what ran through Slurm, what was disturbed, what is equal to the local run."""
    told = [pair for report in terminalreporter.getreports("passed") for pair in report.user_properties]
    for name, value in told:
        terminalreporter.write_line(f"{name:<40} {value}")

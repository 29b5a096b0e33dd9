"""How far a study is, from its files, its locks and the processes of this machine, without Snakemake."""

import socket
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import psutil

from imprint import lock
from imprint.identity import Unit
from imprint.outstanding import outstanding
from imprint.plan import Plan
from imprint.writer import lock_file


@dataclass(frozen=True)
class Running:
    """A unit that a process is making; ``host`` is empty if that is on this machine."""

    unit: Unit
    pid: int
    seconds: float
    host: str = ""


@dataclass
class States:
    """The units of a study by how far they are.

    Attributes:
        total: their number.
        running: those that a process is making, on this machine or on another that holds the lock of their output.
        failed: those that were begun and are not there: their job failed or was stopped.
        waiting: those that are to run and were not begun.
    """

    total: int
    running: list[Running] = field(default_factory=list)
    failed: list[Unit] = field(default_factory=list)
    waiting: list[Unit] = field(default_factory=list)

    @property
    def done(self) -> int:
        """Number of units that are not to run."""
        return self.total - len(self.running) - len(self.failed) - len(self.waiting)


def states(plan: Plan, root: Path) -> States:
    """Return how far the units of a study are."""
    found = States(sum(len(units) for units in plan.units.values()))
    processes = writers()
    for unit in (unit for units in outstanding(plan, root).values() for unit in units):
        process = processes.get((root / unit.path).resolve())
        if process:
            found.running.append(Running(unit, process.pid, time.time() - process.create_time()))
        elif running := elsewhere(unit, root):
            found.running.append(running)
        elif begun(unit, root):
            found.failed.append(unit)
        else:
            found.waiting.append(unit)
    return found


def writers() -> dict[Path, psutil.Process]:
    """Return the processes of this machine that make a file of a study, by the file: stages, started by anything."""
    found = {}
    for process in psutil.process_iter():
        try:
            words = process.cmdline()
            if "--out" in words[:-1] and any(Path(word).name in ("imprint", "imprint.cli") for word in words[:4]):
                out = Path(process.cwd(), words[words.index("--out") + 1]).resolve()
                found[out] = process
        except psutil.Error:
            continue  # it ended, or is of another user
    return found


def elsewhere(unit: Unit, root: Path) -> Running | None:
    """Return who makes a unit on another machine, by the lock of its output, which opens when its owner dies."""
    file = lock_file(root / unit.path)
    owner = lock.owner(file)
    if not owner or owner.host == socket.gethostname() or not lock.is_held(file):
        return None
    seconds = max(time.time() - datetime.fromisoformat(owner.since).timestamp(), 0.0)
    return Running(unit, owner.pid, seconds, owner.host)


def begun(unit: Unit, root: Path) -> bool:
    """Return whether a job of a unit was begun and did not end well: its benchmark file comes after its log if so."""
    written, ended = log(unit, root), root / "results" / "benchmarks" / unit.stage / f"{unit.name}.jsonl"
    if not written.exists():
        return False
    return not ended.exists() or ended.stat().st_mtime_ns < written.stat().st_mtime_ns


def log(unit: Unit, root: Path) -> Path:
    """Return the file of what a unit's job says."""
    return root / "results" / "logs" / unit.stage / f"{unit.name}.log"


def by_stage(units: Iterable[Unit]) -> dict[str, int]:
    """Return the number of units of each stage."""
    counts: dict[str, int] = {}
    for unit in units:
        counts[unit.stage] = counts.get(unit.stage, 0) + 1
    return counts

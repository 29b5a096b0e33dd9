"""A finished study to disturb: forget a unit, run again, strike while that unit is made, recover, compare."""

import base64
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil
from workflow.conftest import BIN, Project

from imprint import lock, store
from imprint.writer import lock_file

UPSTREAM = ("data", "recipe", "search", "select", "train", "probe")
PRODUCTS = ("plan", "gather", "claims", "figure", "finding", "report", "publish")
STAGES = (*UPSTREAM, *PRODUCTS)
SUFFIX = {"plan": "json", "claims": "csv", "figure": "svg", "finding": "md", "report": "html", "publish": "json"}
COMPARED = ("data", "search", "select", "train", "probe", "gather", "claims", "figure")
MODES = ("warm", "cold", "bare")
LIMIT = 400  # seconds for one run; the whole study takes less than 20 on two idle cores
KILLED = "an earlier run was killed"


class Run:
    """A run of the study in the background."""

    def __init__(self, bench: "Bench", command: list[str], environment: dict[str, str], **options):
        self.bench = bench
        self.said = bench.project / f"said-{time.monotonic_ns()}.txt"
        with open(self.said, "w") as out:
            self.process = subprocess.Popen(
                command,
                cwd=bench.project.folder,
                env=bench.project.environment | environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                **options,
            )
        self.seen: set[psutil.Process] = set()

    @property
    def text(self) -> str:
        """What it has said so far."""
        return self.said.read_text(errors="replace")

    def family(self) -> list[psutil.Process]:
        """The process and its descendants as far as they can be found."""
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(self.process.pid)
            self.seen |= {process, *process.children(recursive=True)}
        return [process for process in self.seen if process.is_running()]

    def reaches(self, unit: Path) -> lock.Owner:
        """Wait until a unit is being made; return by whom."""
        file = lock_file(unit)
        end = time.monotonic() + LIMIT
        while time.monotonic() < end and self.process.poll() is None:
            if owner := lock.owner(file):
                self.family()
                return owner
            time.sleep(0.005)
        raise AssertionError(f"{unit} was not made while this ran:\n{self.text}")

    def snakemake(self) -> psutil.Process:
        """Snakemake itself."""
        named = [process for process in self.family() if "snakemake" in " ".join(process.cmdline()[:3])]
        return min(named, key=lambda process: process.create_time())

    def ends(self) -> int:
        """Wait for its end; return its exit status."""
        try:
            return self.process.wait(LIMIT)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it hangs; it said\n{self.text}") from None

    def refused(self, *words: str) -> None:
        """It ends in an error that says these words."""
        assert self.ends() == 1, self.text
        for word in words:
            assert word in self.text, f"{word!r} is not said:\n{self.text}"

    def kill(self) -> None:
        """Leave no process behind."""
        for process in self.family():
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self.process.wait()


class Bench:
    """A copy of the finished study, and what its results were."""

    def __init__(self, project: Project, finished: Project, rng: random.Random, stage: str):
        self.project, self.finished, self.rng, self.stage = project, finished, rng, stage
        self.mode = rng.choice(MODES)
        self.goal = "claims" if stage in STAGES[: STAGES.index("figure")] else ""
        self.environment: dict[str, str] = {}
        self.runs: list[Run] = []
        self.unit = rng.choice(self.files(stage))

    def place(self, file: Path) -> str:
        """A file as messages name it: from the project's folder."""
        return str(file.relative_to(self.project.folder))

    def files(self, stage: str) -> list[Path]:
        """The units of a stage: the files that its jobs name as output."""
        return self.project.stores(stage, f"*.{SUFFIX.get(stage, 'zarr.zip')}")

    def forget(self, itself: bool = True) -> None:
        """Remove the unit, and what was made from it."""
        later = STAGES[max(STAGES.index(self.stage) + 1, len(UPSTREAM) + 1) :]
        gone = {self.unit.name}
        for stage in UPSTREAM:
            gone |= {file.name for file in self.files(stage) if gone & self.made_from(file)}
        gone |= {file.name for stage in later for file in self.files(stage)}
        if not itself:
            gone.remove(self.unit.name)
        for file in sorted((self.project / "results/store").glob("*/*")):
            if any(name.split(".")[0] == file.name.split(".")[0] for name in gone):
                file.unlink()

    @staticmethod
    def made_from(file: Path) -> set[str]:
        """Names of the stores that a store was made from."""
        made = json.loads(store.attributes(file).get("made_from", "{}"))
        return {name for names in made.values() for name in names}

    @property
    def target(self) -> list[str]:
        """What the run is to make: the first unit of the stage that is its goal, or without one the whole study."""
        made = self.finished.stores(self.goal, f"*.{SUFFIX[self.goal]}") if self.goal else []
        return [str(file.relative_to(self.finished.folder)) for file in made[:1]]

    def start(self, mode: str = "", prefix: tuple[str, ...] = (), extra: dict | None = None, **options) -> Run:
        """Run the study in the background."""
        mode = mode or self.mode
        command = [str(BIN / "imprint"), "study", *(["--cold"] if mode == "cold" else []), "--", *self.target]
        if mode == "bare":
            command = [sys.executable, "-m", "snakemake", *self.target]
        return self.begin([*prefix, *command], self.environment | (extra or {}), **options)

    def begin(self, command: list[str], environment: dict[str, str], **options) -> Run:
        """Run a command in the background; it ends with the case."""
        self.runs.append(run := Run(self, command, environment, **options))
        return run

    def moment(self) -> float:
        """A random moment in the making of the unit: seconds after its start."""
        text = (self.finished / f"results/benchmarks/{self.stage}/{self.unit.name.split('.')[0]}.jsonl").read_text()
        return self.rng.uniform(0, 0.8) * json.loads(text.splitlines()[0])["s"]

    def struck(self, strike) -> Run:
        """Forget the unit, run, and strike at a random moment of its making: `strike(run, owner)`."""
        self.forget()
        run = self.start()
        owner = run.reaches(self.unit)
        time.sleep(self.moment())
        run.family()
        strike(run, owner)
        return run

    def recovers(self) -> str:
        """Run the study to its end: the results are those of the undisturbed run; return what it said."""
        kept = self.stamps(without=self.attempted())
        run = self.start("warm")
        assert run.ends() == 0, run.text
        now = self.stamps()
        again = [file for file, stamp in kept.items() if now.get(file) != stamp]
        assert not again, f"{again} were computed again:\n{run.text}"
        self.equals()
        return run.text

    def stamps(self, without: frozenset[str] = frozenset()) -> dict[str, tuple]:
        """Which file of the store is which: a file that is written again is another."""
        files = {file.name: file.stat() for file in (self.project / "results/store").glob("*/*")}
        units = {name: status for name, status in files.items() if not name.startswith(".")}
        return {n: (s.st_ino, s.st_size) for n, s in units.items() if n.split(".")[0] not in without}

    def attempted(self) -> frozenset[str]:
        """Units that were being made when a run ended, as far as Snakemake or a lock tells."""
        marks = (self.project / ".snakemake/incomplete").glob("*")
        names = [Path(base64.b64decode(mark.name + "==").decode(errors="replace")).name for mark in marks]
        names += [file.name for file in (self.project / "results/locks").rglob("*.lock")]
        return frozenset(name.split(".")[0] for name in [*names, self.unit.name])

    def equals(self) -> None:
        """Arrays, verdicts and figures are those of the undisturbed run; nothing half written is left."""
        wanted = COMPARED[: COMPARED.index("claims") + 1] if self.goal else COMPARED
        for stage in wanted:
            for truth in sorted((self.finished / "results/store" / stage).glob("*")):
                found = self.project / "results/store" / stage / truth.name
                assert found.is_file(), f"{found} is missing"
                if truth.suffix == ".zip":
                    read = store.read_tree if stage == "gather" else store.read
                    assert read(found).identical(read(truth)), found
                else:
                    assert found.read_bytes() == truth.read_bytes(), found
        if not self.goal:
            self.published()
        left = [str(file) for file in (self.project / "results").rglob("*") if file.name.endswith((".part", ".lock"))]
        assert not left

    def published(self) -> None:
        """Published files are those of the undisturbed run; a report and a finding say when and how long as well."""
        folder = self.finished / "results/faults"
        for truth in sorted(
            path for path in folder.rglob("*") if path.is_file() and path.suffix not in (".html", ".md")
        ):
            found = self.project / "results/faults" / truth.relative_to(folder)
            assert found.read_bytes() == truth.read_bytes(), found

    def refuses(self, *words: str) -> None:
        """Run the study, which must end in an error that says these words, and soon."""
        self.start(self.rng.choice(("warm", "cold"))).refused(*words)

    def close(self) -> None:
        """End what runs, tell what it said for a case that failed, and remove the copy."""
        for run in self.runs:
            run.kill()
            print(f"{run.process.args} ended with {run.process.returncode} and said\n{run.text}")
        shutil.rmtree(self.project.folder, ignore_errors=True)


def gone(number: int, seconds: float = 10) -> bool:
    """Whether a process ends within some seconds."""
    try:
        process = psutil.Process(number)
        end = time.monotonic() + seconds
        while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
            if time.monotonic() > end:
                return False
            time.sleep(0.02)
    except psutil.NoSuchProcess:
        pass
    return True


def send(number: int, what: signal.Signals) -> bool:
    """Send a signal; return whether there was a process to get it."""
    with suppress(ProcessLookupError):
        os.kill(number, what)
        return True
    return False

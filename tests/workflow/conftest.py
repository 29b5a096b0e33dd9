"""A finished small study in a copy of the project, one copy per test, so that tests may edit anything."""

import ast
import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from imprint import store

ROOT = Path(__file__).parents[2]
STUDY = Path(__file__).parent / "study"
BIN = Path(sys.executable).parent
LIMIT = 300  # seconds for one command; the longest takes 20 on two idle cores
CHATTER = ("results/logs/", "results/benchmarks/")


class Project:
    """A copy of the project with the small study in it, and the commands that a person gives there."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.compared = False

    def __truediv__(self, path: str) -> Path:
        return self.folder / path

    @property
    def environment(self) -> dict[str, str]:
        """A person's: nothing of the running tests, the copy's sources first, one thread each."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("IMPRINT_", "PYTEST_"))}
        kept.pop("CI", None)
        threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        paths = {"PATH": f"{BIN}{os.pathsep}{kept['PATH']}", "PYTHONPATH": str(self / "src")}
        return kept | threads | paths

    def run(self, *command: str, **environment: str) -> subprocess.CompletedProcess:
        """Run a command in the copy; stderr goes with stdout."""
        return subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment | environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=LIMIT,
        )

    def imprint(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess:
        """Run the console program."""
        return self.run(str(BIN / "imprint"), *arguments, **environment)

    def study(self, *arguments: str, **environment: str) -> str:
        """Run the study, which must succeed; return what it says."""
        done = self.imprint("study", *arguments, **environment)
        assert done.returncode == 0, done.stdout
        return done.stdout

    def jobs(self, **environment: str) -> dict[str, int]:
        """Jobs that would run, by rule, from Snakemake's own dry run; writing the plan down counts once.

        `imprint plan` must say the same, when a test first asks: after the change that it is about.
        """
        done = self.run(sys.executable, "-m", "snakemake", "--dry-run", **environment)
        assert done.returncode == 0, done.stdout
        rows = re.search(r"^Job stats:\n(.*?)^total", done.stdout, re.M | re.S)
        assert rows or "Nothing to be done" in done.stdout, done.stdout
        counts = dict(re.findall(r"^(\w+) +(\d+)$", rows[1], re.M)) if rows else {}
        jobs = {rule: 1 if rule == "freeze" else int(count) for rule, count in counts.items() if rule != "all"}
        assert self.compared or self.planned(**environment) == jobs
        self.compared = True
        return jobs

    def planned(self, **environment: str) -> dict[str, int]:
        """Jobs that would run, by rule, as `imprint plan` tells them."""
        done = self.imprint("plan", **environment)
        assert done.returncode == 0, done.stdout
        counts = dict(re.findall(r"^(\w+): (\d+) of \d+$", done.stdout, re.M))
        written = {"freeze": 1} if counts.pop("plan", 0) else {}
        return {stage: int(count) for stage, count in counts.items()} | written

    def units(self) -> Counter:
        """Units in the store, by stage."""
        return Counter(
            path.parent.name for path in (self / "results/store").glob("*/*") if path.suffix not in (".png", ".seal")
        )

    def stores(self, stage: str, prefix: str = "") -> list[Path]:
        """Files of a stage."""
        return sorted((self / "results/store" / stage).glob(f"{prefix}*"))

    def users(self, stage: str, module: str) -> list[str]:
        """Names of the stored units of a stage that were made by a module."""
        specs = {path.name: json.loads(store.attributes(path)["spec"]) for path in self.stores(stage)}
        return [name for name, spec in specs.items() if module in spec["code"]["sources"]]

    def results(self) -> dict[str, str]:
        """Digest of every file under ``results/`` that is no log or benchmark."""
        files = {str(path.relative_to(self.folder)): path for path in (self / "results").rglob("*") if path.is_file()}
        return {
            name: hashlib.sha256(path.read_bytes()).hexdigest()
            for name, path in files.items()
            if not name.startswith(CHATTER)
        }

    def replace(self, file: str, old: str, new: str) -> None:
        """Replace a text that occurs once in a file."""
        text = (self / file).read_text()
        assert text.count(old) == 1, f"{file} has {text.count(old)} times {old!r}; the test needs one"
        (self / file).write_text(text.replace(old, new))

    def append(self, file: str, text: str) -> None:
        """Append to a file."""
        (self / file).write_text((self / file).read_text() + text)

    def reformat(self, file: str) -> None:
        """Rewrite a module with other comments, docstrings, spacing, quotes and line breaks."""
        tree = ast.parse((self / file).read_text())
        for node in ast.walk(tree):
            body = getattr(node, "body", None)
            if isinstance(body, list) and body and isinstance(body[0], ast.Expr):
                if isinstance(body[0].value, ast.Constant) and isinstance(body[0].value.value, str):
                    body[0].value.value = "Said in other words."
        lines = ast.unparse(tree).splitlines()
        (self / file).write_text(
            "# A comment.\n" + "\n\n".join([lines[0], "\n".join(lines[1:])]) + "  # and one more\n"
        )


def whole(folder: Path) -> Project:
    """Copy what git knows or would know."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    return Project(folder)


def copied(folder: Path, study: Path = STUDY) -> Project:
    """Copy the project, and put a small study in the place of the real one."""
    project = whole(folder)
    shutil.rmtree(folder / "experiments")
    shutil.copytree(study, folder, dirs_exist_ok=True)
    return project


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> Project:
    """The project after a first run of its study; built once, also for several workers. Not to be edited."""
    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent
    folder, said = base / "finished", base / "first-run.txt"
    with open(base / "finished.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not said.exists():
            shutil.rmtree(folder, ignore_errors=True)
            project = copied(folder)
            said.write_text(project.imprint("study").stdout)
    project = Project(folder)
    assert re.search(r"^report: /", said.read_text(), re.M), said.read_text()
    return project


@pytest.fixture
def project(finished, tmp_path) -> Project:
    """A copy of the finished project, for one test."""
    shutil.copytree(finished.folder, tmp_path / "copy")
    return Project(tmp_path / "copy")


@pytest.fixture
def fresh(tmp_path) -> Project:
    """The project with the small study, before any run."""
    return copied(tmp_path / "fresh")


@pytest.fixture(scope="module")
def shared(tmp_path_factory) -> Project:
    """The project with the small study, before any run, for all tests of a module."""
    return copied(tmp_path_factory.mktemp("shared") / "project")

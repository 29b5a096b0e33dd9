"""Chooses the cases, gives each a copy of a finished study, and counts what became of them.

`FAULTS=all` runs every case, `FAULTS=30` so many chosen at random; without it none is run. `FAULTS_SEED` chooses them,
and in each case the unit, the moment and the way of running; it is printed.
"""

import fcntl
import os
import random
import re
import shutil
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parent))

import table  # noqa: E402
from bench import Bench  # noqa: E402
from workflow.conftest import Project, copied  # noqa: E402

WANTED, SEED = os.environ.get("FAULTS", ""), os.environ.get("FAULTS_SEED", "0")
STUDY = Path(__file__).parent / "study"


def pytest_generate_tests(metafunc):
    """A kind of fault is made at the stages that the table names, several times each."""
    if "bench" in metafunc.fixturenames:
        metafunc.parametrize(("stage", "number"), table.cases(metafunc.function.__name__.removeprefix("test_")))


def pytest_collection_modifyitems(config, items):
    """Keep the cases asked for."""
    cases = [item for item in items if Path(__file__).parent in item.path.parents]
    chosen = cases
    if WANTED != "all":
        chosen = random.Random(SEED).sample(cases, min(int(WANTED or 0), len(cases)))
    left_out = set(cases) - set(chosen)
    items[:] = [item for item in items if item not in left_out]
    config.hook.pytest_deselected(items=list(left_out))


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory) -> Project:
    """The study after an undisturbed run, made once also for several workers. Not to be edited."""
    base = tmp_path_factory.getbasetemp()
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder, said = base / "undisturbed", base / "undisturbed.txt"
    with open(base / "undisturbed.lock", "w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        if not said.exists():
            said.write_text(copied(folder, STUDY).imprint("study").stdout)
    assert re.search(r"^report: /", said.read_text(), re.M), said.read_text()
    return Project(folder)


@pytest.fixture
def bench(undisturbed, tmp_path, request, stage, number):
    """A copy of the finished study, with random choices of its own."""
    shutil.copytree(undisturbed.folder, tmp_path / "copy")
    rng = random.Random(f"{SEED} {request.node.name}")
    made = Bench(Project(tmp_path / "copy"), undisturbed, rng, stage)
    yield made
    made.close()


@pytest.fixture
def outcome(record_property):
    """Write down what became of a case: survived or refused."""
    return lambda what: record_property("outcome", what)


@pytest.fixture(autouse=True)
def seconds(record_property):
    """Write down the processor time of a case: of this process, and of the processes that it waited for."""
    start = os.times()
    yield
    record_property("seconds", sum(os.times()[:4]) - sum(start[:4]))


def pytest_terminal_summary(terminalreporter):
    """The table: per kind and stage, how many faults, survived and refused."""
    outcomes, seconds = [], 0.0
    for report in terminalreporter.getreports(""):  # of what was torn down, with all that was written down
        kind, _, case = report.nodeid.partition("::test_")[2].partition("[")
        told = dict(report.user_properties)
        if "outcome" in told:
            outcomes.append((kind, case.partition("-")[0], told["outcome"]))
            seconds += told.get("seconds", 0.0)
    if outcomes:
        told = [*table.lines(outcomes), f"{seconds:.0f} s of processor time, {seconds / len(outcomes):.1f} s each"]
        terminalreporter.write_line("\n".join([f"faults injected, with FAULTS_SEED={SEED}:", *told]))

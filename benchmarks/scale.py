"""How large can a study be? Planning and Snakemake's dry run, a finished study, the atlas, and how all of it grows.

    python benchmarks/scale.py [plan] [finished] [growth] [large] [atlas] [--past results]

Every command runs in a process of its own; the machine may be shared, so CPU seconds count (user and system, of all
its processes), the wall clock is told beside them, and before each part how many processes compete for its cores.
``past`` is the results tree of a finished study, from which the growth table takes the median seconds and bytes of a
job of each stage.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import atlases
import studies
from studies import ROOT, Shape

from imprint import plan as planning
from imprint.plan import Plan

IMPRINT = (str(Path(sys.executable).with_name("imprint")),)
# a child begins with its parent's peak of memory, so a small process starts it
START = """import json, os, subprocess, sys
process = subprocess.Popen(sys.argv[1:], stdout=sys.stderr)
_, status, used = os.wait4(process.pid, 0)
print(json.dumps([os.waitstatus_to_exitcode(status), used.ru_utime + used.ru_stime, used.ru_maxrss * 1024 / 1e6]))
"""
CHANGE = ("epochs: 40", "epochs: 41")
WIDE, LARGE = Shape(), Shape(blocks=14)
BASE = Shape(experiments=4, recipes=10, blocks=2)
MEGA = 1e6
GROWN = (
    "experiments x recipes x blocks of seeds x probes", "replicas", "jobs", "work", "disk", "plan",
    "`imprint plan`, CPU s", "wall s", "MB", "dry run, CPU s", "wall s", "MB",
)  # fmt: skip


@dataclass(frozen=True)
class Cost:
    """What a command took."""

    cpu: float
    wall: float
    peak: float

    def __str__(self) -> str:
        return f"{self.cpu:.1f} | {self.wall:.0f} | {self.peak:.0f}"


def cost(command: tuple[str, ...], folder: Path) -> Cost:
    """Run a command that must end well; return its CPU seconds, wall seconds and peak memory in MB."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    begin = time.perf_counter()
    done = subprocess.run(
        (sys.executable, "-S", "-c", START, *command), cwd=folder, env=environment, capture_output=True, text=True
    )
    wall = time.perf_counter() - begin
    status, cpu, peak = json.loads(done.stdout)
    if status:
        raise SystemExit(f"{' '.join(command)} ended with {status}:\n{done.stderr[-2000:]}")
    return Cost(cpu, wall, peak)


def snakemake(*options: str) -> tuple[str, ...]:
    """Return the command of Snakemake."""
    return (sys.executable, "-m", "snakemake", "--quiet", "all", *options)


def jobs(plan: Plan) -> int:
    """Return the number of jobs of a plan."""
    return sum(len(units) for units in plan.units.values())


def longest(plan: Plan) -> int:
    """Return the bytes of the longest command of a plan, but for those that write the plan down from the study."""
    units = [unit for stage, units in plan.units.items() if stage != "plan" for unit in units.values()]
    return max(len(planning.command(plan, unit).encode()) for unit in units)


def table(*columns: str) -> None:
    """Print the head of a table."""
    print(f"\n| {' | '.join(columns)} |\n|{'---|' * len(columns)}", flush=True)


def row(*cells: object) -> None:
    """Print a row of a table."""
    print(f"| {' | '.join(map(str, cells))} |", flush=True)


def plan(scratch: Path, past: Path) -> None:
    """Plan a wide study that never ran, that is finished, and that changed with and without having been published."""
    folder = studies.write(WIDE, scratch / "wide")
    made = planning.build(folder)
    print(f"\n{WIDE}: {jobs(made)} jobs, longest command {longest(made)} bytes")
    table("", "CPU s", "wall s", "MB")
    row("`imprint plan`, nothing there", cost((*IMPRINT, "plan"), folder))
    row("`snakemake --dry-run`, nothing there", cost(snakemake("--dry-run"), folder))
    studies.finish(folder)
    row("`imprint plan`, all there", cost((*IMPRINT, "plan"), folder))
    row("`snakemake --dry-run`, all there", cost(snakemake("--dry-run"), folder))
    for file in (folder / "experiments").glob("*.yaml"):
        file.write_text(file.read_text(encoding="utf-8").replace(*CHANGE), encoding="utf-8")
    row("`imprint plan`, all trained longer", cost((*IMPRINT, "plan"), folder))
    (folder / "results" / "wide" / "index.csv").unlink()
    row("the same, never published", cost((*IMPRINT, "plan"), folder))


def finished(scratch: Path, past: Path) -> None:
    """Run the quick study where all is there."""
    folder = scratch / "finished"
    studies.copy(("config.yaml", "experiments", *studies.COPIED), folder)
    made = studies.finish(folder)
    table(f"quick study, finished, {jobs(made)} jobs", "CPU s", "wall s", "MB")
    row("`imprint study`", cost((*IMPRINT, "study"), folder))
    row("of it `snakemake`", cost(snakemake(), folder))
    row("of that its imports", cost((sys.executable, "-c", "import snakemake.cli, snakemake.workflow"), folder))


def growth(scratch: Path, past: Path) -> None:
    """Plan studies of growing size; say what they would take."""
    work, bytes_ = medians(past, seconds), medians(past, size)
    table(*GROWN)
    shapes = [BASE]
    for key in ("blocks", "recipes", "experiments"):
        shapes += [replace(BASE, **{key: factor * getattr(BASE, key)}) for factor in (2, 4)]
    for number, shape in enumerate(shapes):
        told(shape, scratch / f"growth_{number}", work, bytes_)


def large(scratch: Path, past: Path) -> None:
    """Plan 100,000 replicas, in blocks of 8 seeds and of 112."""
    work, bytes_ = medians(past, seconds), medians(past, size)
    table(*GROWN)
    for number, shape in enumerate((Shape(seeds=112), LARGE)):
        told(shape, scratch / f"large_{number}", work, bytes_)


def told(shape: Shape, folder: Path, work: dict[str, float], bytes_: dict[str, float]) -> None:
    """Print the row of a study: a job takes what the median job of its stage took, by its replicas."""
    studies.write(shape, folder)
    made = planning.build(folder)
    weights = {stage: len(units) * replicas(stage, shape) for stage, units in made.units.items()}
    hours = sum(weight * work.get(stage, 0) for stage, weight in weights.items()) / 3600
    disk = sum(weight * bytes_.get(stage, 0) for stage, weight in weights.items()) / MEGA
    frozen = len(json.dumps(planning.frozen(made))) / MEGA
    numbers = (shape.replicas, jobs(made), f"{hours:.1f} h", f"{disk:.0f} MB", f"{frozen:.1f} MB")
    row(shape, *numbers, cost((*IMPRINT, "plan"), folder), cost(snakemake("--dry-run"), folder))


def replicas(stage: str, shape: Shape) -> float:
    """Return how many times the work of a job with 8 seeds a job has."""
    return shape.seeds / 8 if stage in ("train", "probe") else 1.0


def medians(past: Path, read: Callable[[Path, str], list[float]]) -> dict[str, float]:
    """Return the median of a job of each stage."""
    found = {stage: read(past, stage) for stage in planning.LIBRARIES}
    return {stage: statistics.median(values) for stage, values in found.items() if values}


def seconds(past: Path, stage: str) -> list[float]:
    """Return the seconds of the jobs of a stage."""
    files = (past / "benchmarks" / stage).glob("*.jsonl")
    return [json.loads(file.read_text(encoding="utf-8").splitlines()[-1])["s"] for file in files]


def size(past: Path, stage: str) -> list[float]:
    """Return the bytes of the files of a stage."""
    return [file.stat().st_size for file in (past / "store" / stage).glob("[!.]*")]


def atlas(scratch: Path, past: Path) -> None:
    """Open an atlas and read one variable."""
    folder = atlases.write(scratch)
    table("atlas of 1,000 replicas x 60 probes", "CPU s", "keys read", "of them chunks", "bytes read")
    for name, read in atlases.opened(folder).items():
        row(name, f"{read.cpu:.3f}", len(read.keys), len(read.chunks), read.bytes)


PARTS = {part.__name__: part for part in (plan, finished, growth, large, atlas)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="part", help=", ".join(PARTS))
    parser.add_argument("--past", type=Path, default=ROOT / "results")
    arguments = parser.parse_args()
    for name in arguments.parts or PARTS:
        print(f"\n{name}: load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores", flush=True)
        with tempfile.TemporaryDirectory() as scratch:
            PARTS[name](Path(scratch), arguments.past)


if __name__ == "__main__":
    main()

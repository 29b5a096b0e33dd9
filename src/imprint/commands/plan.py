"""``imprint plan``: what a study would run, and why."""

import argparse
import os
import shutil
from pathlib import Path

from imprint import equivalent, results
from imprint import plan as planning
from imprint.claims.prospect import prospect
from imprint.earlier import Earlier
from imprint.errors import ImprintError
from imprint.forecast import Forecast, forecast
from imprint.identity import Unit
from imprint.outstanding import outstanding
from imprint.plan import Plan
from imprint.words import count, listed, size
from snakemake_logger_plugin_imprint.run import duration

ROOT = Path(".")
SHOWN = 20


def main(argv: list[str]) -> int:
    """Print what would run, by stage and reason, what it will take, what the tests can find, what is stale; exit 0."""
    parser = argparse.ArgumentParser(prog="imprint plan", description=__doc__)
    parser.add_argument("study", nargs="?", help="an entry of studies in config.yaml")
    parser.add_argument("--all", action="store_true", help=f"name every job, not only the first {SHOWN} of a reason")
    arguments = parser.parse_args(argv)
    plan = planning.build(ROOT, arguments.study)
    to_run = {stage: units for stage, units in outstanding(plan, ROOT).items() if units}
    units = [unit for of_stage in to_run.values() for unit in of_stage]
    earlier = Earlier(plan, units, ROOT)
    total = sum(len(units) for units in plan.units.values())
    print(f"study {plan.study.name}: {len(units)} of {total} jobs to run")
    if units:
        print("\n".join(taken(forecast(units, earlier, ROOT))))
    for stage, of_stage in to_run.items():
        print(f"{stage}: {len(of_stage)} of {len(plan.units[stage])}")
        print("\n".join(grouped(of_stage, earlier, None if arguments.all else SHOWN)))
    print("\n".join([*declared(plan), *stale(plan), "power:", *prospect(plan.study)]))
    return 0


def grouped(units: list[Unit], earlier: Earlier, shown: int | None) -> list[str]:
    """Return the lines on the units of a stage: each reason with the units that it is the reason of."""
    reasons: dict[str, list[str]] = {}
    for unit in units:
        reasons.setdefault(earlier.reason(unit), []).append(unit.label)
    lines = []
    for reason, labels in reasons.items():
        lines += [f"  {reason}", *(f"    {label}" for label in labels[:shown])]
        lines += [f"    and {len(labels) - shown} more (--all)"] if shown and len(labels) > shown else []
    return lines


def taken(expected: Forecast) -> list[str]:
    """Return the lines on time and disk."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    work, wall = duration(expected.seconds), duration(expected.seconds / cores)
    lines = [f"time: about {work} of work, {wall} on {count(cores, 'core')}, as past jobs took"]
    if expected.unknown:
        lines = [*lines[: bool(expected.seconds)], f"time: nothing is known yet of {listed(expected.unknown)}"]
    free = shutil.disk_usage(ROOT).free
    needed = f"about {size(expected.bytes)}" if expected.bytes else "nothing is known yet"
    return [*lines, f"disk: {needed}, {size(free)} are free{': NOT ENOUGH' if expected.bytes > free else ''}"]


def declared(plan: Plan) -> list[str]:
    """Return the lines on code that is declared to be equivalent, and on declarations that are of no use."""
    (page,) = (plan.units.get("report") or plan.units["profile"]).values()
    used = page.spec.get("equivalent", [])
    lines = []
    for row in equivalent.read(ROOT / equivalent.NAME):
        told = f"{row.module} {row.now or 'absent'} counts as {row.then or 'absent'} ({row.stage}: {row.reason})"
        lines.append(f"{equivalent.NAME}: {told if row.plain() in used else f'not in use: {told}'}")
    return lines


def stale(plan: Plan) -> list[str]:
    """Return the lines on what is out of date, of use to no study, or made by no rule."""
    lines = []
    if Path(planning.published(plan)[0]).exists() and not Path(plan.final.path).exists():
        lines.append(f"stale: results/{plan.study.name} shows an earlier plan until the study is run")
    try:
        tree = results.survey(ROOT)
    except ImprintError as error:
        return [*lines, f"stale: {error}"]
    if tree.stale:
        told = f"{count(len(tree.stale), 'file')}, {size(sum(file.lstat().st_size for file in tree.stale))}"
        lines.append(f"stale: {told}, to which no study refers; `imprint clean --stale` shows and removes them")
    return [*lines, *(f"made by no rule: {file}" for file in tree.foreign)]

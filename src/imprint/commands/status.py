"""``imprint status``: how far a study is: what is done, runs, failed and waits."""

import argparse
import time
from pathlib import Path

from imprint import jobs
from imprint import plan as planning
from imprint.identity import Unit
from imprint.words import listed
from snakemake_logger_plugin_imprint.handler import LAST_LINES, last_lines
from snakemake_logger_plugin_imprint.run import duration

ROOT = Path(".")


def main(argv: list[str]) -> int:
    """Print how far a study is, with the end of the log of each job that failed; exit 1 if one did."""
    parser = argparse.ArgumentParser(prog="imprint status", description=__doc__)
    parser.add_argument("study", nargs="?", help="an entry of studies in config.yaml")
    parser.add_argument("--lines", type=int, default=LAST_LINES, help="lines of each log that failed")
    arguments = parser.parse_args(argv)
    plan = planning.build(ROOT, arguments.study)
    found = jobs.states(plan, ROOT)
    counts = {"running": len(found.running), "failed": len(found.failed), "waiting": len(found.waiting)}
    print(f"study {plan.study.name}: {found.done} of {found.total} done, {listed(counts)}")
    for each in found.running:
        where = f" on {each.host}" if each.host else ""
        print(f"running: {each.unit.stage} {each.unit.label}, {duration(each.seconds)}, process {each.pid}{where}")
    for unit in found.failed:
        print("\n".join(failure(unit, arguments.lines)))
    if found.waiting:
        print(f"waiting: {listed(jobs.by_stage(found.waiting))}")
    report = Path(planning.published(plan)[0])
    if report.exists():
        current = Path(plan.final.path).exists()
        print(f"report: {report}{'' if current else ', of an earlier plan'}")
    return 1 if found.failed else 0


def failure(unit: Unit, lines: int) -> list[str]:
    """Return the lines on a job that failed or was stopped."""
    file = jobs.log(unit, ROOT)
    last, part = last_lines(str(file), lines)
    ago = duration(max(time.time() - file.stat().st_mtime, 0.0))
    where = "not there and not being made"
    head = f"failed: {unit.stage} {unit.label}: {where}; its log, last written {ago} ago"
    return [head, f"  {file} ({part})", *(f"    | {line}" for line in last)]

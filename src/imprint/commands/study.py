"""``imprint study``: runs a study on this machine and says where its report is."""

import argparse
import os
import sys
from pathlib import Path

from imprint import plan as planning
from imprint import runs, supervise, warm
from imprint.commands.plan import main as show

PRELOAD = ("pandas", "scipy.stats", "xarray", "zarr", "torch", "pytorch_lightning", "sklearn.datasets", "seaborn")


def main(argv: list[str]) -> int:
    """Run Snakemake on a study, its jobs in processes that need not import everything anew.

    What follows ``--`` goes to Snakemake.
    """
    own, rest = (argv[: argv.index("--")], argv[argv.index("--") + 1 :]) if "--" in argv else (argv, [])
    parser = argparse.ArgumentParser(prog="imprint study", description=__doc__)
    parser.add_argument("study", nargs="?", help="an entry of studies in config.yaml; default is the one it names")
    parser.add_argument("-n", "--dry-run", action="store_true", help="show what would run, and why: `imprint plan`")
    parser.add_argument("--cold", action="store_true", help="every job starts its own interpreter")
    arguments = parser.parse_args(own)
    if arguments.dry_run:
        return show([arguments.study] if arguments.study else [])
    plan = planning.build(Path("."), arguments.study)
    status = run(plan.study.name, rest, cold=arguments.cold or "--executor" in rest)
    report = Path("results") / plan.study.name / "report.html"
    if status == 0 and report.exists() and Path(plan.final.path).exists():
        print(f"report: {report.resolve()}")
    return status


def run(study: str, rest: list[str], cold: bool = False) -> int:
    """Run Snakemake on a study and return its exit status; what a dead run left locked is set free first."""
    here = Path(".")
    with runs.entered(here):
        for line in runs.clear(here):
            print(f"imprint: {line}", file=sys.stderr, flush=True)
        status = _supervised(snakemake(study, rest), cold)
        if status and (others := runs.living(here)):
            named = ", ".join(map(str, others))
            print(f"imprint: another run goes on in this folder: {named}; wait for it or stop it", file=sys.stderr)
    return status


def _supervised(command: list[str], cold: bool) -> int:
    if cold:
        return supervise.run(command, dict(os.environ))
    with warm.server(PRELOAD) as address:
        return supervise.run(command, {**os.environ, "IMPRINT_WARM": address})


def snakemake(study: str, rest: list[str]) -> list[str]:
    """Return the command that runs a study; ``rest`` may hold targets, which ``--config`` would swallow behind it."""
    return [sys.executable, "-m", "snakemake", *rest, "--logger", "imprint", "--config", f"study={study}"]

"""``imprint study``: runs a study on this machine and says where its report is."""

import argparse
import os
import subprocess
import sys
from pathlib import Path

from imprint import plan as planning
from imprint import warm
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
    command = snakemake(plan.study.name, rest)
    if arguments.cold or "--executor" in rest:
        status = subprocess.run(command).returncode
    else:
        with warm.server(PRELOAD) as address:
            status = subprocess.run(command, env={**os.environ, "IMPRINT_WARM": address}).returncode
    report = Path("results") / plan.study.name / "report.html"
    if status == 0 and report.exists() and Path(plan.final.path).exists():
        print(f"report: {report.resolve()}")
    return status


def snakemake(study: str, rest: list[str]) -> list[str]:
    """Return the command that runs a study; ``rest`` may hold targets, which ``--config`` would swallow behind it."""
    return [sys.executable, "-m", "snakemake", *rest, "--logger", "imprint", "--config", f"study={study}"]

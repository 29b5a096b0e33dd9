"""``imprint calibrate``: how often verdicts are wrong, and how often right, on replicas of known truth."""

import argparse
from pathlib import Path

from imprint import plan as planning
from imprint import store
from imprint.claims import trust
from imprint.claims.attainable import least_pairs
from imprint.commands.study import preload, run, snakemake
from imprint.errors import ImprintError
from imprint.identity import Unit


def main(argv: list[str]) -> int:
    """Make the calibration of a study if it is not there and print it; exit 0 only if every figure is in its range.

    Raises:
        ImprintError: if the study declares no pool, or none of its experiments can be calibrated with it.
    """
    parser = argparse.ArgumentParser(prog="imprint calibrate", description=__doc__)
    parser.add_argument("study", nargs="?", help="an entry of studies in config.yaml; default is the one it names")
    arguments = parser.parse_args(argv)
    plan = planning.build(Path("."), arguments.study)
    units = list(plan.units.get("calibrate", {}).values())
    if not units:
        raise ImprintError(
            f"study {plan.study.name}: nothing can be calibrated; config.yaml needs calibration:, a pool of replicas, "
            f"and an experiment at least {least_pairs()} seeds"
        )
    missing = [unit.path for unit in units if not Path(unit.path).exists()]
    command = snakemake(plan.study.name, plan.study.device, missing)
    status = run(command, preload(plan.units)) if missing else 0
    return status or _print(units)


def _print(units: list[Unit]) -> int:
    failed = 0
    for unit in units:
        found = trust.read(store.read(unit.path))
        failed += sum(not trust.holds(figure) for figure in found)
        print(f"\n{unit.label}: {trust.summary(found)} ({unit.path})")
        for check, words in trust.CHECKS.items():
            print(f"{words}:")
            print("\n".join(f"  {trust.told(figure)}" for figure in found if figure.check == check))
    return 1 if failed else 0

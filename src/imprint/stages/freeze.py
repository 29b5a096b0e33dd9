"""freeze: writes the plan down, so that everything after works from one copy."""

import argparse
import json
from pathlib import Path

from imprint import plan as planning
from imprint import store
from imprint.errors import StudyError
from imprint.naming import sealed


def main(argv: list[str]) -> None:
    """Write the frozen plan, and refuse if the study changed since its name was computed."""
    parser = argparse.ArgumentParser(prog="imprint freeze")
    parser.add_argument("--study", required=True)
    parser.add_argument("--device")
    parser.add_argument("--root", type=Path, default=Path("."))
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args(argv)
    plan = planning.build(arguments.root, arguments.study, arguments.device)
    units = {Path(unit.path).name: unit for unit in plan.units["plan"].values()}
    if arguments.out.name not in units:
        raise StudyError(
            f"the study changed since it was planned: {arguments.out.name} is wanted, {', '.join(units)} is what the "
            "files say now; run the study again"
        )
    unit = units[arguments.out.name]
    with store.replacing(arguments.out) as scratch:
        scratch.write_text(json.dumps(sealed(planning.written(plan, unit)), indent=1), encoding="utf-8")

"""``imprint plan``: what a study would run, and why."""

import argparse
import json
from pathlib import Path

from imprint import plan as planning
from imprint import store
from imprint.claims.prospect import prospect
from imprint.identity import STORE, Unit, plain


def main(argv: list[str]) -> int:
    """Print the units that are missing, by stage, with the reason for each, and what the tests can find; exit 0."""
    parser = argparse.ArgumentParser(prog="imprint plan", description=__doc__)
    parser.add_argument("study", nargs="?", help="an entry of studies in config.yaml")
    arguments = parser.parse_args(argv)
    plan = planning.build(Path("."), arguments.study)
    missing = planning.explain(plan, Path("."))
    total = sum(len(units) for units in plan.units.values())
    count = sum(len(units) for units in missing.values())
    print(f"study {plan.study.name}: {count} of {total} jobs to run")
    for stage, units in missing.items():
        if not units:
            continue
        print(f"{stage}: {len(units)} of {len(plan.units[stage])}")
        for unit in units:
            print(f"  {unit.label}  ({reason(unit, Path('.'))})")
    print("\n".join(["power:", *prospect(plan.study)]))
    return 0


def reason(unit: Unit, root: Path) -> str:
    """Return why a unit is not there: never computed, or what differs from the nearest result that is."""
    stored = sorted((root / STORE / unit.stage).glob(f"{unit.prefix}-*.zarr.zip"))
    changes = [change for path in stored if (change := _change(unit, path)) is not None]
    if not changes:
        return "new"
    nearest = min(changes, key=len)
    return "changed: " + ", ".join(nearest[:3]) if nearest else "its inputs changed"


def _change(unit: Unit, path: Path) -> list[str] | None:
    """Return the fields in which a stored unit of the same prefix differs."""
    if path.stem.removesuffix(".zarr").rpartition("-")[0] != unit.prefix:
        return None
    before = _flat(json.loads(store.attributes(path).get("spec", "{}")))
    now = _flat(plain(unit.spec))
    keys = [key for key in sorted(before.keys() | now.keys()) if before.get(key) != now.get(key)]
    return [_told(key, before.get(key, "absent"), now.get(key, "absent")) for key in keys]


def _told(key: str, before: str, now: str) -> str:
    if key.startswith("code.sources."):
        return f"code of {key.removeprefix('code.sources.')}"
    return f"{key} {before} -> {now}"


def _flat(value: object, key: str = "") -> dict[str, str]:
    if isinstance(value, dict):
        return {k: v for name, item in value.items() for k, v in _flat(item, f"{key}.{name}" if key else name).items()}
    return {key: json.dumps(plain(value))}

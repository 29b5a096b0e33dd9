"""What is left to make of a plan."""

from collections.abc import Collection
from pathlib import Path

from imprint.identity import Unit
from imprint.plan import Plan, all_units, files, published, read_by


def outstanding(plan: Plan, root: Path, targets: Collection[str] = ()) -> dict[str, list[Unit]]:
    """Return the units that a run would make, by stage, as Snakemake decides it.

    It makes what is not there and is needed for what is asked for, and what reads a file that was not there. Asked for
    is the whole study, or with ``targets``, paths of units, these.
    """
    named = [unit for unit in all_units(plan) if unit.path in targets]
    goals = named or [plan.final]
    readers: dict[str, list[Unit]] = {}
    for unit in _ancestry(plan, goals):
        for other in read_by(plan, unit):
            readers.setdefault(other.path, []).append(unit)
    found: set[str] = set()
    published_there = named or all((root / name).exists() for name in published(plan))
    pending = [unit for unit in goals if not (published_there and _there(unit, root))]
    while pending:
        unit = pending.pop()
        if unit.path in found:
            continue
        found.add(unit.path)
        pending += [other for other in read_by(plan, unit) if not _there(other, root)]
        pending += [] if _there(unit, root) else readers.get(unit.path, [])
    return {stage: [unit for unit in units.values() if unit.path in found] for stage, units in plan.units.items()}


def _ancestry(plan: Plan, units: list[Unit]) -> list[Unit]:
    """Return units and all that they are made from, each once."""
    found = {unit.path: unit for unit in units}
    pending = list(units)
    while pending:
        read = {other.path: other for other in read_by(plan, pending.pop()) if other.path not in found}
        found |= read
        pending += read.values()
    return list(found.values())


def _there(unit: Unit, root: Path) -> bool:
    return all((root / file).exists() for file in files(unit))

"""What a run will take, by the past: seconds from Snakemake's benchmark files, bytes from the stores.

A job takes what the one in its place took, else the middle of those of its readable prefix, else of its stage.
"""

import statistics
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from imprint import benchmarks
from imprint.earlier import Earlier
from imprint.identity import STORE, Unit
from imprint.naming import unit_name


@dataclass
class Forecast:
    """Seconds of work and bytes of files of some jobs.

    Attributes:
        seconds: of the jobs of which something is known, one after the other.
        bytes: of their files.
        unknown: jobs by stage of which nothing is known.
    """

    seconds: float = 0.0
    bytes: float = 0.0
    unknown: dict[str, int] = field(default_factory=dict)


def forecast(units: Iterable[Unit], earlier: Earlier, root: Path) -> Forecast:
    """Return what making units will take."""
    times, sizes = _past(lambda stage: _seconds(root, stage)), _past(lambda stage: _bytes(root, stage))
    total = Forecast()
    for unit in units:
        before = earlier.before(unit)
        name = unit_name(before.path.name) if before else ""
        seconds = times(unit, name)
        total.bytes += sizes(unit, name) or 0
        if seconds is None:
            total.unknown[unit.stage] = total.unknown.get(unit.stage, 0) + 1
        else:
            total.seconds += seconds
    return total


def _past(read: Callable[[str], dict[str, float]]) -> Callable[[Unit, str], float | None]:
    """Return a function of a unit and of the name of what stood in its place, which gives the value to expect."""
    read = cache(read)

    @cache
    def middles(stage: str) -> dict[str, float]:
        values: dict[str, list[float]] = {}
        for name, value in read(stage).items():
            values.setdefault("", []).append(value)
            values.setdefault(name.rpartition("-")[0], []).append(value)
        return {prefix: statistics.median(found) for prefix, found in values.items()}

    def expected(unit: Unit, before: str) -> float | None:
        exact = read(unit.stage).get(before)
        known = middles(unit.stage)
        return known.get(unit.prefix, known.get("")) if exact is None else exact

    return expected


def _seconds(root: Path, stage: str) -> dict[str, float]:
    """Return the seconds of each job of a stage that has a benchmark file."""
    files = sorted((root / "results" / "benchmarks" / stage).glob("*.jsonl"))
    return {file.stem: seconds for file in files if (seconds := benchmarks.seconds(file)) is not None}


def _bytes(root: Path, stage: str) -> dict[str, float]:
    """Return the bytes of each unit of a stage, of all its files."""
    found: dict[str, float] = {}
    for file in sorted((root / STORE / stage).glob("[!.]*")):
        name = unit_name(file.name)
        found[name] = found.get(name, 0) + file.stat().st_size
    return found

"""Stores of the results tree as they tell how they were made, each read once; the nearest of them to a unit."""

import json
from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from imprint import store
from imprint.identity import STORE, Unit, canonical, plain

SUFFIX = ".zarr.zip"


@dataclass(frozen=True)
class Made:
    """A result as it was made: its file, its spec, and the names of the files that it was made from, by role."""

    path: Path
    spec: dict
    inputs: dict[str, list[str]]


def made(path: Path, spec: dict | None = None) -> Made:
    """Return how a store was made, as it says itself; ``spec`` stands for that of one that is not there."""
    try:
        held = store.attributes(path)
    except store.StoreError:
        held = {}
    kept = json.loads(held["spec"]) if "spec" in held else spec or {}
    return Made(path, kept, json.loads(held.get("made_from", "{}")))


class Stored:
    """The stores under a root by stage, readable prefix and seeds: the folders are listed once."""

    def __init__(self, root: Path):
        self.root = root
        self.read: dict[Path, Made] = {}
        self.alike: dict[tuple[str, str], dict[str, list[Made]]] = {}

    def made(self, path: Path, spec: dict | None = None) -> Made:
        """Return how a store was made, as `made` says, which is asked once."""
        if path not in self.read:
            self.read[path] = made(path, spec)
        return self.read[path]

    def nearest(self, unit: Unit) -> Made | None:
        """Return the stored unit of the same prefix and seeds that differs in the fewest fields."""
        place = unit.stage, unit.prefix
        if place not in self.alike:
            self.alike[place] = self._by_seeds(self.files.get(place, []))
        spec = plain(unit.spec)
        alike = self.alike[place].get(canonical(spec.get("seeds")), [])
        return min(alike, key=lambda found: distance(found.spec, spec), default=None)

    @cached_property
    def files(self) -> dict[tuple[str, str], list[Path]]:
        """Return the stores by stage and readable prefix."""
        found = defaultdict(list)
        for path in sorted((self.root / STORE).glob(f"*/*{SUFFIX}")):
            found[path.parent.name, path.name.removesuffix(SUFFIX).rpartition("-")[0]].append(path)
        return found

    def _by_seeds(self, files: list[Path]) -> dict[str, list[Made]]:
        found = defaultdict(list)
        for each in map(self.made, files):
            found[canonical(each.spec.get("seeds"))].append(each)
        return found


def distance(before: object, now: object) -> int:
    """Return the number of fields in which two specs differ.

    >>> distance({"a": 1, "b": {"c": 2, "d": 3}}, {"a": 1, "b": {"c": 5}})
    2
    """
    if before == now:
        return 0
    if not (isinstance(before, dict) and isinstance(now, dict)):
        return len({*_fields(before), *_fields(now)})
    common = sum(distance(before[key], now[key]) for key in before.keys() & now.keys())
    alone = [before[key] for key in before.keys() - now.keys()] + [now[key] for key in now.keys() - before.keys()]
    return common + sum(len(_fields(value)) for value in alone)


def _fields(value: object, key: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    if isinstance(value, dict) and value:
        return [found for name, item in value.items() for found in _fields(item, (*key, name))]
    return [key]

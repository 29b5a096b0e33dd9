"""Why a unit is to be made: what differs from the one that stood in its place when the study was last published.

Its place are its labels: stage, experiment, recipe, stop rule, seeds and probe. What it was made from is told by the
stores themselves. A unit without labels, or of a study that was never published, is compared with the nearest stored
one of its readable prefix that has the same seeds.
"""

import csv
import json
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from imprint.identity import STORE, Unit, plain
from imprint.plan import PRODUCTS, Plan, index
from imprint.stored import Made, Stored

LABELS = ("stage", "experiment", "recipe", "stop", "seeds", "probe")
NEW = "new"


class Earlier:
    """The results of a study as it was last published, beside what is to be made now."""

    def __init__(self, plan: Plan, missing: Iterable[Unit], root: Path):
        self.root = root
        self.missing = {unit.path: unit for unit in missing}
        self.places: dict[str, Made | None] = {}
        self.stored = Stored(root)
        published = _published(root / "results" / plan.study.name / "index.csv")
        self.known = bool(published)
        self.study = plan.study.name
        self.receipt = _receipt(self.study, root)
        for entry, now in zip(plan.entries, index(plan), strict=True):
            if self.known and entry.unit.path in self.missing:
                row = published.get(_labels(now))
                before = self.stored.made(root / row["file"], json.loads(row["fields"])) if row else None
                self._place(entry.unit, before)

    def _place(self, unit: Unit, before: Made | None) -> None:
        """Remember what stood in a unit's place, and in the places of what it is made from."""
        if unit.path not in self.missing or self.places.get(unit.path):
            return
        self.places[unit.path] = before
        for role, units in unit.inputs.items():
            names = before.inputs.get(role, []) if before else []
            for other, name in zip(units, names if len(names) == len(units) else [""] * len(units), strict=True):
                path = self.root / STORE / other.stage / name
                if name and path.is_file():
                    self._place(other, self.stored.made(path))
                elif before is None:
                    self._place(other, None)

    def before(self, unit: Unit) -> Made | None:
        """Return what stood in a unit's place, None if it is new."""
        if unit.path not in self.places:
            self.places[unit.path] = self.stored.nearest(unit)
        return self.places[unit.path]

    def reason(self, unit: Unit) -> str:
        """Return why a unit is to be made, field by field."""
        if (self.root / unit.path).exists():
            return "one of its files, or of those that it reads, is gone"
        if unit.stage in ("plan", *PRODUCTS):
            return self._of_product(unit)
        before = self.before(unit)
        if before is None:
            return NEW
        if before.path.name == Path(unit.path).name:
            return "its file is gone"
        if changes := differences(before.spec, unit.spec):
            return "changed: " + ", ".join(changes)
        names = {role: [Path(other.path).name for other in units] for role, units in unit.inputs.items()}
        roles = [role for role in names if names[role] != before.inputs.get(role)]
        return f"made from other {', '.join(roles)}"

    def _of_product(self, unit: Unit) -> str:
        if not self.known:
            return NEW
        if Path(unit.path).name in {name for names in self.receipt.get("made_from", {}).values() for name in names}:
            return "its file is gone"
        if unit.stage == "plan" and unit.prefix == unit.spec["study"] and (declared := self._declared()):
            if changes := differences(_unhashed(declared), _unhashed(unit.spec["experiments"])):
                return "changed: " + ", ".join(changes)
        inputs = [other for units in unit.inputs.values() for other in units]
        stages = dict.fromkeys(other.stage for other in inputs if other.path in self.missing)
        return f"follows {', '.join(stages)}" if stages else "what is declared, code or a library changed"

    def _declared(self) -> dict:
        """Return the experiments as they were when the study was last published; nothing where that is not kept."""
        frozen = self.root / STORE / "plan" / f"{self.study}-{self.receipt.get('plan', '')}.json"
        with suppress(FileNotFoundError, ValueError):  # damaged: what had been declared is not known
            return json.loads(frozen.read_bytes())["experiments"]
        return {}


def differences(before: dict, now: dict) -> list[str]:
    """Return the fields in which two specs differ, each with its old and its new value."""
    old, new = _flat(before), _flat(plain(now))
    keys = [key for key in sorted(old.keys() | new.keys()) if old.get(key) != new.get(key)]
    return [_told(key, old.get(key, "absent"), new.get(key, "absent")) for key in keys]


def _published(file: Path) -> dict[tuple, dict]:
    csv.field_size_limit(sys.maxsize)
    if not file.is_file():
        return {}
    with open(file, newline="", encoding="utf-8") as handle:
        return {_labels(row): row for row in csv.DictReader(handle)}


def _receipt(study: str, root: Path) -> dict:
    """Return what publishing a study left: the plan's digest, and the names of what was published."""
    for file in (root / STORE / "publish").glob(f"{study}-*.json"):
        if file.stem.rpartition("-")[0] == study:
            with suppress(ValueError):  # damaged: of an earlier run nothing is known
                return json.loads(file.read_text(encoding="utf-8"))
    return {}


def _unhashed(experiments: dict) -> dict:
    """Return experiments without the hashes of their claims, which follow from what is declared."""
    return {
        name: {
            **content,
            "claims": {
                claim: {key: value for key, value in stated.items() if key != "hash"}
                for claim, stated in content["claims"].items()
            },
        }
        for name, content in experiments.items()
    }


def _labels(row: dict) -> tuple:
    return tuple(row[name] for name in LABELS)


def _told(key: str, before: str, now: str) -> str:
    if key.startswith("code.sources."):
        key, before, now = f"code of {key.removeprefix('code.sources.')}", before.strip('"'), now.strip('"')
    return f"{key} {before} -> {now}"


def _flat(value: object, key: str = "") -> dict[str, str]:
    if isinstance(value, dict) and value:
        return {k: v for name, item in value.items() for k, v in _flat(item, f"{key}.{name}" if key else name).items()}
    return {key: json.dumps(plain(value))}

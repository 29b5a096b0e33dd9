"""The register of claims, ``results/register.jsonl``: when each was first seen, and what had been measured by then.

One line of JSON per claim, in the order of their first sight; lines are added and never changed. All studies share it,
as they share the measurements. A line has

- ``claim``: the hash of what is claimed (`imprint.preregistration`), ``name`` and ``study`` of where it was seen;
- ``seen``: when, in UTC; ``seeds``: how many each recipe was to have;
- ``measurements``: how many units its measurement has; ``measured``: those that were there, made by whatever code,
  or had been until `imprint clean` removed them, which ``results/removed.jsonl`` tells;
- ``post_hoc``: whether it came after its measurements: of each side of what it compares at least one was there.
"""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from imprint.errors import ImprintError

NAME = "register.jsonl"
REMOVED = "removed.jsonl"


class RegisterError(ImprintError):
    """A register that cannot be read; the message names file and line."""


def read(file: Path) -> dict[str, dict]:
    """Return the line of each claim by its hash; a file that is not there has none.

    A last line without its end was being written when the machine stopped: it is not there yet.

    Raises:
        RegisterError: if a line is no line of a register, or a claim has two.
    """
    return _parsed(file.read_bytes(), file) if file.exists() else {}


def record(plan: dict, results: Path) -> None:
    """Write down the claims of a frozen plan that the register does not have, with what is measured at this moment.

    Two invocations wait for one another; a line is on the disk when this returns. Where nothing is new, nothing is
    touched.

    Args:
        plan: as `imprint.plan.frozen` returns it.
        results: the folder of results.
    """
    file = results / NAME
    if {claim["claim"] for claim in plan["claims"]} <= read(file).keys():
        return
    results.mkdir(parents=True, exist_ok=True)
    with open(file, "ab+", buffering=0) as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        known = _parsed(_whole(handle), file)
        new = {claim["claim"]: claim for claim in reversed(plan["claims"]) if claim["claim"] not in known}
        before = Measured(plan, results)
        lines = [_line(claim, plan["study"], before) for claim in reversed(new.values())]
        _append(handle, "".join(json.dumps(line) + "\n" for line in lines).encode())


def forget(files: set[str], results: Path) -> None:
    """Write down which measurements are about to be removed: they have been seen, and count as if they were there.

    Args:
        files: from the project's folder.
        results: the folder of results.
    """
    places = {place["file"]: place["subject"] for place in earlier(results) if place["file"] in files}
    if places:
        lines = [json.dumps({"file": file, "subject": places[file]}) + "\n" for file in sorted(places)]
        with open(results / REMOVED, "a", encoding="utf-8") as handle:
            handle.writelines(lines)
            handle.flush()
            os.fsync(handle.fileno())


def removed(file: Path) -> list[dict]:
    """Return the measurements that were removed: file and subject of each.

    Raises:
        RegisterError: if a line tells neither.
    """
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    found = []
    for number, text in enumerate(lines, 1):
        try:
            line = json.loads(text)
            found.append({"file": line["file"], "subject": line["subject"]})
        except (ValueError, KeyError, TypeError):
            raise RegisterError(f"{file}: line {number} tells no measurement: {text[:60]!r}; delete it") from None
    return found


def earlier(results: Path) -> Iterator[dict]:
    """Yield where the measurements of earlier plans are kept."""
    for file in sorted((results / "store" / "plan").glob("*.json")):
        for place in _places(file):
            if place.get("subject"):
                yield place


class Measured:
    """The measurements that are there or were, those of the plan and those that earlier code made of the same."""

    def __init__(self, plan: dict, results: Path):
        self.root = results.parent
        self.places = [place for place in plan["places"] if place["kind"] == "probe"]
        self.files: dict[str, set[str]] = {}
        for place in [*self.places, *earlier(results)]:
            if (self.root / place["file"]).exists():
                self.files.setdefault(place["subject"], set()).add(place["file"])
        for place in removed(results / REMOVED):
            self.files.setdefault(place["subject"], set()).add(place["file"])

    def of(self, claim: dict, side: list) -> tuple[set[str], set[str]]:
        """Return the files that one side of a claim needs, and those that are there."""
        of_side = {tuple(pair) for pair in side}
        places = [
            place
            for place in self.places
            if (place["experiment"], place["recipe"]) in of_side
            and place["probe"] in claim["probes"]
            and place["stop"] in claim["stops"]
        ]
        subjects = {place["subject"] for place in places}
        there = set().union(*(self.files.get(subject, set()) for subject in subjects))
        return {place["file"] for place in places}, there


def _places(file: Path) -> list[dict]:
    """Return the places of a plan; one that is damaged has none, the stage that needs it refuses it."""
    with suppress(ValueError):
        return json.loads(file.read_bytes()).get("places", [])
    return []


def _line(claim: dict, study: str, before: Measured) -> dict:
    found = [before.of(claim, side) for side in claim["sides"]]
    wanted, there = (set().union(*files) for files in zip(*found, strict=True))
    return {
        "claim": claim["claim"],
        "name": claim["name"],
        "study": study,
        "seen": datetime.now(UTC).isoformat(timespec="seconds"),
        "seeds": claim["seeds"],
        "measurements": len(wanted),
        "measured": sorted(Path(file).name for file in there),
        "post_hoc": all(files for _, files in found),
    }


def _whole(handle) -> bytes:
    """Return the file's content without a last line that has no end, which is cut off."""
    handle.seek(0)
    content = handle.read()
    end = content.rfind(b"\n") + 1
    if end < len(content):
        handle.truncate(end)
    return content[:end]


def _append(handle, content: bytes) -> None:
    while content:
        content = content[os.write(handle.fileno(), content) :]
    os.fsync(handle.fileno())


def _parsed(content: bytes, file: Path) -> dict[str, dict]:
    lines: dict[str, dict] = {}
    for number, text in enumerate(content[: content.rfind(b"\n") + 1].splitlines(), 1):
        try:
            line = json.loads(text)
            claim = line["claim"]
        except (ValueError, KeyError, TypeError):
            raise RegisterError(
                f"{file}: line {number} is no line of a register: {text[:60]!r}; put back what was there, or move the "
                "file away: then all claims are first seen now"
            ) from None
        if claim in lines:
            raise RegisterError(f"{file}: line {number}: claim {claim!r} has a line already; delete the later one")
        lines[claim] = line
    return lines

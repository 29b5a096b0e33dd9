"""A stage is the only one that makes its output: other stages that were asked for it wait."""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from imprint import dates, lock
from imprint.naming import unit_name


@contextmanager
def sole_writer(argv: list[str]) -> Iterator[bool]:
    """Hold the lock of the output that a stage's command line names; yield whether it is there by now.

    It is if another process made it in the meantime: its name holds the digest of all that it depends on, so there is
    nothing left to do. What a dead process left of it, half written, is removed. What the command line names as read is
    not dated after what was written.
    """
    out, read = named(argv)
    with lock.hold(lock_file(out), str(out)) if out else nullcontext(lock.Waited()) as waited:
        if out:
            for scratch in out.parent.glob(f".{unit_name(out.name)}.*.part"):
                scratch.unlink(missing_ok=True)
        yield bool(waited.living and out.exists())
        if out and out.exists():
            dates.put_before(out, read)


def named(argv: list[str]) -> tuple[Path | None, list[Path]]:
    """Return the output that a stage's command line names, None if it names none, and what it names as read."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--plan", type=Path, action="append", default=[])
    parser.add_argument("--input", type=lambda text: Path(text.partition("=")[2]), action="append", default=[])
    found, _ = parser.parse_known_args(argv)
    return found.out, [*found.plan, *found.input]


def lock_file(out: Path) -> Path:
    """Return the file of an output's lock: in ``results/locks``, or beside an output that is not in a store."""
    folder = out.parent
    if folder.parent.name == "store":
        return folder.parent.parent / "locks" / folder.name / f"{out.name}.lock"
    return folder / f".{out.name}.lock"

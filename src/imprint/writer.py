"""A stage is the only one that makes its output: other stages that were asked for it wait."""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from imprint import lock


@contextmanager
def sole_writer(argv: list[str]) -> Iterator[bool]:
    """Hold the lock of the output that a stage's command line names; yield whether it is there by now.

    It is if another process made it in the meantime: its name holds the digest of all that it depends on, so there is
    nothing left to do. What a dead process left of it, half written, is removed.
    """
    out = output(argv)
    with lock.hold(lock_file(out), str(out)) if out else nullcontext(lock.Waited()) as waited:
        if out:
            for scratch in out.parent.glob(f".{out.name.partition('.')[0]}.*.part"):
                scratch.unlink(missing_ok=True)
        yield bool(waited.living and out.exists())


def output(argv: list[str]) -> Path | None:
    """Return the output that a stage's command line names, None if it names none."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--out", type=Path)
    return parser.parse_known_args(argv)[0].out


def lock_file(out: Path) -> Path:
    """Return the file of an output's lock: in ``results/locks``, or beside an output that is not in a store."""
    folder = out.parent
    if folder.parent.name == "store":
        return folder.parent.parent / "locks" / folder.name / f"{out.name}.lock"
    return folder / f".{out.name}.lock"

"""select: chooses settings from a search."""

from imprint import store
from imprint.fleet.selection import select
from imprint.stages.common import job


def main(argv: list[str]) -> None:
    """Write which setting each rule chooses."""
    work = job("select", argv)
    store.write(select(work.read("search"), work.spec["select"]), work.out, **work.provenance())

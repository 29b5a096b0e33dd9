"""Dates of files: what is written is never older than what it was made from, whatever the clock says.

Clocks of machines differ and are set back. Snakemake removes an output that is older than one of its inputs.
"""

import os
from collections.abc import Iterable
from pathlib import Path

from imprint.naming import unit_name


def beside(path: Path) -> list[Path]:
    """Return the files of a unit that are there, given one of them; a store is alone."""
    found = [path] if path.suffix in (".zip", ".json") else path.parent.glob(f"{unit_name(path.name)}.*")
    return [file for file in found if file.exists()]


def follow(outputs: Iterable[Path], inputs: Iterable[Path]) -> None:
    """Give outputs that are older than the newest of all files of the inputs the date of that."""
    dates = [file.stat().st_mtime_ns for path in inputs for file in beside(path)]
    for file in outputs:
        status = file.stat()
        if status.st_mtime_ns < max(dates, default=0):
            os.utime(file, ns=(status.st_atime_ns, max(dates)))

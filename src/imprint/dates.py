"""Dates of files: what was read is never dated after what was made from it, whatever the clock said.

Clocks of machines differ and are set back. Snakemake dates an output when its job is done, and removes it if one of its
inputs is newer even so.
"""

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from imprint.naming import unit_name


def beside(path: Path) -> list[Path]:
    """Return the files of a unit that are there, given one of them; a store is alone."""
    found = [path] if path.suffix in (".zip", ".json") else path.parent.glob(f"{unit_name(path.name)}.*")
    return [file for file in found if file.exists()]


def put_before(output: Path, inputs: Iterable[Path]) -> None:
    """Give those of the inputs' files that are newer than an output its date; not those that are of another user."""
    made = output.stat()
    for file in (file for path in inputs for file in beside(path)):
        if file.stat().st_mtime_ns > made.st_mtime_ns:
            with suppress(PermissionError):
                os.utime(file, ns=(made.st_atime_ns, made.st_mtime_ns))

"""Snakemake's benchmark files: how long a job took."""

import json
from pathlib import Path


def seconds(file: Path) -> float | None:
    """Return the seconds of a job, of several attempts the last; None where the file does not tell them.

    It was cut off when the machine stopped, or the clock was set back while the job ran.
    """
    try:
        found = float(json.loads(file.read_text(encoding="utf-8").splitlines()[-1])["s"])
    except (OSError, ValueError, KeyError, IndexError, TypeError):
        return None
    return found if found >= 0 else None

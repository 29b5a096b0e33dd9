"""Seals: digests of files that hold none, so that one that was cut or changed is refused by name.

A store carries the digests of its arrays. Tables, figures and pages do not: a seal lies beside them, JSON with the
digest of each file by its place from the seal's folder, and of itself. A seal is an output of its rule, so without it
its files are made again.
"""

import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path

from imprint.errors import ImprintError
from imprint.naming import is_sealed, sealed

SUFFIX = ".seal"


class SealError(ImprintError):
    """A file that is not what was written; the message names it and the fix."""


def listed(files: Iterable[Path], folder: Path) -> dict[str, str]:
    """Return the digests of files by their places from a folder."""
    return {os.path.relpath(file, folder): _digest(file) for file in files}


def text(content: dict) -> str:
    """Return JSON content as it is written down, sealed."""
    return json.dumps(sealed(content), indent=1, sort_keys=True)


def check(seal: Path) -> None:
    """Compare the files that a seal lists with their digests.

    Raises:
        SealError: if one is gone or changed, or the seal itself is.
    """
    fix = f"delete {seal} and run again, which makes it anew"
    try:
        content = json.loads(seal.read_bytes())
    except FileNotFoundError:
        raise SealError(f"{seal}: no such file; run the study again to make it") from None
    except ValueError:
        content = None
    if not is_sealed(content):
        raise SealError(f"{seal}: damaged; {fix}")
    for place, digest in content["files"].items():
        file = Path(os.path.normpath(seal.parent / place))
        if not file.is_file():
            raise SealError(f"{file}: no such file, and it was written; {fix}")
        if _digest(file) != digest:
            raise SealError(f"{file}: damaged or edited, it is not what was written; {fix}")


def _digest(file: Path) -> str:
    with open(file, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()

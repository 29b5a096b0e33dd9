"""A mapping that outlives the process, in the user's cache folder; keys are digests of contents: none is outdated."""

import functools
import hashlib
import json
import os
from contextlib import suppress
from pathlib import Path

LIMIT = 5000
"""Entries from which a cache begins anew if nothing else is said: the keys of files that changed stay behind."""


class Cache:
    """Strings to JSON values under a name. What cannot be read or written is done without, in silence.

    Args:
        name: of the file.
        limit: entries from which it begins anew.
    """

    def __init__(self, name: str, limit: int = LIMIT):
        self.name, self.limit = name, limit
        self.changed = False

    @property
    def path(self) -> Path:
        """The file, by the XDG base directory specification; one that cannot be where the user has no home."""
        base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
        return Path(base if os.path.isabs(base) else os.devnull, "imprint", f"{self.name}.json")

    @functools.cached_property
    def entries(self) -> dict:
        """What is known; nothing where the file is missing or is not as it was written."""
        with suppress(OSError, ValueError):
            seal, _, text = self.path.read_text(encoding="utf-8").partition("\n")
            if seal == _seal(text):
                return json.loads(text)
        return {}

    def add(self, key: str, value: object) -> None:
        """Keep a value; :meth:`save` writes it down."""
        if len(self.entries) >= self.limit:
            self.entries.clear()
        self.entries[key] = value
        self.changed = True

    def save(self) -> None:
        """Write the file if anything is new, whole or not at all; of two processes the last one wins."""
        if not self.changed:
            return
        self.changed = False
        text = json.dumps(self.entries)
        scratch = self.path.with_name(f".{self.path.name}.{os.getpid()}.part")
        with suppress(OSError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            scratch.write_text(f"{_seal(text)}\n{text}", encoding="utf-8")
            os.replace(scratch, self.path)


def _seal(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()

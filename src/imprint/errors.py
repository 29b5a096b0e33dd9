"""Errors that a person can act on."""

import difflib
import errno
from collections.abc import Iterable


class ImprintError(Exception):
    """An error whose message is written for the person who runs the study."""


class StudyError(ImprintError):
    """Something in the study's files that cannot be planned; the message names the file, the key and the fix."""


def nearest(word: object, allowed: Iterable[object]) -> str:
    """Return what is allowed, the nearest names first, as the end of a message."""
    names = sorted(map(str, allowed))
    close = difflib.get_close_matches(str(word), names, n=3, cutoff=0.5)
    if close:
        return f"did you mean {' or '.join(map(repr, close))}?"
    return f"allowed: {', '.join(names)}" if names else "nothing is allowed here"


REMEDIES = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT), "free some space on its disk and run again"),
    **dict.fromkeys((errno.EACCES, errno.EPERM, errno.EROFS), "make it and its folder writable for you and run again"),
}


def remedy(error: OSError) -> str:
    """Return what a person can do about an error of the file system, as the end of a message."""
    return REMEDIES.get(error.errno, "see to it and run again")

"""What is said of an error that nobody foresaw: where it came from, and what to do."""

import resource
import sysconfig
import traceback

from imprint.errors import remedy

INSTALLED = tuple(f"{sysconfig.get_path(name)}/" for name in ("stdlib", "platstdlib", "purelib", "platlib"))
NO_MEMORY = ("can't allocate memory", "out of memory", "Cannot allocate memory")


def told(error: Exception) -> str:
    """Return an error with the file it came from, the last one that is not of an installed package, and the fix."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.startswith(INSTALLED)]
    place = f" ({frames[-1].filename}, line {frames[-1].lineno})" if frames else ""
    if isinstance(error, MemoryError) or any(words in str(error) for words in NO_MEMORY):
        return f"out of memory{_limit()}{place}; raise the limit (on a cluster mem_mb of the rule), or see to that file"
    fix = remedy(error) if isinstance(error, OSError) else "see to that file and run again"
    return f"{type(error).__name__}: {error}{place}; {fix}"


def _limit() -> str:
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    return "" if limit == resource.RLIM_INFINITY else f", of which {limit / 2**20:.0f} MiB are allowed"

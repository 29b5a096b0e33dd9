"""Which runs of Snakemake work in a folder, and the locks that dead ones left there.

Snakemake locks the files of a run and cannot tell whether the lock's owner lives. So each run also holds a lock of its
own under ``.snakemake``, which opens when it dies.
"""

import atexit
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import psutil

from imprint import lock

FOLDER = Path(".snakemake") / "imprint"
LOCKS = Path(".snakemake") / "locks"


def start(root: Path) -> None:
    """Make this process, Snakemake at work, known as a run of a folder, and let it be terminated.

    Snakemake's own handler of a signal to terminate waits for a lock that the thread it interrupts may hold, and then
    it hangs. The signal becomes an interrupt, as from the keyboard: it stops, and its locks go.
    """
    stack = ExitStack()
    stack.enter_context(entered(root))
    atexit.register(stack.close)
    signal.signal(signal.SIGTERM, signal.default_int_handler)


@contextmanager
def entered(root: Path) -> Iterator[None]:
    """Be known as a run of a folder within the block."""
    with lock.hold(_file(root), "this run"):
        yield


def living(root: Path) -> list[lock.Owner]:
    """Return the other runs that go on in a folder."""
    files = [file for file in _files(root) if file != _file(root) and lock.is_held(file)]
    known = [owner for owner in map(lock.owner, files) if owner]
    numbers = {owner.pid for owner in known}
    return known + [owner for owner in _unannounced(root) if owner.pid not in numbers]


def clear(root: Path) -> list[str]:
    """Remove the locks that dead runs left, where no other run goes on; return what there is to say of it."""
    if living(root):
        return []
    dead = [file for file in _files(root) if file != _file(root)]
    owners = [owner for owner in map(lock.owner, dead) if owner]
    left = sorted((root / LOCKS).glob("*.lock"))
    for file in [*left, *dead]:
        file.unlink(missing_ok=True)
    if not left:
        return []
    named = ", ".join(map(str, owners)) or "a process that did not say who it was"
    return [f"an earlier run was killed ({named}): its locks are removed, what it had finished is kept"]


def _file(root: Path) -> Path:
    return root / FOLDER / f"{socket.gethostname()}-{os.getpid()}.lock"


def _files(root: Path) -> list[Path]:
    return sorted((root / FOLDER).glob("*.lock"))


def _unannounced(root: Path) -> list[lock.Owner]:
    """Return the Snakemakes of this machine that work in a folder and have not got as far as to say so."""
    found = []
    for process in psutil.process_iter(["cwd", "cmdline", "create_time"]):
        named = any(Path(word).name == "snakemake" for word in process.info["cmdline"] or ())
        if named and process.info["cwd"] == str(root.resolve()) and process.pid != os.getpid():
            since = datetime.fromtimestamp(process.info["create_time"], UTC).isoformat(timespec="seconds")
            found.append(lock.Owner(socket.gethostname(), process.pid, since))
    return found

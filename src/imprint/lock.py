"""One writer per file: a lock that names its owner and that its owner's death opens.

The kernel holds the lock (`flock`), so it is open as soon as its owner is dead, whatever killed it; on a network file
system this needs one that passes locks between machines, as NFS and Lustre do unless mounted otherwise. The lock's file
says who the owner is. It is removed when the owner is done, so that one that is there and open was left by the dead.
"""

import fcntl
import json
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil

from imprint.errors import ImprintError, remedy


@dataclass(frozen=True)
class Owner:
    """A process: where it runs, its number there, and when it started, in UTC."""

    host: str
    pid: int
    since: str

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}, started {self.since}"


def me() -> Owner:
    """Return this process."""
    started = datetime.fromtimestamp(psutil.Process().create_time(), UTC)
    return Owner(socket.gethostname(), os.getpid(), started.isoformat(timespec="seconds"))


def owner(file: Path) -> Owner | None:
    """Return who wrote a lock's file; None if it is not there or not yet written."""
    try:
        return Owner(**json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def is_held(file: Path) -> bool:
    """Whether a living process holds the lock."""
    try:
        with open(file, "rb") as handle:
            return not _take(handle.fileno(), file, wait=False)
    except FileNotFoundError:
        return False


def clear(folder: Path) -> None:
    """Remove the locks in a folder that the dead have left."""
    for file in folder.rglob("*.lock"):
        with suppress(FileNotFoundError), open(file, "rb") as handle:
            if _take(handle.fileno(), file, wait=False) and _is_at(handle.fileno(), file):
                file.unlink()


class Waited:
    """What a new owner of a lock should know: who died holding it, for whom it waited."""

    dead: Owner | None = None
    living: Owner | None = None


@contextmanager
def hold(file: Path, what: str) -> Iterator[Waited]:
    """Hold the lock of a file; where another process has it, say so and wait until it is done or dead.

    Args:
        file: of the lock; its folder is made when needed.
        what: what only one process may do at a time, for the message.

    Raises:
        ImprintError: if the file cannot be written, or its file system has no locks.
    """
    waited = Waited()
    handle = _acquire(file, what, waited)
    try:
        yield waited
    finally:
        with suppress(OSError):
            file.unlink(missing_ok=True)
        os.close(handle)


def _acquire(file: Path, what: str, waited: Waited) -> int:
    while True:
        handle = _open(file)
        if not _take(handle, file, wait=False):
            waited.living = owner(file)
            _say(f"{what} is being made by {waited.living or 'another process'}; waiting for it ({file})")
            _take(handle, file, wait=True)
        if _is_at(handle, file):
            break
        os.close(handle)
    waited.dead = owner(file)
    if waited.dead:
        _say(f"{what}: {waited.dead}, died while making it; going on from there")
    os.ftruncate(handle, 0)
    os.pwrite(handle, json.dumps(asdict(me())).encode(), 0)
    return handle


def _open(file: Path) -> int:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        return os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise ImprintError(f"{file}: cannot be written ({error.strerror}); {remedy(error)}") from error


def _take(handle: int, file: Path, wait: bool) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    except OSError as error:
        raise ImprintError(
            f"{file}: its file system has no locks ({error.strerror}); put results/ on one that has, or mount it "
            "with them (Lustre: flock), because two jobs could write one file"
        ) from error
    return True


def _is_at(handle: int, file: Path) -> bool:
    """Whether a path still leads to an open file: its last owner has removed it otherwise."""
    try:
        return os.path.samestat(os.fstat(handle), os.stat(file))
    except FileNotFoundError:
        return False


def _say(text: str) -> None:
    print(f"imprint: {text}", file=sys.stderr, flush=True)

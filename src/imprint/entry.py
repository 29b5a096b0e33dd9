"""Console program: hand the command to a warm helper if there is one, else run it in this process.

`IMPRINT_WARM` names the socket of the helper (`imprint.warm.server`). Only the standard library is imported
before the helper has answered, because the imports are what the helper saves.
"""

import json
import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import suppress

FORWARDED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
GO = b"\0"
WATCH_SECONDS = 0.5


def main(argv: list[str] | None = None) -> int:
    """Run `imprint <stage> ...` and return its exit status; 128 + n if a signal n ended it."""
    argv = sys.argv[1:] if argv is None else argv
    address = os.environ.get("IMPRINT_WARM")
    status = run_warm(address, argv) if address else None
    if status is None:
        from imprint.cli import main as run

        status = run(argv)
    return status


def run_warm(address: str, argv: list[str]) -> int | None:
    """Exit status of the command in a child of the helper; None if the helper did not start it."""
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            connection.connect(address)
            request = json.dumps(describe(argv)).encode()
            socket.send_fds(connection, [len(request).to_bytes(8, "big")], [0, 1, 2])
            connection.sendall(request)
        except OSError as error:
            return explain(f"no answer at IMPRINT_WARM={address} ({error.strerror or error})")
        answers = read_answers(connection)
        word, _, detail = next(answers, "gone").partition(" ")
        if word == "gone":
            return explain("the helper ended before it took the command")
        if word == "cold":
            return explain(detail)
        for number in FORWARDED:
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, lambda n, _: tell(connection, bytes([n])))
        tell(connection, GO)
        word, _, detail = next(answers, "gone").partition(" ")
    if word == "exit":
        return int(detail)
    print("imprint: the warm helper ended; this job was stopped with it", file=sys.stderr)
    return 1


def tell(connection: socket.socket, message: bytes) -> None:
    """Send to the helper; if it is gone, reading its answer says so."""
    with suppress(OSError):
        connection.send(message)


def describe(argv: list[str]) -> dict:
    """What a child needs to be to this command as its own process would be."""
    umask = os.umask(0)
    os.umask(umask)
    return {
        "argv": argv,
        "program": sys.argv[0],
        "cwd": os.getcwd(),
        "umask": umask,
        "path": sys.path,
        "environment": dict(os.environ),
        "interpreter": interpreter(),
    }


def interpreter() -> list:
    """What must be equal in the helper and in a cold process: program, version and its switches."""
    return [sys.prefix, sys.version, list(sys.flags), sys.warnoptions]


def read_answers(connection: socket.socket) -> Iterator[str]:
    """Lines from the helper; ends when the helper is gone, exits when the parent of this process is."""
    parent = os.getppid()
    connection.settimeout(WATCH_SECONDS)
    text = b""
    while True:
        try:
            piece = connection.recv(4096)
        except TimeoutError:
            if os.getppid() != parent:
                sys.exit("imprint: the process that started this job is gone; the job was stopped")
            continue
        except ConnectionError:
            return
        if not piece:
            return
        *lines, text = (text + piece).split(b"\n")
        yield from (line.decode() for line in lines)


def explain(reason: str) -> None:
    """Say why a command runs without the helper: it is slower, never different."""
    print(f"imprint: running without the warm helper: {reason}", file=sys.stderr)

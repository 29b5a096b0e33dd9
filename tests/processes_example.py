"""Other processes that hold a lock, or wait, to be killed by tests."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

HOLDING = """
import sys, time
from pathlib import Path
from imprint import lock
with lock.hold(Path(sys.argv[1]), "a unit"):
    print("held", flush=True)
    sys.stdin.readline()
"""


@contextmanager
def python(code: str, *arguments: object, **options) -> Iterator[subprocess.Popen]:
    """Run Python code in a process that does not outlive the block."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with subprocess.Popen(command, text=True, **{**pipes, **options}) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def holder(file) -> Iterator[subprocess.Popen]:
    """Run a process that holds a lock until it gets a line or is killed."""
    with python(HOLDING, file) as process:
        assert process.stdout.readline() == "held\n", process.stderr.read()
        yield process

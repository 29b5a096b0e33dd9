"""A job ends when the Snakemake that started it is gone, so that no orphan writes beside the next run.

The rules tell a job which process that is (`IMPRINT_PARENT`): its own parent is a shell, which outlives Snakemake, or
the warm helper. A command that a person gives has none and runs on.
"""

import os
import select
import threading
import time
from contextlib import suppress

import psutil

NAME = "IMPRINT_PARENT"
POLL_SECONDS = 0.5


def watch() -> None:
    """End this process, at once and from wherever it is, when the process that `IMPRINT_PARENT` names has ended."""
    if number := os.environ.get(NAME):
        threading.Thread(target=_end_with, args=(int(number),), daemon=True).start()


def _end_with(number: int) -> None:
    wait_for_end(number)
    text = f"imprint: Snakemake (process {number}), which started this job, is gone; the job was stopped\n"
    os.write(2, text.encode())
    os._exit(1)


def wait_for_end(number: int) -> None:
    """Wait until a process, of whomever it is a child, has ended, collected or not."""
    if not hasattr(os, "pidfd_open"):
        _poll(number)
        return
    try:
        handle = os.pidfd_open(number)
    except ProcessLookupError:
        return
    poller = select.poll()
    poller.register(handle, select.POLLIN)
    poller.poll()
    os.close(handle)


def _poll(number: int) -> None:
    """Wait where the system has no handles of processes: outside Linux."""
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(number)
        while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
            time.sleep(POLL_SECONDS)

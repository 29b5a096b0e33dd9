"""Runs Snakemake so that it ends when it is told to, or when what started it ends."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial

import psutil

from imprint.warm import die_with_parent

TOLD_BY = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
GRACE_SECONDS = 30.0


class Told(Exception):
    """This process was told to end, by a signal."""

    def __init__(self, number: int):
        self.number = number


def run(command: list[str], environment: dict[str, str], grace: float = GRACE_SECONDS) -> int:
    """Run Snakemake; return its exit status, or 128 + n if signal n ended it or this process.

    A signal ends the running jobs, and Snakemake in its own way (on a cluster it cancels its jobs). Snakemake is killed
    if it takes longer than ``grace`` seconds, and (on Linux) if this process is killed; its jobs see that it is gone
    and end (`imprint.parent`).
    """
    with told():
        try:
            process = subprocess.Popen(
                command, env=environment, process_group=0, preexec_fn=partial(_begin, os.getpid())
            )
            try:
                status = process.wait()
            except Told:
                end(process, grace)
                raise
        except Told as reason:
            return 128 + reason.number
    return status if status >= 0 else 128 - status


def _begin(parent: int) -> None:
    """Before a process is Snakemake: have it die with its parent, and hear interrupts also in the background."""
    die_with_parent(parent)
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@contextmanager
def told() -> Iterator[None]:
    """Within, the first signal to end raises `Told`; one that was ignored, as under ``nohup``, stays so."""
    heard = [number for number in TOLD_BY if signal.getsignal(number) is not signal.SIG_IGN]

    def tell(number: int, _: object) -> None:
        for each in heard:
            signal.signal(each, signal.SIG_IGN)
        raise Told(number)

    before = {number: signal.signal(number, tell) for number in heard}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def end(process: subprocess.Popen, grace: float) -> None:
    """End Snakemake: its running jobs first, so that it need not wait for them."""
    with suppress(psutil.NoSuchProcess):
        for child in psutil.Process(process.pid).children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                child.terminate()
    process.send_signal(signal.SIGINT)
    try:
        process.wait(grace)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()

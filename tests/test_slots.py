"""GPU slots: who gets which GPU, how many share one, and that a slot ends with its holder."""

import os
import subprocess
import sys
import time

import pytest

from imprint import slots

HOLDER = """
import sys
from imprint import slots
slots.take()
import os
print(os.environ["CUDA_VISIBLE_DEVICES"], slots.VARIABLE in os.environ, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def start(tmp_path):
    """Return a function that starts a process which holds a slot until its stdin ends."""
    started = []

    def holder(number: int, gpus: str) -> subprocess.Popen:
        settings = {"TMPDIR": str(tmp_path), slots.VARIABLE: str(number), "CUDA_VISIBLE_DEVICES": gpus}
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        process = subprocess.Popen([sys.executable, "-c", HOLDER], env={**os.environ, **settings}, **pipes)
        started.append(process)
        return process

    yield holder
    for process in started:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


def got(process: subprocess.Popen) -> tuple[str, str]:
    """What a holder says: the line for the job's log, and the GPU that it sees."""
    said, seen = process.stdout.readline().rstrip(), process.stdout.readline().split()
    assert seen[1] == "False", "children of the job take no slot of their own"
    return said, seen[0]


def test_slots_are_dealt_out_in_turn(start):
    held = [got(start(4, "0,3")) for _ in range(4)]
    assert held == [
        ("on GPU 0, place 1 of 2", "0"),
        ("on GPU 3, place 1 of 2", "3"),
        ("on GPU 0, place 2 of 2", "0"),
        ("on GPU 3, place 2 of 2", "3"),
    ]


@pytest.mark.parametrize("end", ["ends", "is killed"])
def test_who_finds_no_slot_waits_until_a_holder(start, end):
    first, second = start(2, "0,1"), start(2, "0,1")
    held = {got(first)[1]: first, got(second)[1]: second}
    third = start(2, "0,1")
    time.sleep(5 * slots.WAIT_SECONDS)
    assert third.poll() is None and set(held) == {"0", "1"}
    held["1"].kill() if end == "is killed" else held["1"].stdin.close()
    assert got(third)[1] == "1"


def test_without_slots_nothing_changes(monkeypatch):
    monkeypatch.delenv(slots.VARIABLE, raising=False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5,6")
    slots.take()
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "5,6"


@pytest.mark.parametrize("wish", ["0", "-1", "two", ""])
def test_no_number_of_slots(monkeypatch, wish):
    monkeypatch.setenv(slots.VARIABLE, wish)
    with pytest.raises(slots.SlotError, match=r"is no number of slots: give --resources gpu=N"):
        slots.take()


def test_no_gpu(monkeypatch):
    monkeypatch.setenv(slots.VARIABLE, "2")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with pytest.raises(slots.SlotError, match="no GPU is visible: run without --profile gpu"):
        slots.take()

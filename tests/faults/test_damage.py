"""Files that are not what was written: cut, with a flipped bit, another's content, half a checkpoint."""

import shutil
import signal
import time

import pytest
from bench import send

pytestmark = pytest.mark.slow

READ = ["data", "search", "select", "train", "probe", "plan", "gather"]


def cut(bench, content: bytes) -> bytes:
    return content[: bench.rng.randrange(len(content))]


def flipped(bench, content: bytes) -> bytes:
    place = bench.rng.randrange(len(content))
    return content[:place] + bytes([content[place] ^ 1 << bench.rng.randrange(8)]) + content[place + 1 :]


def refused_until_deleted(bench):
    """What reads the damaged file refuses it by name; without the file all is made again."""
    bench.refuses(str(bench.unit.relative_to(bench.project.folder)), "delete this file and run again")
    bench.unit.unlink()
    bench.recovers()


@pytest.mark.parametrize("stage", READ)
def test_store_cut(bench, stage, outcome):
    bench.forget(itself=False)
    bench.unit.write_bytes(cut(bench, bench.unit.read_bytes()))
    refused_until_deleted(bench)
    outcome("refused")


@pytest.mark.parametrize("stage", READ)
def test_store_with_a_flipped_bit(bench, stage, outcome):
    """It is refused, or the bit is one that says nothing, as in a date of the archive, and all comes out as it was."""
    whole = bench.unit.read_bytes()
    bench.forget(itself=False)
    bench.unit.write_bytes(flipped(bench, whole))
    run = bench.start(bench.rng.choice(("warm", "cold")))
    if run.ends() == 0:
        bench.unit.write_bytes(whole)
        bench.equals()
        outcome("survived")
        return
    for word in (str(bench.unit.relative_to(bench.project.folder)), "delete this file and run again"):
        assert word in run.text, run.text
    bench.unit.unlink()
    bench.recovers()
    outcome("refused")


@pytest.mark.parametrize("stage", ["search", "train", "probe"])
def test_store_in_the_place_of_another(bench, stage, outcome):
    other = bench.rng.choice([file for file in bench.files(stage) if file != bench.unit])
    shutil.copy(other, bench.project / "other")
    bench.forget(itself=False)
    shutil.copy(bench.project / "other", bench.unit)
    refused_until_deleted(bench)
    outcome("refused")


@pytest.mark.parametrize("damage", [cut, flipped])
@pytest.mark.parametrize("stage", ["search", "train"])
def test_checkpoint(bench, stage, damage, outcome):
    """Training is killed when its first checkpoint is there, the checkpoint is damaged: training starts again."""
    bench.forget()
    run = bench.start(extra={"IMPRINT_CHECKPOINT_SECONDS": "0"})
    owner = run.reaches(bench.unit)
    folder = bench.project / "results/resume" / bench.unit.name.split(".")[0]
    while not (found := list(folder.glob("fleet*"))) and run.process.poll() is None:
        time.sleep(0.002)
    send(owner.pid, signal.SIGKILL)
    run.ends()
    for file in found:
        if file.exists():
            file.write_bytes(damage(bench, file.read_bytes()))
    bench.recovers()
    assert not folder.exists()
    outcome("survived")

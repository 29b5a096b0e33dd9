"""Files that are not what was written: cut, with a flipped bit, another's content, half a checkpoint, other data."""

import json
import os
import shutil
import signal
import time
from pathlib import Path

import pytest
from bench import BIN, Run, send

from imprint import seal, store

pytestmark = pytest.mark.slow


def cut(bench, content: bytes) -> bytes:
    return content[: bench.rng.randrange(len(content))]


def flipped(bench, content: bytes) -> bytes:
    place = bench.rng.randrange(len(content))
    return content[:place] + bytes([content[place] ^ 1 << bench.rng.randrange(8)]) + content[place + 1 :]


def read_again(bench) -> Run:
    """Return a run that reads the unit."""
    if bench.stage == "claims":
        bench.goal = "figure"
    return bench.start(bench.rng.choice(("warm", "cold")))


def refused_until_deleted(bench, run: Run) -> None:
    """The run refused the damaged file by name; without the file that it said to delete all is made again."""
    beside = bench.unit.with_suffix(seal.SUFFIX)
    delete = bench.place(beside) if beside.exists() else "this file"
    run.refused(bench.place(bench.unit), f"delete {delete} and run again")
    (beside if beside.exists() else bench.unit).unlink()
    bench.recovers()


def test_file_cut(bench, outcome):
    bench.forget(itself=False)
    bench.unit.write_bytes(cut(bench, bench.unit.read_bytes()))
    refused_until_deleted(bench, read_again(bench))
    outcome("refused")


def test_file_with_a_flipped_bit(bench, outcome):
    """It is refused, or the bit is one that says nothing, as in a date of the archive, and all comes out as it was."""
    whole = bench.unit.read_bytes()
    bench.forget(itself=False)
    bench.unit.write_bytes(flipped(bench, whole))
    run = read_again(bench)
    if run.ends() == 0:
        bench.unit.write_bytes(whole)
        bench.equals()
        outcome("survived")
        return
    refused_until_deleted(bench, run)
    outcome("refused")


def test_store_in_the_place_of_another(bench, outcome):
    """It is whole, and what it was made from is not what its name says."""
    bench.forget(itself=False)
    others = [file for file in bench.files(bench.stage) if file != bench.unit]
    if others:
        shutil.copy(bench.rng.choice(others), bench.unit)
    else:
        shorter(bench.unit)
    refused_until_deleted(bench, read_again(bench))
    outcome("refused")


def shorter(file: Path) -> None:
    """Put data in the place of others as if a smaller task had made them."""
    data = store.read(file)
    spec = json.loads(data.attrs["spec"])
    spec["task"]["limit"] -= 10
    told = {"stage": data.attrs["stage"], "made_from": data.attrs["made_from"], "spec": spec}
    store.write(data.drop_attrs(deep=False).isel(train=slice(10, None)), file, **told)


def test_published_file_damaged(bench, outcome):
    """Nothing is to be made, and what a person would read is not what was written."""
    published = sorted((bench.project / "results/faults").rglob("*"))
    damaged = bench.rng.choice([file for file in [bench.unit, *published] if file.is_file() and file.stat().st_size])
    damaged.write_bytes(bench.rng.choice((cut, flipped))(bench, damaged.read_bytes()))
    receipt = bench.place(bench.unit)
    bench.start("warm").refused(bench.place(damaged), f"delete {receipt} and run again")
    bench.unit.unlink()
    bench.recovers()
    outcome("refused")


def test_checkpoint_cut(bench, outcome):
    damaged_checkpoint(bench, cut)
    outcome("survived")


def test_checkpoint_with_a_flipped_bit(bench, outcome):
    damaged_checkpoint(bench, flipped)
    outcome("survived")


def damaged_checkpoint(bench, damage):
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


@pytest.mark.skipif(not Path(os.environ.get("IMPRINT_DATA", "")).joinpath("mnist").is_dir(), reason="needs MNIST")
def test_source_file_changed(bench, outcome):
    """The study asks for data of the data directory, where a file has changed: it is refused by name."""
    held, whole = bench.project / "held", Path(os.environ["IMPRINT_DATA"])
    shutil.copytree(whole / "mnist", held / "mnist")
    damaged = bench.rng.choice(sorted((held / "mnist").iterdir()))
    damaged.write_bytes(bench.rng.choice((cut, flipped))(bench, damaged.read_bytes()))
    bench.project.replace("experiments/twins.yaml", "data: digits", "data: mnist")
    command = [str(BIN / "imprint"), "study", "--", "--until", "data"]
    refused = bench.begin(command, {"IMPRINT_DATA": str(held)})
    refused.refused(str(damaged), "replace it with the original")
    shutil.copy(whole / "mnist" / damaged.name, damaged)
    repeated = bench.begin(command, {"IMPRINT_DATA": str(held)})
    assert repeated.ends() == 0, repeated.text
    (made,) = [file for file in bench.files("data") if file != bench.unit]
    assert "mnist" in store.read(made).attrs["spec"]
    outcome("refused")

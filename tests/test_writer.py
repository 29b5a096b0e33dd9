"""The lock of a stage's output: where it lies, what it clears, when there is nothing left to do."""

import os
import sys
import threading
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from processes_example import holder  # noqa: E402

from imprint.writer import lock_file, named, sole_writer  # noqa: E402


@pytest.fixture
def out(tmp_path):
    file = tmp_path / "results/store/train/blobs-SGD-0123456789.zarr.zip"
    file.parent.mkdir(parents=True)
    return file


def test_it_lies_outside_declared_outputs(tmp_path, out):
    assert lock_file(out) == tmp_path / "results/locks/train/blobs-SGD-0123456789.zarr.zip.lock"
    assert lock_file(Path("x.zarr.zip")) == Path(".x.zarr.zip.lock")


def test_what_a_command_line_names():
    words = [
        "--spec",
        "{}",
        "--input",
        "task=a/b.zip",
        "--input",
        "x=c=d",
        "--plan",
        "e",
        "--out",
        "a/b.csv",
        "--label",
        "y",
    ]
    assert named(words) == (Path("a/b.csv"), [Path("e"), Path("a/b.zip"), Path("c=d")])
    assert named(["--spec", "{}"]) == (None, [])


def test_without_an_output_nothing_is_locked(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with sole_writer(["--help"]) as there:
        assert there is False
    assert os.listdir(tmp_path) == []


def test_what_a_dead_writer_left_half_written_goes(out):
    left = [out.with_name(f".{out.name}.4711.part"), out.with_name(".blobs-SGD-0123456789.png.4711.part")]
    other = out.with_name(".blobs-SGD-9876543210.zarr.zip.4711.part")
    for file in (*left, other):
        file.touch()
    with sole_writer(["--out", str(out)]) as there:
        assert not there and lock_file(out).exists()
        assert not any(file.exists() for file in left) and other.exists()
    assert not lock_file(out).exists()


def test_what_a_living_neighbour_is_writing_stays(tmp_path):
    folder = tmp_path / "results/store/figure"
    folder.mkdir(parents=True)
    other = folder / ".toy.few-seeds-0123456789.png.4711.part"
    other.touch()
    with sole_writer(["--out", str(folder / "toy.order-seeds-9876543210.svg")]):
        assert other.exists()


def test_what_was_read_is_not_newer_than_what_is_written(tmp_path, out):
    """As where the clock was set back, or another machine's is ahead."""
    table = tmp_path / "claims-0123456789.csv"
    for number, file in enumerate((table, table.with_suffix(".seal"))):
        file.touch()
        os.utime(file, (4e9 + number, 4e9 + number))
    with sole_writer(["--input", f"claims={table}", "--out", str(out)]):
        out.touch()
    assert table.stat().st_mtime == table.with_suffix(".seal").stat().st_mtime == out.stat().st_mtime < 4e9


def test_an_output_that_is_there_is_made_again_when_asked_for(out):
    out.touch()
    with sole_writer(["--out", str(out)]) as there:
        assert there is False


@pytest.mark.parametrize("made", [True, False])
def test_after_waiting_there_is_nothing_to_do_if_the_other_made_it(out, made):
    with holder(lock_file(out)) as other:
        if made:
            out.touch()
        threading.Timer(0.3, other.kill).start()
        with sole_writer(["--out", str(out)]) as there:
            assert there is made

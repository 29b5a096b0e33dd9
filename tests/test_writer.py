"""The lock of a stage's output: where it lies, what it clears, when there is nothing left to do."""

import os
import sys
import threading
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from processes_example import holder  # noqa: E402

from imprint.writer import lock_file, output, sole_writer  # noqa: E402


@pytest.fixture
def out(tmp_path):
    file = tmp_path / "results/store/train/blobs-SGD-0123456789.zarr.zip"
    file.parent.mkdir(parents=True)
    return file


def test_it_lies_outside_declared_outputs(tmp_path, out):
    assert lock_file(out) == tmp_path / "results/locks/train/blobs-SGD-0123456789.zarr.zip.lock"
    assert lock_file(Path("x.zarr.zip")) == Path(".x.zarr.zip.lock")


def test_the_output_of_a_command_line():
    assert output(["--spec", "{}", "--out", "a/b.csv", "--label", "--x"]) == Path("a/b.csv")
    assert output(["--spec", "{}"]) is None


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

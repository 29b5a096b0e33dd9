"""A lock names its owner, makes others wait, and opens when its owner is dead."""

import errno
import fcntl
import os
import socket
import sys
import threading
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from processes_example import holder  # noqa: E402

from imprint import lock  # noqa: E402
from imprint.errors import ImprintError  # noqa: E402


@pytest.fixture
def file(tmp_path):
    return tmp_path / "locks" / "unit.lock"


def test_it_names_its_owner_and_leaves_nothing(file, capsys):
    with lock.hold(file, "a unit") as waited:
        owner = lock.owner(file)
        assert (owner.host, owner.pid) == (socket.gethostname(), os.getpid())
        assert lock.is_held(file)
        assert waited.dead is None and waited.living is None
    assert not file.exists() and not lock.is_held(file) and lock.owner(file) is None
    assert capsys.readouterr().err == ""


def test_a_dead_owner_is_named_and_in_no_one_s_way(file, capsys):
    with holder(file) as other:
        other.kill()
        other.wait()
        assert file.exists() and not lock.is_held(file)
        with lock.hold(file, "a unit") as waited:
            assert waited.dead.pid == other.pid and waited.living is None
            assert lock.owner(file).pid == os.getpid()
    said = capsys.readouterr().err
    assert f"a unit: process {other.pid} on {socket.gethostname()}, started " in said
    assert "died while making it; going on from there" in said


def test_what_the_dead_left_is_cleared_and_what_the_living_hold_is_not(tmp_path):
    files = [tmp_path / "train" / f"{name}.lock" for name in ("dead", "living")]
    with holder(files[0]) as dead, holder(files[1]):
        dead.kill()
        dead.wait()
        lock.clear(tmp_path)
        assert not files[0].exists() and lock.is_held(files[1])
    lock.clear(tmp_path / "no such folder")


@pytest.mark.parametrize("end", ["finishes", "dies"])
def test_a_living_owner_is_named_and_waited_for(file, capsys, end):
    with holder(file) as other:
        assert lock.is_held(file)
        ended = threading.Event()

        def finish():
            ended.set()  # before it ends: who waits may go on while this thread still runs
            other.kill() if end == "dies" else other.stdin.close()

        threading.Timer(0.5, finish).start()
        with lock.hold(file, "a unit") as waited:
            assert ended.is_set(), "it did not wait"
            assert waited.living.pid == other.pid
            assert (waited.dead is not None) == (end == "dies")
            assert file.exists(), "the lock is that of the file which others see"
    assert f"a unit is being made by process {other.pid} on " in capsys.readouterr().err


def test_a_raise_opens_it(file):
    with pytest.raises(ZeroDivisionError), lock.hold(file, "a unit"):
        raise ZeroDivisionError
    assert not file.exists()


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "locks").write_text("a file of someone")
    with pytest.raises(ImprintError, match=r"locks/unit.lock: cannot be written \(.*; see to it and run again"):
        with lock.hold(tmp_path / "locks" / "unit.lock", "a unit"):
            pass


def test_a_file_system_without_locks(file, monkeypatch):
    def without(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", without)
    with pytest.raises(ImprintError, match=r"unit.lock: its file system has no locks .*put results/ on one that has"):
        with lock.hold(file, "a unit"):
            pass

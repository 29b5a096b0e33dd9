"""The helper: when it is used, when it declines, and that nothing outlives whoever started it."""

import json
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from imprint import warm


def ran_in_client(bench, address: str, **more: str) -> tuple[bool, str]:
    """Whether the command ran in the client's own process, and what was said on stderr."""
    client = bench.start(
        "where", env=bench.environment(address, **more), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    stdout, stderr = client.communicate(timeout=60)
    assert client.returncode == 0, stderr
    return json.loads(stdout)[0] == client.pid, stderr


def test_a_helper_is_used(bench, address):
    assert ran_in_client(bench, address) == (False, "")


def test_without_a_helper_the_command_runs_in_the_client(bench):
    cold, stderr = ran_in_client(bench, str(bench.folder / "nobody"))
    assert cold and "no answer at IMPRINT_WARM=" in stderr


def test_after_the_helper_the_command_runs_in_the_client(bench):
    with warm.server([], main="standin:main") as address:
        pass
    assert not Path(address).parent.exists()
    assert ran_in_client(bench, address)[0]


def test_a_socket_that_nobody_serves_is_no_helper(bench, address):
    file = bench.folder / "ticks"
    client = bench.start("tick", file, address=address, stderr=subprocess.DEVNULL)
    _, helper = bench.ticking(file)
    os.kill(helper, signal.SIGKILL)
    client.wait(60)
    assert Path(address).exists()
    cold, stderr = ran_in_client(bench, address)
    assert cold and "Connection refused" in stderr


def test_other_thread_counts_run_in_the_client(bench, address):
    cold, stderr = ran_in_client(bench, address, OMP_NUM_THREADS="2")
    assert cold and "OMP_NUM_THREADS is '2', in the helper '1'" in stderr


@pytest.mark.parametrize("name", warm.ALLOCATION)
def test_a_job_of_another_allocation_runs_in_the_client(bench, address, monkeypatch, name):
    cold, stderr = ran_in_client(bench, address, **{name: "7"})
    assert cold and f"{name} is '7', in the helper None: another allocation" in stderr
    monkeypatch.setenv(name, "7")
    with warm.server([], main="standin:main") as within:
        assert not ran_in_client(bench, within)[0]
        assert ran_in_client(bench, within, **{name: "8"})[0]


def test_an_edited_source_runs_in_the_client(bench, monkeypatch):
    source = bench.folder / "mine.py"
    source.write_text("VALUE = 1\n")
    monkeypatch.setattr(sys, "path", [str(bench.folder), *sys.path])
    with warm.server(["mine"], main="standin:main") as address:
        assert not ran_in_client(bench, address)[0]
        source.write_text("VALUE = 22\n")
        cold, stderr = ran_in_client(bench, address)
    assert cold and f"{source} was changed" in stderr


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "import threading, time\nthreading.Thread(target=time.sleep, args=[60], daemon=True).start()",
            "mine started 1 thread",
        ),
        ("raise ImportError('no package torsh')", "no package torsh"),
    ],
    ids=["thread", "error"],
)
def test_a_preload_that_cannot_be_forked_is_named_and_not_used(bench, monkeypatch, capfd, text, message):
    (bench.folder / "mine.py").write_text(f"import time\ntime.sleep(0.5)\n{text}\n")
    monkeypatch.setattr(sys, "path", [str(bench.folder), *sys.path])
    with warm.server(["mine"], main="standin:main") as address:
        assert ran_in_client(bench, address)[0]
        assert ran_in_client(bench, address)[0]
    assert message in capfd.readouterr().err


def test_a_command_waits_for_the_imports(bench, monkeypatch):
    (bench.folder / "mine.py").write_text("import time\ntime.sleep(1)\n")
    monkeypatch.setattr(sys, "path", [str(bench.folder), *sys.path])
    with warm.server(["mine"], main="standin:main") as address:
        assert ran_in_client(bench, address) == (False, "")


def test_the_socket_is_private_also_in_a_long_folder(bench, monkeypatch):
    long = bench.folder / ("x" * 120)
    long.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(long))
    with warm.server([], main="standin:main") as address:
        assert stat.S_IMODE(Path(address).parent.stat().st_mode) == 0o700
        assert ran_in_client(bench, address) == (False, "")
    assert not Path(address).parent.exists()


def test_the_end_of_the_server_ends_its_children_and_their_families(bench):
    file, family = bench.folder / "ticks", bench.folder / "family"
    with warm.server([], main="standin:main") as address:
        client = bench.start("tick", file, family, address=address, stderr=subprocess.DEVNULL)
        child, helper = bench.ticking(file)
        grandchild, _ = bench.ticking(family)
    assert client.wait(60) == 1
    assert not bench.alive(helper)
    bench.assert_still(file, child, grandchild)
    bench.assert_still(family)


def test_starter_killed_ends_helper_and_children(bench):
    file = bench.folder / "ticks"
    starter = subprocess.Popen(
        [sys.executable, bench.folder / "starter.py"],
        env=bench.environment(),
        stdout=subprocess.PIPE,
        text=True,
    )
    address = starter.stdout.readline().strip()
    client = bench.start("tick", file, address=address, stderr=subprocess.DEVNULL)
    child, helper = bench.ticking(file)
    starter.kill()
    starter.communicate(timeout=60)
    assert client.wait(60) == 1
    bench.assert_still(file, child)
    bench.until(lambda: not bench.alive(helper))
    bench.until(lambda: not Path(address).parent.exists())


@pytest.mark.slow
def test_heavy_libraries_work_in_a_child_and_give_the_same_bits(bench):
    preload = ["torch", "torch.func", "xarray", "zarr", "scipy.stats", "pytorch_lightning"]
    with warm.server(preload, main="standin:main") as address:
        runs = [bench.run("science", bench.folder / f"{n}.zarr", address=address) for n in range(2)]
    runs.append(bench.run("science", bench.folder / "cold.zarr"))
    assert [run.returncode for run in runs] == [0, 0, 0], [run.stderr for run in runs]
    assert len({run.stdout for run in runs}) == 1 and runs[0].stdout.endswith(" 1\n")
    assert {run.stderr for run in runs} == {""}

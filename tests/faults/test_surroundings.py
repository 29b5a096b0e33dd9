"""What a run finds around it: another run, a folder it may not write to, a full disk, a clock that jumps."""

import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from bench import send

pytestmark = pytest.mark.slow

YEAR = 3.15e7
CLOCK = Path(__file__).parent / "clock"
OBEY = ("setpriv", "--bounding-set", "-dac_override,-dac_read_search")  # root obeys permissions as anyone does


@contextmanager
def stopped(owner):
    """Let a process stand still within the block, so that it is at work as long as that takes."""
    send(owner.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        send(owner.pid, signal.SIGCONT)


def test_second_invocation(bench, stage, outcome):
    """It refuses and names the first, which goes on."""
    bench.mode = "warm"
    bench.forget()
    first = bench.start()
    with stopped(first.reaches(bench.unit)):
        bench.refuses(f"process {first.process.pid} on ", "wait for it or stop it")
    assert first.ends() == 0, first.text
    bench.equals()
    outcome("refused")


def test_same_unit_twice_at_once(bench, stage, outcome):
    """Where Snakemake is told to lock nothing, the second job waits for the first and has nothing to do."""
    bench.mode = "cold"
    bench.forget()
    first = bench.start()
    log = bench.project / f"results/logs/{stage}/{bench.unit.name.split('.')[0]}.log"
    with stopped(owner := first.reaches(bench.unit)):
        second = bench.begin([sys.executable, "-m", "snakemake", "--nolock", bench.place(bench.unit)], {})
        while not log.exists() or "waiting for it" not in log.read_text():
            assert second.process.poll() is None, second.text
            time.sleep(0.05)
        assert f"is being made by process {owner.pid} on " in log.read_text()
    assert second.ends() == 0, second.text
    first.ends()
    bench.recovers()
    outcome("survived")


def test_folder_that_cannot_be_written(bench, stage, outcome):
    bench.forget()
    folder = bench.unit.parent
    folder.chmod(0o555)
    run = bench.start("cold", prefix=OBEY if os.geteuid() == 0 else ())
    status = run.ends()
    if folder.exists():  # Snakemake removes what it finds empty
        folder.chmod(0o755)
    assert status == 1, run.text
    assert bench.place(folder) in run.text and "ermission denied" in run.text
    assert "writable" in run.text
    bench.recovers()
    outcome("refused")


@pytest.fixture
def small_disk(bench):
    """The results on a disk of their own; call it with the bytes that are to be free."""
    results, aside = bench.project / "results", bench.project / "aside"
    results.rename(aside)
    results.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=512m", "tmpfs", results], capture_output=True, text=True
    )
    if mounted.returncode:
        pytest.skip(f"no disk can be mounted here: {mounted.stderr.strip()}")
    shutil.copytree(aside, results, dirs_exist_ok=True)

    def leave(free: int) -> None:
        size = shutil.disk_usage(results).used + free
        subprocess.run(["mount", "-o", f"remount,size={size}", results], check=True)

    yield leave
    for run in bench.runs:
        run.kill()
    subprocess.run(["umount", results], check=True)


def test_full_disk(bench, stage, small_disk, outcome):
    size = bench.unit.stat().st_size
    bench.forget()
    small_disk(2**14 + bench.rng.randrange(size // 2))
    bench.refuses("No space left on device", "free some space")
    small_disk(2**28)
    bench.recovers()
    outcome("refused")


def test_dates_that_jump(bench, stage, outcome):
    """While the unit is made, the dates of all files jump by years, back or forth; not when it has been made."""
    jump = bench.rng.choice((-YEAR, YEAR))

    def strike(run, owner):
        with stopped(owner):
            files = [*(bench.project / "results").rglob("*"), *(bench.project / "src").rglob("*.py")]
            for file in [] if bench.unit.exists() else files:
                if file.exists():
                    then = file.stat().st_mtime + jump
                    os.utime(file, (then, then))

    run = bench.struck(strike)
    assert run.ends() == 0, run.text
    assert "nothing to do" in bench.recovers()
    outcome("survived")


def test_clock_that_jumps(bench, outcome):
    """While the unit is made, the clock of every process jumps by years, back or forth, and stays there."""
    clock = bench.project / "clock"
    bench.environment = {"CLOCK": str(clock), "PYTHONPATH": f"{CLOCK}{os.pathsep}{bench.project / 'src'}"}

    def strike(run, owner):
        clock.with_suffix(".new").write_text(str(int(bench.rng.choice((-YEAR, YEAR)))))
        clock.with_suffix(".new").rename(clock)

    run = bench.struck(strike)
    assert run.ends() == 0, run.text
    assert "nothing to do" in bench.recovers()
    outcome("survived")

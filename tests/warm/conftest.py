"""A stand-in for `imprint.cli` with one small command per behaviour, and clients that run it warm or cold."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from imprint import warm

STANDIN = """
import json, os, signal, subprocess, sys, time
from pathlib import Path

def main(argv):
    command, *arguments = argv
    return globals()[command](*arguments)

def answer(code):
    return int(code)

def nothing():
    return None

def leave(text):
    sys.exit(text)

def fail():
    raise ValueError("no such cell: digits-adam")

def interrupt():
    print("kept")
    raise KeyboardInterrupt

def abort():
    os.abort()

def die(number):
    os.kill(os.getpid(), int(number))
    time.sleep(60)

def speak():
    print("to stdout")
    print("to stderr", file=sys.stderr)

def repeat():
    print(sys.stdin.read().upper(), end="")

def where():
    umask = os.umask(0)
    leads = os.getsid(0) == os.getpid()
    print(json.dumps([os.getpid(), os.getcwd(), umask, sys.argv, sys.path, dict(os.environ), leads]))

def tick(file, family=""):
    if family:
        subprocess.Popen([sys.executable, "-c", f"import standin; standin.main(['tick', {family!r}])"])
    Path(file).write_text(f"{os.getpid()} {os.getppid()}")
    while True:
        with open(file, "a") as stream:
            stream.write(".")
        time.sleep(0.02)

def handle(file):
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
    tick(file)

def science(file):
    import hashlib, torch, xarray
    generator = torch.Generator().manual_seed(1)
    a = torch.randn(40, 40, generator=generator, dtype=torch.float64, requires_grad=True)
    (torch.linalg.eigvalsh(a @ a.T).sum() + torch.func.vmap(torch.sin)(a).sum()).backward()
    data = xarray.Dataset({"g": (("x", "y"), a.grad.numpy())}, attrs={"threads": torch.get_num_threads()})
    data.to_zarr(file, zarr_format=3, consolidated=False)
    again = xarray.open_zarr(file, consolidated=False).load()
    assert again.identical(data)
    print(hashlib.sha256(again.g.values.tobytes()).hexdigest(), again.attrs["threads"])
"""
CLIENT = """
import sys
import standin
sys.modules["imprint.cli"] = standin
from imprint.entry import main
sys.exit(main())
"""
STARTER = """
import sys, time
from imprint import warm
with warm.server([], main="standin:main") as address:
    print(address, flush=True)
    time.sleep(600)
"""


class Bench:
    """A folder with the stand-in, and ways to run it."""

    def __init__(self, folder: Path):
        self.folder = folder
        for name, text in (("standin.py", STANDIN), ("client.py", CLIENT), ("starter.py", STARTER)):
            (folder / name).write_text(text)

    @staticmethod
    def until(condition, seconds: float = 10.0) -> None:
        """Wait for a condition; fail after some seconds, generous because machines are shared."""
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, "the condition did not come true"
            time.sleep(0.01)

    @staticmethod
    def alive(pid: int) -> bool:
        """Whether a process runs (a zombie does not)."""
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return False
        return state != "Z"

    def environment(self, address: str | None = None, **more: str) -> dict[str, str]:
        """Environment of a job of one thread, as Snakemake gives it."""
        inherited = {name: value for name, value in os.environ.items() if name != "IMPRINT_WARM"}
        warmth = {} if address is None else {"IMPRINT_WARM": address}
        return {**inherited, **dict.fromkeys(warm.THREADS, "1"), **warmth, **more}

    def command(self, *arguments: object) -> list[str]:
        """Command line of a client."""
        return [sys.executable, str(self.folder / "client.py"), *map(str, arguments)]

    def start(self, *arguments: object, address: str | None = None, **options) -> subprocess.Popen:
        """Start a client."""
        options.setdefault("env", self.environment(address))
        return subprocess.Popen(self.command(*arguments), cwd=self.folder, text=True, **options)

    def run(self, *arguments: object, address: str | None = None, **options) -> subprocess.CompletedProcess:
        """Run a client to its end."""
        options.setdefault("env", self.environment(address))
        options.setdefault("cwd", self.folder)
        for stream in ("stdout", "stderr"):
            options.setdefault(stream, subprocess.PIPE)
        return subprocess.run(self.command(*arguments), text=True, timeout=60, **options)

    def ticking(self, file: Path) -> tuple[int, int]:
        """Process and parent of a child that writes to a file, once it does."""
        self.until(lambda: file.exists() and file.read_text().endswith("."))
        child, parent = file.read_text().rstrip(".").split()
        return int(child), int(parent)

    def assert_still(self, file: Path, *children: int) -> None:
        """Assert that children are gone and that nothing writes to their file any more."""
        for child in children:
            self.until(lambda child=child: not self.alive(child))
        size = file.stat().st_size
        time.sleep(0.1)
        assert file.stat().st_size == size


@pytest.fixture(autouse=True)
def interruptible():
    """SIGINT ends what tests start, also where they run in the background of a shell, which has it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)
    return Bench(tmp_path)


@pytest.fixture
def address(bench: Bench):
    with warm.server([], main="standin:main") as address:
        yield address

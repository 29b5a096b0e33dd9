"""A tiny pipeline with the stages' shape, run by the real Snakemake with the plugin."""

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
from dataclasses import dataclass
from pathlib import Path

import pytest

SNAKEFILE = """
UNITS = {units}

rule all:
    input: expand("results/store/probe/{{unit}}.zarr.zip", unit=UNITS)

rule train:
    output: "results/store/train/{{unit}}.zarr.zip"
    log: "logs/train/{{unit}}.log"
    retries: {retries}
    shell: "bash train.sh {{wildcards.unit}} {{output}} > {{log}} 2>&1"

rule probe:
    input: "results/store/train/{{unit}}.zarr.zip"
    output: "results/store/probe/{{unit}}.zarr.zip"
    log: "logs/probe/{{unit}}.log"
    shell: "cp {{input}} {{output}} > {{log}} 2>&1"
"""


@dataclass
class Outcome:
    """What a run of Snakemake left: exit status and the two streams."""

    status: int
    stdout: str
    stderr: str


class Pipeline:
    """The tiny pipeline in a folder of its own."""

    def __init__(self, folder: Path):
        self.folder = folder

    def write(self, units: list[str], train: str = 'touch "$2"', retries: int = 0) -> "Pipeline":
        """Write the Snakefile and the script of its training stage (`$1` unit, `$2` output)."""
        (self.folder / "Snakefile").write_text(SNAKEFILE.format(units=units, retries=retries))
        (self.folder / "train.sh").write_text(f"{train}\n")
        return self

    def command(self, *options: str) -> list[str]:
        """Command line of Snakemake with the plugin."""
        fast = ["--cores", "2", "--scheduler", "greedy", "--latency-wait", "0"]
        return [sys.executable, "-m", "snakemake", "--logger", "imprint", *fast, *options]

    def run(self, *options: str) -> Outcome:
        """Run with pipes for streams, as a cluster or continuous integration does."""
        environment = {**os.environ, "TERM": "xterm-256color", "FORCE_COLOR": "1"}
        done = subprocess.run(
            self.command(*options),
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
        )
        return Outcome(done.returncode, done.stdout, done.stderr)

    def run_in_terminal(self, *options: str, term: str = "xterm-256color") -> Outcome:
        """Run in a pseudo-terminal of 24 rows and 120 columns; both streams are what it was sent."""
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 120, 0, 0))
        environment = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "COLUMNS")}
        process = subprocess.Popen(
            self.command(*options),
            cwd=self.folder,
            env={**environment, "TERM": term},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
        )
        os.close(theirs)
        sent = b""
        try:
            while piece := os.read(ours, 65536):
                sent += piece
        except OSError:
            pass  # Linux says so when the last process of the terminal has ended
        finally:
            os.close(ours)
        text = sent.decode().replace("\r\n", "\n")
        return Outcome(process.wait(60), text, text)


@pytest.fixture
def pipeline(tmp_path: Path) -> Pipeline:
    return Pipeline(tmp_path)

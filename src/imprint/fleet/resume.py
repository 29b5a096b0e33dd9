"""Continues an interrupted fleet as if nothing had happened.

Everything a fleet draws is a function of seed and step, so its state is a few tensors. It lies outside declared outputs
and under a name that holds the unit's digest: other code or another spec never finds it. An optimizer's state may hold
objects of its own classes, so that reading it runs what it says: a checkpoint of strangers is as a program of theirs.
"""

import hashlib
import io
import os
import sys
import time
from pathlib import Path

import torch

from imprint.fleet.fleet import LAST, Fleet
from imprint.fleet.recorder import Recorder
from imprint.store import replacing

SECONDS = 30.0
DIGEST_BYTES = 32
FLEET = ("stage", "stage_step", "step_count", "passes", "status", "status_step", "path_length")
RECORDER = ("weights", "beside", "steps", "learned", "retained", "reached", "in_a_row", "evaluated")


class Checkpoint:
    """A file that a fleet's state is written to now and then.

    Args:
        path: the file; its folder is made when needed.
        seconds: least time between two writes; it changes no result.
    """

    def __init__(self, path: Path, seconds: float | None = None):
        self.path = path
        self.seconds = float(os.environ.get("IMPRINT_CHECKPOINT_SECONDS", SECONDS)) if seconds is None else seconds
        self.written = time.monotonic()

    def maybe_write(self, fleet: Fleet, recorder: Recorder) -> None:
        """Write the state if the last write is long enough ago."""
        if time.monotonic() - self.written >= self.seconds:
            self.write(fleet, recorder)

    def write(self, fleet: Fleet, recorder: Recorder) -> None:
        """Write the state, replacing the last one only when complete."""
        content = io.BytesIO()
        torch.save(state(fleet, recorder), content)
        with replacing(self.path) as scratch:
            scratch.write_bytes(hashlib.sha256(content.getbuffer()).digest() + content.getbuffer())
        self.written = time.monotonic()
        self.say("at", fleet, recorder)

    def read(self, fleet: Fleet, recorder: Recorder) -> None:
        """Bring a fresh fleet to the stored state, if there is one; a damaged file is as none."""
        if not self.path.is_file():
            return
        whole = self.path.read_bytes()
        digest, content = whole[:DIGEST_BYTES], whole[DIGEST_BYTES:]
        if hashlib.sha256(content).digest() != digest:
            print(f"{self.path}: damaged; training starts again", file=sys.stderr)
            self.path.unlink()
            return
        restore(fleet, recorder, torch.load(io.BytesIO(content), weights_only=False))
        self.say("goes on from", fleet, recorder)

    def say(self, word: str, fleet: Fleet, recorder: Recorder) -> None:
        """Tell the job's log how far the fleet is."""
        replicas = f"{len(fleet)} of {len(fleet.status)} replicas training"
        print(
            f"{self.path.name}: {word} step {fleet.step_count} of at most {recorder.most_steps}, {replicas}", flush=True
        )


def state(fleet: Fleet, recorder: Recorder) -> dict:
    """Return a fleet's state as tensors and plain values."""
    return {
        "blocks": [block.stored() for block in fleet.blocks],
        "fleet": {name: getattr(fleet, name) for name in (*FLEET, *LAST)},
        "recorder": {name: getattr(recorder, name) for name in RECORDER},
        "rows": [{name: torch.from_numpy(value) for name, value in row.items()} for row in recorder.rows],
    }


def restore(fleet: Fleet, recorder: Recorder, stored: dict) -> None:
    """Set a fresh fleet and its recorder to a stored state."""
    for name, value in stored["fleet"].items():
        setattr(fleet, name, value)
    for name, value in stored["recorder"].items():
        setattr(recorder, name, value)
    recorder.rows = [{name: value.numpy() for name, value in row.items()} for row in stored["rows"]]
    fleet.blocks = [fleet.restored(content) for content in stored["blocks"]]

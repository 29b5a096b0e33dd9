"""GPU slots: which GPU of a workstation a job gets, and how many jobs share one.

A slot is a lock on a file, so it is free again when its holder ends, however it ends. All studies of a user share the
slots of a machine.
"""

import fcntl
import os
import tempfile
import time
from pathlib import Path

from imprint.errors import ImprintError

VARIABLE = "IMPRINT_GPU_SLOTS"
WAIT_SECONDS = 0.2
_held: list[int] = []  # open until the process ends


class SlotError(ImprintError):
    """Slots that cannot be given; the message says why and what to do."""


def take() -> None:
    """Wait for one of the slots that the environment speaks of, and see only its GPU from now on; else do nothing.

    ``IMPRINT_GPU_SLOTS`` is the number of jobs that may be on GPUs at the same time; they are dealt out to the GPUs in
    turn. To be called before anything touches a GPU.

    Raises:
        SlotError: if there is no GPU, or the number is none.
    """
    wish = os.environ.pop(VARIABLE, None)
    if wish is None:
        return
    if not wish.isdecimal() or int(wish) < 1:
        raise SlotError(f"{VARIABLE}={wish!r} is no number of slots: give --resources gpu=N with N from 1")
    gpus = visible()
    if not gpus:
        raise SlotError(f"{VARIABLE}={wish}, but no GPU is visible: run without --profile gpu, or with device: cpu")
    slots = [(gpus[number % len(gpus)], number // len(gpus)) for number in range(int(wish))]
    gpu, place = _first_free(slots)
    os.environ["CUDA_VISIBLE_DEVICES"] = gpu
    print(f"on GPU {gpu}, place {place + 1} of {sum(other == gpu for other, _ in slots)}", flush=True)


def visible() -> list[str]:
    """Return the names of the GPUs that this process may use, as ``CUDA_VISIBLE_DEVICES`` has them."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is not None:
        return [name.strip() for name in named.split(",") if name.strip()]
    return [str(number) for number, _ in enumerate(Path("/dev").glob("nvidia[0-9]*"))]


def _first_free(slots: list[tuple[str, int]]) -> tuple[str, int]:
    folder = Path(tempfile.gettempdir()) / f"imprint-gpus-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    while True:
        for gpu, place in slots:
            file = os.open(folder / f"{gpu.replace('/', '_')}.{place}", os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(file)
            else:
                _held.append(file)
                return gpu, place
        time.sleep(WAIT_SECONDS)

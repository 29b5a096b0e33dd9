"""Which shortened number formats a training may use: by default none."""

import contextlib
from collections.abc import Iterator

import torch

ALLOWED = ("tf32", "bfloat16")


@contextlib.contextmanager
def arithmetic(allow: list[str], device: str) -> Iterator[None]:
    """Compute in the task's own precision within, except for what is allowed.

    Args:
        allow: ``tf32``: a GPU may round the factors of float32 products and convolutions to 10 bits (PyTorch lets it do
            so for convolutions unless told not to); ``bfloat16``: forward passes run under autocast.
        device: ``cpu`` or ``cuda``.
    """
    backends = torch.backends.cuda.matmul, torch.backends.cudnn
    before = [backend.allow_tf32 for backend in backends]
    for backend in backends:
        backend.allow_tf32 = "tf32" in allow
    try:
        with torch.autocast(device, torch.bfloat16, enabled="bfloat16" in allow):
            yield
    finally:
        for backend, value in zip(backends, before, strict=True):
            backend.allow_tf32 = value

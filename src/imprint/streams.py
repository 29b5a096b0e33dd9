"""Independent random streams: every draw is a function of names and numbers, never of a global state."""

import hashlib

import torch


def seed_of(seed: int, stream: str, *coordinates: int | str) -> int:
    """Return a 63-bit seed of a named stream (``init``, ``order``, ``data``, ``noise``) of a replica."""
    text = "/".join(map(str, (seed, stream, *coordinates)))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def generator(seed: int, stream: str, *coordinates: int | str) -> torch.Generator:
    """Return a CPU generator at the start of a named stream of a replica."""
    return torch.Generator().manual_seed(seed_of(seed, stream, *coordinates))

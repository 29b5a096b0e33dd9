"""A small data set in the original format."""

import gzip
import hashlib
import struct

import numpy as np
import pytest

from imprint.tasks import sources


def idx_bytes(array):
    """IDX file of unsigned bytes, written here without the package's reader."""
    header = struct.pack(">BBBB", 0, 0, 8, array.ndim) + struct.pack(f">{array.ndim}i", *array.shape)
    return gzip.compress(header + array.astype(np.uint8).tobytes(), mtime=0)


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """Folder and arrays of a small "mnist": in IMPRINT_DATA, in the checksums, and no mirror answers."""
    generator = np.random.default_rng(0)
    arrays = {
        "train-images-idx3-ubyte.gz": generator.integers(0, 256, (50, 28, 28)),
        "train-labels-idx1-ubyte.gz": np.arange(50) % 10,
        "t10k-images-idx3-ubyte.gz": generator.integers(0, 256, (20, 28, 28)),
        "t10k-labels-idx1-ubyte.gz": np.arange(20) % 10,
    }
    contents = {file: idx_bytes(array) for file, array in arrays.items()}
    (tmp_path / "mnist").mkdir()
    for file, content in contents.items():
        (tmp_path / "mnist" / file).write_bytes(content)
    digests = {file: hashlib.sha256(content).hexdigest() for file, content in contents.items()}
    monkeypatch.setitem(sources.CHECKSUMS, "mnist", digests)
    monkeypatch.setitem(sources.MIRRORS, "mnist", ["http://127.0.0.1:9/first/", "http://127.0.0.1:9/second/"])
    monkeypatch.setenv("IMPRINT_DATA", str(tmp_path))
    return tmp_path / "mnist", arrays

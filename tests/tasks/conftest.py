"""A small data set in the original format."""

import gzip
import hashlib
import io
import struct
import tarfile

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


def archive_bytes(images, labels):
    """CIFAR-10 archive of five and one files of records, written here without the package's reader."""
    files = {f"data_batch_{number}.bin": slice(4 * number - 4, 4 * number) for number in range(1, 6)}
    files |= {"test_batch.bin": slice(20, None)}
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, rows in [("batches.meta.txt", None), *reversed(files.items())]:
            records = [bytes([k]) + x.transpose(2, 0, 1).tobytes() for x, k in zip(images, labels, strict=True)]
            content = b"airplane\n" if rows is None else b"".join(records[rows])
            entry = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


@pytest.fixture
def tiny_cifar(tmp_path, monkeypatch):
    """Path of the original and of the copy, neither there yet, with what they hold: a small "cifar10"."""
    generator = np.random.default_rng(1)
    images, labels = generator.integers(0, 256, (36, 32, 32, 3), np.uint8), (np.arange(36) % 2 * 8 + 1).astype(np.uint8)
    arrays = {"x_train": images[:20], "y_train": labels[:20], "x_test": images[20:], "y_test": labels[20:]}
    copy = {name: values // 2 * 2 if name[0] == "x" else values for name, values in arrays.items()}
    packed = io.BytesIO()
    np.savez(packed, **copy, rank_in_class_test=np.arange(16))
    contents = {"cifar10": archive_bytes(images, labels), "cifar10_jpeg": packed.getvalue()}
    (tmp_path / "cifar10").mkdir()
    places = {}
    for name, content in contents.items():
        (file,) = sources.CHECKSUMS[name]
        monkeypatch.setitem(sources.CHECKSUMS, name, {file: hashlib.sha256(content).hexdigest()})
        places[name] = (tmp_path / "cifar10" / file, content)
    monkeypatch.setitem(sources.MIRRORS, "cifar10", ["http://127.0.0.1:9/"])
    monkeypatch.setenv("IMPRINT_DATA", str(tmp_path))
    return places, {"cifar10": arrays, "cifar10_jpeg": copy}

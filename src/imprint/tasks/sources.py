"""Real data: where it comes from, its checksums, and reading it.

A file is looked for at ``<directory>/<name>/<file>``, the directory being ``IMPRINT_DATA`` or else the user's
cache. A file that is there is verified; a file that is not is downloaded from the mirrors in turn, and kept
only if its checksum is right.
"""

import difflib
import gzip
import hashlib
import os
import struct
import tarfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pooch

from imprint.tasks import sonnet

TITLES = {
    "digits": "Optical digits, 8x8 (Alpaydin and Kaynak, UCI), as in sklearn.datasets.load_digits",
    "mnist": "MNIST, 28x28 (LeCun, Cortes, Burges), original IDX files",
    "fashion_mnist": "Fashion-MNIST, 28x28 (Xiao, Rasul, Vollgraf, arXiv 1708.07747), original IDX files",
    "cifar10": "CIFAR-10, 32x32 in colour (Krizhevsky 2009), original binary files",
    "cifar10_jpeg": "JPEG copy of CIFAR-10, 32x32 in colour (Krizhevsky 2009), automobile and truck only, quality 75",
    "sonnet": "Shakespeare, Sonnet 18 (1609), in modern spelling",
    "tinyshakespeare": "Tiny Shakespeare, 1,115,394 characters of his plays (Karpathy, char-rnn, MIT license)",
}
COLOURED = ("cifar10", "cifar10_jpeg")
TEXTS = ("sonnet", "tinyshakespeare")

CHECKSUMS = {
    "digits": {
        "pixels and labels": "87ff0c9e40dc7e2c0e34e7257799c2e3f3aec1a016363bb11cad869ec428a826",
    },
    "mnist": {
        "train-images-idx3-ubyte.gz": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        "train-labels-idx1-ubyte.gz": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        "t10k-images-idx3-ubyte.gz": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        "t10k-labels-idx1-ubyte.gz": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    },
    "fashion_mnist": {
        "train-images-idx3-ubyte.gz": "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        "train-labels-idx1-ubyte.gz": "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        "t10k-images-idx3-ubyte.gz": "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        "t10k-labels-idx1-ubyte.gz": "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
    },
    "cifar10": {
        "cifar-10-binary.tar.gz": "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
    },
    "cifar10_jpeg": {
        "cifar10_auto_truck_jpeg.npz": "fea6d4a00258cf7f1f2ba49915d779c9f863241e581a4670e74ea89391c13d2e",
    },
    "sonnet": {
        "text": "37828238b9106cb6d94203498759e75435cb95d5dfd327621bf8c1cace223b69",
    },
    "tinyshakespeare": {
        "input.txt": "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
    },
}

MIRRORS = {
    "mnist": [
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    ],
    "fashion_mnist": [
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
    ],
    "cifar10": [
        "https://www.cs.toronto.edu/~kriz/",
    ],
    "cifar10_jpeg": [],
    "tinyshakespeare": [
        "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/",
    ],
}

COPIES = {"cifar10": "cifar10_jpeg"}
FOLDERS = {"cifar10_jpeg": "cifar10"}


def at_hand(name: str) -> str:
    """Name of the copy of a data set, where the data directory holds the copy and not the original; else the name."""
    copy = COPIES.get(name, name)
    return copy if _held(copy) and not _held(name) else name


def load(name: str) -> dict[str, np.ndarray]:
    """Images and labels of one data set as published.

    Args:
        name: ``digits``, ``mnist``, ``fashion_mnist``, ``cifar10`` or ``cifar10_jpeg``.

    Returns:
        ``x_train (N, height, width)``, ``y_train (N)``, ``x_test``, ``y_test``, all uint8; x in grey levels,
        0 to 16 for digits and 0 to 255 else, for CIFAR ``(N, height, width, 3)`` in red, green and blue. Digits
        have no official test set: their test arrays have length 0.

    Raises:
        ValueError: an unknown name; a file whose checksum is wrong.
        FileNotFoundError: a file is missing and the data directory cannot be written.
        ConnectionError: a file is missing and no mirror gave it.
    """
    _known(name, [title for title in TITLES if title not in TEXTS])
    if name == "digits":
        return _digits()
    _provide(name)
    if name in COLOURED:
        (file,) = CHECKSUMS[name]
        return _archive(_place(name) / file) if name == "cifar10" else _arrays(_place(name) / file)
    arrays = {}
    for split, prefix in (("train", "train"), ("test", "t10k")):
        images = _idx(_place(name) / f"{prefix}-images-idx3-ubyte.gz", ("images", 28, 28))
        labels = _idx(_place(name) / f"{prefix}-labels-idx1-ubyte.gz", ("labels",))
        if len(images) != len(labels):
            raise ValueError(f"{_place(name)}: {len(images)} {prefix} images but {len(labels)} labels")
        arrays |= {f"x_{split}": images, f"y_{split}": labels}
    return arrays


def text(name: str) -> bytes:
    """Characters of one text as published, one byte each.

    Args:
        name: ``sonnet``, which is always there, or ``tinyshakespeare``.

    Raises:
        ValueError: an unknown name; a file whose checksum is wrong.
        FileNotFoundError: the file is missing and the data directory cannot be written.
        ConnectionError: the file is missing and no mirror gave it.
    """
    _known(name, TEXTS)
    if name == "sonnet":
        return sonnet.TEXT.encode("ascii")
    _provide(name)
    (file,) = CHECKSUMS[name]
    return (_place(name) / file).read_bytes()


def checksum(name: str) -> str:
    """Digest of a data set, from the table: sha256 of the sorted lines ``<file> <sha256 of the file>``."""
    _known(name, TITLES)
    lines = "".join(f"{file} {digest}\n" for file, digest in sorted(CHECKSUMS[name].items()))
    return hashlib.sha256(lines.encode()).hexdigest()


def directory() -> Path:
    """The data directory: ``IMPRINT_DATA`` if set, else the user's cache of this package."""
    return Path(os.environ.get("IMPRINT_DATA") or pooch.os_cache("imprint"))


def _place(name: str) -> Path:
    return directory() / FOLDERS.get(name, name)


def _held(name: str) -> bool:
    return all((_place(name) / file).exists() for file in CHECKSUMS[name])


def _known(name: str, known: Iterable[str]) -> None:
    if name not in known:
        near = difflib.get_close_matches(str(name), known, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"data={name!r} is not known; known are {', '.join(sorted(known))}{hint}")


def _digits() -> dict[str, np.ndarray]:
    from sklearn.datasets import load_digits  # a second to import, and only this data set needs it

    bunch = load_digits()
    x_NHW, y_N = bunch.images.astype(np.uint8), bunch.target.astype(np.uint8)
    found = hashlib.sha256(x_NHW.tobytes() + y_N.tobytes()).hexdigest()
    (expected,) = CHECKSUMS["digits"].values()
    if found != expected:
        raise ValueError(
            f"sklearn.datasets.load_digits has changed: sha256 {found}, expected {expected}; "
            "install another version of scikit-learn"
        )
    return {"x_train": x_NHW, "y_train": y_N, "x_test": x_NHW[:0], "y_test": y_N[:0]}


def _provide(name: str) -> None:
    """Verifies every file of a data set that is there and downloads the others."""
    if os.environ.get("IMPRINT_DATA") and not directory().is_dir():
        raise FileNotFoundError(f"IMPRINT_DATA={directory()} is not a directory; create it or unset the variable")
    files = CHECKSUMS[name]
    for file in files:
        if (_place(name) / file).exists():
            _verify(_place(name) / file, files[file])
    missing = [file for file in files if not (_place(name) / file).exists()]
    if missing and os.environ.get("IMPRINT_DATA") and not _writable(_place(name)):
        raise FileNotFoundError(
            f"IMPRINT_DATA={directory()} cannot be written and lacks, in {name}/, {', '.join(missing)}; "
            f"put the original files into {_place(name)}, or unset IMPRINT_DATA to download them into "
            f"{pooch.os_cache('imprint')}"
        )
    for file in missing:
        _download(name, file)


def _writable(place: Path) -> bool:
    return os.access(place if place.exists() else place.parent, os.W_OK)


def _verify(path: Path, expected: str) -> None:
    found = pooch.file_hash(str(path), alg="sha256")
    if found != expected:
        raise ValueError(
            f"{path} is corrupt: sha256 {found}, expected {expected}; "
            "delete it, and the next run downloads it again, or replace it with the original"
        )


def _download(name: str, file: str) -> None:
    """One file, from the first mirror that gives it; pooch verifies a temporary file, then renames it."""
    failures = []
    for mirror in MIRRORS[name]:
        try:
            pooch.retrieve(mirror + file, f"sha256:{CHECKSUMS[name][file]}", fname=file, path=_place(name))
            return
        except (OSError, ValueError) as error:
            failures.append(f"  {mirror + file}: {type(error).__name__}: {error}")
    tried = "\n".join(failures)
    raise ConnectionError(
        f"no mirror gave {name}/{file}:\n{tried}\nput the original files of {name} into {_place(name)}, "
        "or set IMPRINT_DATA to a directory that has them"
    )


def _idx(path: Path, dims: tuple) -> np.ndarray:
    """Array in an IDX file of unsigned bytes: magic ``00 00 08 <rank>``, sizes as big-endian uint32, data.

    ``dims`` gives the rank, and the size of each axis that is an integer.
    """
    content = gzip.decompress(path.read_bytes())
    magic = bytes((0, 0, 8, len(dims)))
    if content[:4] != magic:
        raise ValueError(f"{path}: magic {content[:4].hex(' ')}, expected {magic.hex(' ')} of unsigned bytes")
    start = 4 + 4 * len(dims)
    if len(content) < start:
        raise ValueError(f"{path}: header of {len(content)} bytes, expected at least {start}")
    sizes = struct.unpack(f">{len(dims)}I", content[4:start])
    if any(isinstance(want, int) and size != want for size, want in zip(sizes, dims, strict=True)):
        raise ValueError(f"{path}: sizes {sizes}, expected {dims}")
    if len(content) - start != np.prod(sizes):
        raise ValueError(f"{path}: {len(content) - start} bytes of data, expected {np.prod(sizes)} for {sizes}")
    return np.frombuffer(content, np.uint8, offset=start).reshape(sizes)


def _archive(path: Path) -> dict[str, np.ndarray]:
    """CIFAR-10 from its archive: five files and one of records, a byte of label and 3 x 32 x 32 of image, red first."""
    records = {"train": [], "test": []}
    with tarfile.open(path) as archive:
        for member in sorted(archive, key=lambda member: member.name):
            kind, _, batch = Path(member.name).stem.partition("_")
            if batch.startswith("batch"):
                content = np.frombuffer(archive.extractfile(member).read(), np.uint8).reshape(-1, 1 + 3 * 32 * 32)
                records["train" if kind == "data" else "test"].append(content)
    arrays = {}
    for split, parts in records.items():
        rows = np.concatenate(parts)
        arrays |= {f"x_{split}": rows[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1), f"y_{split}": rows[:, 0]}
    return arrays


def _arrays(path: Path) -> dict[str, np.ndarray]:
    """Images and labels of an npz file."""
    with np.load(path, allow_pickle=False) as stored:
        return {name: stored[name] for name in ("x_train", "y_train", "x_test", "y_test")}

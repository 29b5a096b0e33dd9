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
from pathlib import Path

import numpy as np
import pooch

TITLES = {
    "digits": "Optical digits, 8x8 (Alpaydin and Kaynak, UCI), as in sklearn.datasets.load_digits",
    "mnist": "MNIST, 28x28 (LeCun, Cortes, Burges), original IDX files",
    "fashion_mnist": "Fashion-MNIST, 28x28 (Xiao, Rasul, Vollgraf, arXiv 1708.07747), original IDX files",
}

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
}


def load(name: str) -> dict[str, np.ndarray]:
    """Images and labels of one data set as published.

    Args:
        name: ``digits``, ``mnist`` or ``fashion_mnist``.

    Returns:
        ``x_train (N, height, width)``, ``y_train (N)``, ``x_test``, ``y_test``, all uint8; x in grey levels,
        0 to 16 for digits and 0 to 255 else. Digits have no official test set: their test arrays have length
        0.

    Raises:
        ValueError: an unknown name; a file whose checksum is wrong.
        FileNotFoundError: a file is missing and the data directory cannot be written.
        ConnectionError: a file is missing and no mirror gave it.
    """
    _known(name)
    if name == "digits":
        return _digits()
    _provide(name)
    arrays = {}
    for split, prefix in (("train", "train"), ("test", "t10k")):
        images = _idx(_place(name) / f"{prefix}-images-idx3-ubyte.gz", ("images", 28, 28))
        labels = _idx(_place(name) / f"{prefix}-labels-idx1-ubyte.gz", ("labels",))
        if len(images) != len(labels):
            raise ValueError(f"{_place(name)}: {len(images)} {prefix} images but {len(labels)} labels")
        arrays |= {f"x_{split}": images, f"y_{split}": labels}
    return arrays


def checksum(name: str) -> str:
    """Digest of a data set, from the table: sha256 of the sorted lines ``<file> <sha256 of the file>``."""
    _known(name)
    lines = "".join(f"{file} {digest}\n" for file, digest in sorted(CHECKSUMS[name].items()))
    return hashlib.sha256(lines.encode()).hexdigest()


def directory() -> Path:
    """The data directory: ``IMPRINT_DATA`` if set, else the user's cache of this package."""
    return Path(os.environ.get("IMPRINT_DATA") or pooch.os_cache("imprint"))


def _place(name: str) -> Path:
    return directory() / name


def _known(name: str) -> None:
    if name not in TITLES:
        near = difflib.get_close_matches(str(name), TITLES, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"data={name!r} is not known; known are {', '.join(sorted(TITLES))}{hint}")


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

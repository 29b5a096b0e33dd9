"""The only place that writes and reads zarr: one labelled, checked, reproducible file per unit.

A unit is an uncompressed zip of a zarr store, with sorted names and fixed dates, so that equal contents give equal
bytes. It appears under its name only when it is complete. ``xr.open_zarr("zip::unit.zarr.zip")`` opens it too.
"""

import contextlib
import hashlib
import io
import json
import os
import shutil
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import xarray as xr
import zarr
from zarr.storage import MemoryStore, ZipStore

from imprint.errors import ImprintError, remedy
from imprint.naming import is_named_by

FIXED_DATE = (1980, 1, 1, 0, 0, 0)
DIGESTS = "array_digests"
ORDER = "variable_order"


class StoreError(ImprintError):
    """A store that is missing, truncated, changed or not imprint's; the message names the file and the fix."""


def check(data: xr.Dataset) -> None:
    """Refuse a dataset that a stranger could not read.

    Raises:
        ValueError: if a variable lacks ``long_name`` or ``units``.
    """
    for name, variable in data.data_vars.items():
        missing = [key for key in ("long_name", "units") if not variable.attrs.get(key)]
        if missing:
            raise ValueError(f"variable {name!r} lacks the attributes {missing}; every stored variable has them")


def array_digest(values: np.ndarray) -> str:
    """Return a digest of an array's dtype, shape and values."""
    values = np.asarray(values)
    if values.dtype.kind in "OUT":
        content = json.dumps(values.astype(object).tolist()).encode()
        kind = "string"
    else:
        content, kind = np.ascontiguousarray(values).tobytes(), values.dtype.str
    return hashlib.sha256(f"{kind}{values.shape}".encode() + content).hexdigest()[:16]


def _record(data: xr.Dataset) -> dict[str, str]:
    """Return what is stored beside the arrays: their digests, and their order, which zarr does not keep."""
    order = [str(name) for name in data.data_vars]
    return {DIGESTS: json.dumps(_digests(data), sort_keys=True), ORDER: json.dumps(order)}


def _digests(data: xr.Dataset) -> dict[str, str]:
    return {str(name): array_digest(variable.values) for name, variable in sorted(data.variables.items())}


def _retyped(data: xr.Dataset, dtype: type) -> xr.Dataset:
    """Turn text, which is fixed-width in memory and variable-width on disk, into the other."""
    text = {
        name: (var.dims, np.array(var.values.tolist(), dtype=dtype).reshape(var.shape), var.attrs)
        for name, var in data.variables.items()
        if var.dtype.kind in "OUT" and var.size
    }
    coords = {name: value for name, value in text.items() if name in data.coords}
    return data.assign({k: v for k, v in text.items() if k not in coords}).assign_coords(coords)


def _writable(data: xr.Dataset) -> xr.Dataset:
    return _retyped(data, object)


def _readable(data: xr.Dataset) -> xr.Dataset:
    return _retyped(data, str)


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a scratch path beside ``path``, and move it there only if the block succeeds.

    Raises:
        StoreError: if it cannot be written there; the message names the file and the fix.
    """
    path = Path(path)
    scratch = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield scratch
            with open(scratch, "rb") as handle:
                os.fsync(handle.fileno())
            os.replace(scratch, path)
        finally:
            scratch.unlink(missing_ok=True)
    except OSError as error:
        if error.filename not in (None, str(scratch), str(path.parent)):
            raise
        raise StoreError(f"{path}: cannot be written ({error.strerror or error}); {remedy(error)}") from error


def _pack(entries: Mapping[str, bytes], path: Path) -> None:
    with replacing(path) as scratch, zipfile.ZipFile(scratch, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(entries):
            archive.writestr(zipfile.ZipInfo(name, FIXED_DATE), entries[name])


def _memory(tree: xr.Dataset | xr.DataTree) -> dict[str, bytes]:
    memory: dict = {}
    with warnings.catch_warnings():
        # xarray's string dtype has no final zarr v3 specification yet; the round trip is tested.
        warnings.filterwarnings("ignore", category=zarr.errors.UnstableSpecificationWarning)
        warnings.filterwarnings("ignore", message=".*does not have a Zarr V3 specification.*")
        # a chunk that looks like its fill value is written too: NaNs differ in their bits, and the digest sees bits
        with zarr.config.set({"array.write_empty_chunks": True}):
            tree.to_zarr(MemoryStore(memory), consolidated=False, zarr_format=3)
    return {name: buffer.to_bytes() for name, buffer in memory.items()}


def _plain(provenance: dict) -> dict:
    plain = (str, int, float, np.number)
    return {k: v if isinstance(v, plain) else json.dumps(v, sort_keys=True) for k, v in provenance.items()}


def write(data: xr.Dataset, path: str | Path, **provenance: object) -> None:
    """Write a dataset as one file, with what it was made from.

    Args:
        data: labelled; see :func:`check`.
        path: ends in ``.zarr.zip``; appears only when complete.
        **provenance: stored as attributes; dicts and lists as JSON.
    """
    check(data)
    twice = sorted(set(data.attrs) & set(provenance))
    if twice:
        raise ValueError(f"attributes {twice} of the data would be replaced by provenance; rename them")
    _pack(_memory(_writable(data.assign_attrs(_plain(provenance) | _record(data)))), Path(path))


def write_tree(tree: xr.DataTree, path: str | Path, **provenance: object) -> None:
    """Write a tree of datasets as one file; every group is checked like a dataset."""
    groups = {}
    for node in tree.subtree:
        data = node.to_dataset(inherit=False)
        check(data)
        groups[node.path] = _writable(data.assign_attrs(_record(data)))
    packed = xr.DataTree.from_dict(groups)
    packed.attrs.update(_plain(provenance))
    _pack(_memory(packed), Path(path))


def _inspect(path: Path, contents: bool = True) -> None:
    if not path.is_file():
        raise StoreError(f"{path}: no such store; run the study again to make it")
    try:
        with zipfile.ZipFile(path) as archive:
            broken = archive.testzip() if contents else None
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError, RuntimeError) as error:
        raise StoreError(f"{path}: truncated or not a store ({error}); delete this file and run again") from error
    if broken or "zarr.json" not in names:
        raise StoreError(f"{path}: damaged or not a store ({broken or 'no zarr.json'}); delete this file and run again")


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[ZipStore]:
    _inspect(path)
    with contextlib.closing(ZipStore(path, mode="r")) as store:
        yield store


def _verified(data: xr.Dataset, path: Path, group: str = "") -> xr.Dataset:
    declared = data.attrs.get(DIGESTS)
    if declared is None:
        raise StoreError(f"{path}{group}: not written by imprint (no {DIGESTS}); delete this file and run again")
    data = _readable(data)
    if json.loads(declared) != _digests(data):
        raise StoreError(f"{path}{group}: arrays differ from their digests; delete this file and run again")
    return data[json.loads(data.attrs[ORDER])].assign_coords(data.coords)


def read(path: str | Path) -> xr.Dataset:
    """Read a whole store into memory and verify its digests.

    Raises:
        StoreError: if the file is missing, truncated, damaged or foreign.
    """
    path = Path(path)
    with _opened(path) as store:
        data = xr.open_zarr(store, consolidated=False, chunks=None).load()
    if not is_named_by(path.name, data.attrs):
        raise StoreError(f"{path}: holds what belongs under another name; delete this file and run again")
    return _verified(data, path)


def read_tree(path: str | Path) -> xr.DataTree:
    """Read a whole tree into memory and verify its digests."""
    path = Path(path)
    with _opened(path) as store:
        tree = xr.open_datatree(store, engine="zarr", consolidated=False, chunks=None).load()
    groups = {node.path: _verified(node.to_dataset(inherit=False), path, node.path) for node in tree.subtree}
    verified = xr.DataTree.from_dict(groups)
    verified.attrs.update(tree.attrs)
    return verified


def attributes(path: str | Path) -> dict:
    """Return a store's attributes without reading its arrays and without zarr."""
    _inspect(Path(path), contents=False)
    with zipfile.ZipFile(path) as archive:
        return json.load(io.TextIOWrapper(archive.open("zarr.json"))).get("attributes", {})


def unpack(path: str | Path, folder: str | Path) -> None:
    """Unpack a store into an ordinary zarr folder with consolidated metadata, replacing what is there."""
    _inspect(Path(path))
    shutil.rmtree(folder, ignore_errors=True)
    with zipfile.ZipFile(path) as archive:
        archive.extractall(folder)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Consolidated metadata is currently not part")
        zarr.consolidate_metadata(str(folder))

"""One labelled, checked, reproducible file per unit; whatever is damaged is refused by name."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from imprint import store
from imprint.errors import ImprintError
from imprint.store import StoreError

ABOUT = {"long_name": "loss", "units": "1"}


def example(**more):
    """A dataset with text, numbers, NaN, booleans and a scalar."""
    loss = np.array([[[0.5, np.nan], [1.0, -0.0]], [[2.0, 3.0], [np.inf, 1e-300]]])
    layers = np.array(["hidden_1", "äöü 日本"], dtype=np.dtypes.StringDType())
    return xr.Dataset(
        {
            "loss": (("setting", "seed", "snapshot"), loss, ABOUT),
            "role": ("setting", np.array(["best matched", ""]), {"long_name": "role", "units": "1"}),
            "name": ("layer", layers, {"long_name": "name", "units": "1"}),
            "steps": ((), np.int64(7), {"long_name": "steps", "units": "step"}),
            "wide": (("seed",), np.array([1, 2], dtype=np.float32), {"long_name": "wide", "units": "1"}),
            "done": (("seed",), np.array([True, False]), {"long_name": "done", "units": "1"}),
        },
        coords={
            "setting": [0, 1],
            "seed": [3, 1000],
            "snapshot": ["init", "final"],
            "layer": layers,
            "kind": ("layer", np.array(["a", "bcd"], dtype=object)),
        },
        attrs={"stages": 5},
        **more,
    )


def tree():
    """Two experiments with a probe each."""
    measure = example().drop_vars(["role", "name", "steps", "wide", "done", "layer", "kind"])
    return xr.DataTree.from_dict(
        {"/toy/performance": measure, "/toy/training": measure * np.nan + measure, "/b/p": measure}
    )


def labelled(tree):
    """Give every variable of a tree its attributes back."""
    for node in tree.subtree:
        for variable in node.data_vars.values():
            variable.attrs.update(ABOUT)
    return tree


def plain(attrs):
    return {key: value for key, value in attrs.items() if key not in (store.DIGESTS, store.ORDER)}


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "data" / "slabs-0123456789.zarr.zip"
    store.write(example(), path, spec={"b": [1, 2], "a": 0.1}, stage="data")
    return path


@pytest.fixture
def atlas(tmp_path):
    path = tmp_path / "quick-0123456789.zarr.zip"
    store.write_tree(labelled(tree()), path, study="quick", stores=["a", "b"])
    return path


def rezip(path, change):
    """Write a file again with its entries changed by a function of the mapping, checksums made to fit."""
    with zipfile.ZipFile(path) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    change(entries)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in entries.items():
            archive.writestr(name, content)


# ------------------------------------------------------------------ round trip


def test_round_trip(file):
    back, wanted = store.read(file), example()
    xr.testing.assert_equal(back, wanted)
    for name in wanted.variables:
        assert plain(back[name].attrs) == wanted[name].attrs
        kind = wanted[name].dtype.kind
        assert back[name].dtype == wanted[name].dtype if kind not in "TOU" else back[name].dtype.kind == "U"
    assert set(back.coords) == set(wanted.coords)
    assert np.signbit(back["loss"].values[0, 1, 1])
    assert plain(back.attrs) == {"stages": 5, "stage": "data", "spec": '{"a": 0.1, "b": [1, 2]}'}


def test_text_can_be_selected_after_reading(file):
    back = store.read(file)
    assert float(back["loss"].sel(setting=1, seed=3, snapshot="final")) == 3.0
    assert back["name"].sel(layer="äöü 日本").item() == "äöü 日本"
    assert back["role"].values.tolist() == ["best matched", ""]


def test_what_was_read_can_be_written_again(file, tmp_path):
    back = store.read(file)
    store.write(back.drop_attrs(deep=False), tmp_path / "again.zarr.zip")
    xr.testing.assert_equal(store.read(tmp_path / "again.zarr.zip"), example())


def test_round_trip_of_a_tree(atlas):
    back, wanted = store.read_tree(atlas), labelled(tree())
    assert {node.path for node in back.subtree} == {node.path for node in wanted.subtree}
    for node in wanted.subtree:
        xr.testing.assert_equal(back[node.path].to_dataset(inherit=False), node.to_dataset(inherit=False))
        assert all(back[node.path][name].attrs == ABOUT for name in node.data_vars)
    assert float(back["/toy/performance"]["loss"].sel(setting=1, seed=3, snapshot="final")) == 3.0


def test_provenance_reads_the_same_from_a_unit_and_a_tree(tmp_path):
    about = {"study": "quick", "spec": {"b": 1, "a": [0.1]}, "count": 3}
    store.write(example(), tmp_path / "unit.zarr.zip", **about)
    store.write_tree(labelled(tree()), tmp_path / "tree.zarr.zip", **about)
    unit, whole = (plain(store.attributes(tmp_path / f"{name}.zarr.zip")) for name in ("unit", "tree"))
    assert {key: unit[key] for key in about} == {"study": "quick", "spec": '{"a": [0.1], "b": 1}', "count": 3}
    assert {key: whole[key] for key in about} == {key: unit[key] for key in about}


def test_a_dimension_without_labels(tmp_path):
    data = xr.Dataset({"x": (("row", "column"), np.zeros((2, 3)), ABOUT)})
    store.write(data, tmp_path / "x.zarr.zip")
    xr.testing.assert_equal(store.read(tmp_path / "x.zarr.zip"), data)


@pytest.mark.parametrize("dtype", ["float64", "int64", "U1"])
def test_a_dimension_of_size_zero(tmp_path, dtype):
    data = xr.Dataset({"x": (("row", "column"), np.zeros((0, 3), dtype), ABOUT)}, {"row": np.zeros(0, dtype)})
    store.write(data, tmp_path / "x.zarr.zip")
    xr.testing.assert_equal(store.read(tmp_path / "x.zarr.zip"), data)


# ------------------------------------------------------------ reproducible bytes

WRITE = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import test_store
test_store.store.write(test_store.example(), sys.argv[2], spec={"b": [1, 2], "a": 0.1}, stage="data")
"""


def test_equal_contents_give_equal_bytes(file, tmp_path):
    store.write(example(), tmp_path / "again.zarr.zip", spec={"a": 0.1, "b": [1, 2]}, stage="data")
    assert (tmp_path / "again.zarr.zip").read_bytes() == file.read_bytes()


def test_another_process_writes_the_same_bytes(file, tmp_path):
    command = [sys.executable, "-c", WRITE, str(Path(__file__).parent), str(tmp_path / "other.zarr.zip")]
    environment = {**os.environ, "PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo"}
    answer = subprocess.run(command, env=environment, cwd="/", capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    assert (tmp_path / "other.zarr.zip").read_bytes() == file.read_bytes()


def test_equal_trees_give_equal_bytes(atlas, tmp_path):
    store.write_tree(labelled(tree()), tmp_path / "again.zarr.zip", study="quick", stores=["a", "b"])
    assert (tmp_path / "again.zarr.zip").read_bytes() == atlas.read_bytes()


@pytest.mark.parametrize("name", ["file", "atlas"])
def test_the_archive_is_sorted_plain_and_undated(name, request):
    with zipfile.ZipFile(request.getfixturevalue(name)) as archive:
        infos = archive.infolist()
    names = [info.filename for info in infos]
    assert names == sorted(set(names))
    assert {info.date_time for info in infos} == {(1980, 1, 1, 0, 0, 0)}
    assert {info.compress_type for info in infos} == {zipfile.ZIP_STORED}


def test_no_pickle(file, atlas):
    for path in (file, atlas):
        assert b"pickle" not in path.read_bytes()


# --------------------------------------------------------------- array digests


def test_array_digest_sees_dtype_shape_and_values():
    values = np.arange(6.0)
    others = [values.astype("f4"), values.reshape(2, 3), values.reshape(3, 2), values + 1, values[::-1], values[:5]]
    assert len({store.array_digest(array) for array in (values, *others)}) == 7


def test_array_digest_does_not_see_memory_layout():
    values = np.arange(6.0).reshape(2, 3)
    assert store.array_digest(np.asfortranarray(values)) == store.array_digest(values)
    assert store.array_digest(np.arange(12.0)[::2]) == store.array_digest(np.arange(0.0, 12.0, 2.0))


@pytest.mark.parametrize("dtype", [object, str, np.dtypes.StringDType()])
def test_text_has_one_digest(dtype):
    assert store.array_digest(np.array(["a", "bcd"], dtype=dtype)) == store.array_digest(np.array(["a", "bcd"]))


def test_golden_array_digest():
    # of "<f8(2,)" and the sixteen bytes of 0.5 and -2
    assert store.array_digest(np.array([0.5, -2.0])) == "08928753a7b629f7"


# ---------------------------------------------------------- refused on writing


@pytest.mark.parametrize("key", ["long_name", "units"])
def test_a_variable_without(tmp_path, key):
    data = example()
    del data["loss"].attrs[key]
    with pytest.raises(ValueError, match=rf"variable 'loss' lacks the attributes \['{key}'\]; every stored variable"):
        store.write(data, tmp_path / "x.zarr.zip")
    with pytest.raises(ValueError, match=rf"variable 'loss' lacks the attributes \['{key}'\]"):
        store.write_tree(xr.DataTree.from_dict({"/toy/p": data}), tmp_path / "x.zarr.zip")
    assert list(tmp_path.iterdir()) == []


def test_provenance_may_not_replace_an_attribute(tmp_path):
    with pytest.raises(
        ValueError, match=r"attributes \['stages'\] of the data would be replaced by provenance; rename"
    ):
        store.write(example(), tmp_path / "x.zarr.zip", stages=1, stage="data")
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_leaves_the_old_file(file, monkeypatch):
    before = file.read_bytes()

    def full(*_):
        raise OSError("no space left on device")

    monkeypatch.setattr(zipfile.ZipFile, "writestr", full)
    with pytest.raises(store.StoreError, match="cannot be written .no space left on device"):
        store.write(example(), file)
    assert file.read_bytes() == before
    assert list(file.parent.iterdir()) == [file]


def test_a_block_that_fails_leaves_nothing(tmp_path):
    with pytest.raises(RuntimeError, match="stop"), store.replacing(tmp_path / "a" / "report.html") as scratch:
        scratch.write_text("half")
        assert scratch.parent == tmp_path / "a"
        raise RuntimeError("stop")
    assert list((tmp_path / "a").iterdir()) == []


def test_a_file_appears_only_when_complete(tmp_path):
    path = tmp_path / "report.html"
    path.write_text("old")
    with store.replacing(path) as scratch:
        scratch.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


# ---------------------------------------------------------- refused on reading

READERS = [store.read, store.read_tree, store.attributes, lambda path: store.unpack(path, path.parent / "out")]
READ = pytest.mark.parametrize("reader", READERS, ids=["read", "read_tree", "attributes", "unpack"])


def told(path):
    return rf"{path.name}: .*(delete this file and run again|run the study again)"


def test_a_store_error_is_told():
    assert issubclass(StoreError, ImprintError)


@READ
def test_a_missing_file(reader, tmp_path):
    path = tmp_path / "slabs-0123456789.zarr.zip"
    with pytest.raises(StoreError, match=rf"{path.name}: no such store; run the study again to make it"):
        reader(path)


@READ
def test_half_a_file(reader, file):
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])
    with pytest.raises(StoreError, match=told(file)):
        reader(file)


@pytest.mark.parametrize("kept", [0, 10, -1, -30])
@pytest.mark.parametrize("reader", READERS[:2], ids=["read", "read_tree"])
def test_a_truncated_file(reader, kept, file):
    file.write_bytes(file.read_bytes()[:kept])
    with pytest.raises(StoreError, match=told(file)):
        reader(file)


@READ
def test_a_file_that_is_no_zip(reader, file):
    file.write_text("<html>not found</html>")
    with pytest.raises(StoreError, match=told(file)):
        reader(file)


@READ
def test_a_zip_that_is_no_store(reader, file):
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(StoreError, match=r"damaged or not a store .no zarr\.json.; delete this file and run again"):
        reader(file)


@pytest.mark.parametrize("reader", READERS[:2], ids=["read", "read_tree"])
def test_a_store_that_imprint_did_not_write(reader, file):
    def foreign(entries):
        meta = json.loads(entries["zarr.json"])
        del meta["attributes"][store.DIGESTS]
        entries["zarr.json"] = json.dumps(meta).encode()

    rezip(file, foreign)
    with pytest.raises(StoreError, match=rf"{file.name}.*: not written by imprint \(no array_digests\); delete"):
        reader(file)


@pytest.mark.parametrize("variable", ["loss", "seed", "role", "snapshot"])
def test_a_chunk_that_is_gone(file, variable):
    def drop(entries):
        for name in [name for name in entries if name.startswith(f"{variable}/c")]:
            del entries[name]

    rezip(file, drop)
    with pytest.raises(StoreError, match=r"arrays differ from their digests; delete this file and run again"):
        store.read(file)


def test_a_chunk_of_another_unit(file, tmp_path):
    other = example()
    other["loss"] = other["loss"] + 1.0
    other["loss"].attrs = ABOUT
    store.write(other, tmp_path / "other.zarr.zip")
    with zipfile.ZipFile(tmp_path / "other.zarr.zip") as archive:
        foreign = {name: archive.read(name) for name in archive.namelist() if name.startswith("loss/c")}
    assert foreign
    rezip(file, lambda entries: entries.update(foreign))
    with pytest.raises(StoreError, match=rf"{file.name}: arrays differ from their digests"):
        store.read(file)


def test_a_group_of_another_atlas(atlas, tmp_path):
    other = labelled(tree())
    other["/b/p"]["loss"] = other["/b/p"]["loss"] * 2.0
    store.write_tree(labelled(other), tmp_path / "other.zarr.zip")
    with zipfile.ZipFile(tmp_path / "other.zarr.zip") as archive:
        foreign = {name: archive.read(name) for name in archive.namelist() if name.startswith("b/p/loss/c")}
    assert foreign
    rezip(atlas, lambda entries: entries.update(foreign))
    with pytest.raises(StoreError, match=rf"{atlas.name}/b/p: arrays differ from their digests; delete this file"):
        store.read_tree(atlas)


def flips(content, every):
    """Yield copies with one byte changed, near the start and the end and at every n-th place between."""
    size = len(content)
    for place in sorted({*range(0, 60), *range(0, size, every), *range(size - 150, size)}):
        yield place, content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :]


def test_a_flipped_byte(tmp_path):
    # each is refused by name, or lies where nothing is stored (dates, permissions) and the contents are as before
    data = xr.Dataset({"x": ("seed", np.array([0.1, 0.2]), ABOUT)}, {"seed": [0, 1]})
    path = tmp_path / "unit.zarr.zip"
    store.write(data, path)
    refused = 0
    for place, content in flips(path.read_bytes(), every=23):
        path.write_bytes(content)
        try:
            back = store.read(path)
        except StoreError as error:
            assert path.name in str(error)
            refused += 1
        except Exception as error:
            raise AssertionError(f"byte {place}: {type(error).__name__} instead of StoreError") from error
        else:
            assert back.drop_attrs().identical(data.drop_attrs()), f"byte {place} went unnoticed"
    assert refused > 100


# ------------------------------------------------------------- for other people


def test_xarray_opens_a_unit(file):
    with xr.open_zarr(f"zip::{file}", consolidated=False) as opened:
        xr.testing.assert_equal(
            opened.load().drop_vars(["layer", "kind", "name"]), example().drop_vars(["layer", "kind", "name"])
        )
        assert json.loads(opened.attrs["spec"]) == {"a": 0.1, "b": [1, 2]}


def test_attributes_need_no_arrays(file):
    assert store.attributes(file)["stage"] == "data"
    assert json.loads(store.attributes(file)["spec"]) == {"a": 0.1, "b": [1, 2]}


def test_an_unpacked_atlas_is_an_ordinary_store(atlas, tmp_path):
    store.unpack(atlas, tmp_path / "atlas.zarr")
    with xr.open_datatree(tmp_path / "atlas.zarr", engine="zarr", consolidated=True) as opened:
        loss = opened["/toy/performance"]["loss"]
        assert float(loss.sel(snapshot="final", setting=1, seed=3)) == 3.0
        assert loss.sel(snapshot="init").sizes == {"setting": 2, "seed": 2}
        for node in labelled(tree()).subtree:
            xr.testing.assert_equal(opened[node.path].to_dataset(inherit=False).load(), node.to_dataset(inherit=False))


def test_unpacking_replaces_what_is_there(atlas, tmp_path):
    folder = tmp_path / "atlas.zarr"
    (folder / "toy" / "gone").mkdir(parents=True)
    (folder / "toy" / "gone" / "zarr.json").write_text('{"zarr_format": 3, "node_type": "group", "attributes": {}}')
    store.unpack(atlas, folder)
    with xr.open_datatree(folder, engine="zarr") as opened:
        assert set(opened["/toy"].children) == {"performance", "training"}


def test_variables_keep_their_order(tmp_path):
    """Zarr lists a group in no fixed order; sums over all parameters would differ in the last bit from run to run."""
    names = [f"weight.{name}" for name in "qwertyuiopasdfghjklzxcvbnm"]
    data = xr.Dataset({name: ("x", np.arange(2.0), {"long_name": name, "units": "1"}) for name in names})
    store.write(data, tmp_path / "order.zarr.zip")
    assert list(store.read(tmp_path / "order.zarr.zip").data_vars) == names
    store.write_tree(xr.DataTree.from_dict({"/group": data}), tmp_path / "tree.zarr.zip")
    assert list(store.read_tree(tmp_path / "tree.zarr.zip")["group"].data_vars) == names


@pytest.mark.parametrize("value", [np.nan, -np.nan, 0.0, -0.0])
def test_arrays_of_one_value_come_back_bit_for_bit(tmp_path, value):
    """Chunks that look like their fill value; the NaN of 0 / 0 has its sign bit set."""
    data = xr.Dataset({"x": ("place", np.full(5, value), {"long_name": "x", "units": "1"})})
    store.write(data, tmp_path / "one.zarr.zip")
    assert store.read(tmp_path / "one.zarr.zip")["x"].values.tobytes() == data["x"].values.tobytes()

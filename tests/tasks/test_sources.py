"""Real data: read as written, verified, refused by name, downloaded from the first mirror that is right."""

import gzip
import hashlib
import http.server
import os
import struct
import threading

import numpy as np
import pytest

from imprint.tasks import sources

TRAIN_LABELS = "train-labels-idx1-ubyte.gz"
SPLITS = {
    "x_train": "train-images-idx3-ubyte.gz",
    "y_train": TRAIN_LABELS,
    "x_test": "t10k-images-idx3-ubyte.gz",
    "y_test": "t10k-labels-idx1-ubyte.gz",
}
# as published by LeCun et al.; counted from the original files
MNIST_TRAIN = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
MNIST_TEST = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


@pytest.fixture
def served(tmp_path_factory):
    """A directory, and its address on a web server of this machine."""
    root = tmp_path_factory.mktemp("served")

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args):
            super().__init__(*args, directory=str(root))

        def log_message(self, *args):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield root, f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


def test_digits_are_those_of_scikit_learn():
    digits = sources.load("digits")
    assert digits["x_train"].shape == (1797, 8, 8)
    assert digits["x_train"].dtype == np.uint8
    assert digits["x_train"].max() == 16
    assert np.bincount(digits["y_train"]).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert len(digits["x_test"]) == len(digits["y_test"]) == 0


def test_changed_digits_are_refused(monkeypatch):
    monkeypatch.setitem(sources.CHECKSUMS, "digits", {"pixels and labels": "0" * 64})
    with pytest.raises(ValueError, match=r"load_digits has changed: sha256 87ff0c9e\w+, expected 0{64}"):
        sources.load("digits")


def test_idx_files_are_read_as_written(tiny):
    _, arrays = tiny
    loaded = sources.load("mnist")
    for name, file in SPLITS.items():
        assert loaded[name].dtype == np.uint8
        np.testing.assert_array_equal(loaded[name], arrays[file])


def test_unknown_data_names_the_nearest():
    with pytest.raises(ValueError, match="data='fashion-mnist' .* did you mean 'fashion_mnist'"):
        sources.load("fashion-mnist")
    with pytest.raises(ValueError, match="known are cifar10, cifar10_jpeg, digits, fashion_mnist, mnist"):
        sources.load("cifar100")


def test_checksum_is_stable_and_of_the_content(monkeypatch):
    lines = "".join(f"{file} {digest}\n" for file, digest in sorted(sources.CHECKSUMS["mnist"].items()))
    assert sources.checksum("mnist") == hashlib.sha256(lines.encode()).hexdigest()
    assert len({sources.checksum(name) for name in sources.TITLES}) == len(sources.TITLES)
    before = sources.checksum("mnist")
    monkeypatch.setitem(sources.CHECKSUMS, "mnist", sources.CHECKSUMS["mnist"] | {TRAIN_LABELS: "0" * 64})
    assert sources.checksum("mnist") != before


def test_corrupt_file_is_refused_by_path_and_checksums(tiny):
    folder, _ = tiny
    path = folder / TRAIN_LABELS
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match="is corrupt.*delete it") as caught:
        sources.load("mnist")
    found = hashlib.sha256(content).hexdigest()
    for part in (str(path), found, sources.CHECKSUMS["mnist"][TRAIN_LABELS]):
        assert part in str(caught.value)
    assert path.read_bytes() == content


def test_missing_directory_is_named(tiny, monkeypatch):
    monkeypatch.setenv("IMPRINT_DATA", str(tiny[0] / "nowhere"))
    with pytest.raises(FileNotFoundError, match="IMPRINT_DATA=.*nowhere is not a directory"):
        sources.load("mnist")


def test_read_only_directory_names_all_missing_files_and_tries_no_mirror(tiny, monkeypatch):
    folder, _ = tiny
    (folder / TRAIN_LABELS).unlink()
    (folder / SPLITS["x_test"]).unlink()
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root can write everywhere
    with pytest.raises(FileNotFoundError, match="cannot be written.*unset IMPRINT_DATA") as caught:
        sources.load("mnist")
    for part in (str(folder), TRAIN_LABELS, SPLITS["x_test"]):
        assert part in str(caught.value)
    assert SPLITS["x_train"] not in str(caught.value)
    assert "127.0.0.1" not in str(caught.value)


def test_no_mirror_lists_each_with_its_error(tiny):
    folder, _ = tiny
    (folder / TRAIN_LABELS).unlink()
    with pytest.raises(ConnectionError, match=f"no mirror gave mnist/{TRAIN_LABELS}") as caught:
        sources.load("mnist")
    for mirror in sources.MIRRORS["mnist"]:
        assert f"{mirror}{TRAIN_LABELS}: ConnectionError" in str(caught.value)
    assert f"put the original files of mnist into {folder}" in str(caught.value)
    assert sorted(os.listdir(folder)) == sorted(set(SPLITS.values()) - {TRAIN_LABELS})


def test_next_mirror_replaces_one_that_is_wrong(tiny, served, monkeypatch):
    folder, arrays = tiny
    root, address = served
    for place, content in (("wrong", b"other"), ("right", (folder / TRAIN_LABELS).read_bytes())):
        (root / place).mkdir()
        (root / place / TRAIN_LABELS).write_bytes(content)
    (folder / TRAIN_LABELS).unlink()
    monkeypatch.setitem(sources.MIRRORS, "mnist", [f"{address}absent/", f"{address}wrong/", f"{address}right/"])
    np.testing.assert_array_equal(sources.load("mnist")["y_train"], arrays[TRAIN_LABELS])
    assert sorted(os.listdir(folder)) == sorted(SPLITS.values())


def test_wrong_download_is_not_kept(tiny, served, monkeypatch):
    folder, _ = tiny
    root, address = served
    (root / TRAIN_LABELS).write_bytes(b"other")
    (folder / TRAIN_LABELS).unlink()
    monkeypatch.setitem(sources.MIRRORS, "mnist", [address])
    with pytest.raises(ConnectionError, match="does not match the known hash"):
        sources.load("mnist")
    assert TRAIN_LABELS not in os.listdir(folder)


def test_without_imprint_data_the_cache_is_used(tiny, monkeypatch):
    monkeypatch.delenv("IMPRINT_DATA")
    monkeypatch.setattr(sources.pooch, "os_cache", lambda project: tiny[0].parent)
    assert sources.load("mnist")["y_train"].shape == (50,)


def test_a_cache_that_is_not_there_is_made_and_filled(tiny, served, tmp_path_factory, monkeypatch):
    folder, arrays = tiny
    root, address = served
    for file in SPLITS.values():
        (root / file).write_bytes((folder / file).read_bytes())
    cache = tmp_path_factory.mktemp("home") / "cache" / "imprint"
    monkeypatch.delenv("IMPRINT_DATA")
    monkeypatch.setattr(sources.pooch, "os_cache", lambda project: cache)
    monkeypatch.setitem(sources.MIRRORS, "mnist", [address])
    np.testing.assert_array_equal(sources.load("mnist")["x_test"], arrays[SPLITS["x_test"]])
    assert sorted(os.listdir(cache / "mnist")) == sorted(SPLITS.values())


def rewrite(tiny, monkeypatch, content):
    content = gzip.compress(content, mtime=0)
    (tiny[0] / TRAIN_LABELS).write_bytes(content)
    digests = sources.CHECKSUMS["mnist"] | {TRAIN_LABELS: hashlib.sha256(content).hexdigest()}
    monkeypatch.setitem(sources.CHECKSUMS, "mnist", digests)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (struct.pack(">BBBBi", 0, 0, 9, 1, 3) + bytes(3), "magic 00 00 09 01, expected 00 00 08 01"),
        (struct.pack(">BBBB", 0, 0, 8, 1) + bytes(2), "header of 6 bytes, expected at least 8"),
        (struct.pack(">BBBBi", 0, 0, 8, 1, 5) + bytes(3), r"3 bytes of data, expected 5 for \(5,\)"),
        (struct.pack(">BBBBi", 0, 0, 8, 1, 3) + bytes(3), "50 train images but 3 labels"),
    ],
)
def test_malformed_idx_is_refused(tiny, monkeypatch, content, message):
    rewrite(tiny, monkeypatch, content)
    with pytest.raises(ValueError, match=message) as caught:
        sources.load("mnist")
    assert str(tiny[0]) in str(caught.value)


def test_images_of_another_size_are_refused(tmp_path):
    path = tmp_path / "images.gz"
    path.write_bytes(gzip.compress(struct.pack(">BBBBiii", 0, 0, 8, 3, 1, 2, 2) + bytes(4)))
    with pytest.raises(ValueError, match=r"images.gz: sizes \(1, 2, 2\), expected \('images', 28, 28\)"):
        sources._idx(path, ("images", 28, 28))


@pytest.mark.parametrize("name", ["cifar10", "cifar10_jpeg"])
def test_colours_are_read_as_written(tiny_cifar, name):
    places, arrays = tiny_cifar
    path, content = places[name]
    path.write_bytes(content)
    loaded = sources.load(name)
    assert set(loaded) == set(SPLITS)
    for split, values in arrays[name].items():
        assert loaded[split].dtype == np.uint8
        np.testing.assert_array_equal(loaded[split], values)


def test_a_copy_is_taken_only_where_it_alone_is_there(tiny_cifar):
    places = tiny_cifar[0]
    assert sources.at_hand("cifar10") == "cifar10"
    path, content = places["cifar10_jpeg"]
    path.write_bytes(content)
    assert sources.at_hand("cifar10") == "cifar10_jpeg"
    path, content = places["cifar10"]
    path.write_bytes(content)
    assert sources.at_hand("cifar10") == "cifar10"
    assert sources.at_hand("mnist") == "mnist"
    assert sources.at_hand("digits") == "digits"


def test_a_changed_copy_is_refused(tiny_cifar):
    path, content = tiny_cifar[0]["cifar10_jpeg"]
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(ValueError, match=f"{path.name} is corrupt"):
        sources.load(sources.at_hand("cifar10"))


def test_the_original_is_asked_for_where_nothing_is_there(tiny_cifar):
    with pytest.raises(ConnectionError, match="no mirror gave cifar10/cifar-10-binary.tar.gz"):
        sources.load(sources.at_hand("cifar10"))


@pytest.mark.mnist
def test_mnist_is_the_published_one():
    mnist = sources.load("mnist")
    assert mnist["x_train"].shape == (60000, 28, 28)
    assert mnist["x_test"].shape == (10000, 28, 28)
    assert np.bincount(mnist["y_train"]).tolist() == MNIST_TRAIN
    assert np.bincount(mnist["y_test"]).tolist() == MNIST_TEST
    # published to four digits: 0.1307 and 0.3081 of the white level
    assert mnist["x_train"].mean() / 255 == pytest.approx(0.1307, abs=5e-5)
    assert mnist["x_train"].std() / 255 == pytest.approx(0.3081, abs=5e-5)


@pytest.mark.mnist
def test_fashion_mnist_is_the_published_one():
    fashion = sources.load("fashion_mnist")
    assert np.bincount(fashion["y_train"]).tolist() == [6000] * 10
    assert np.bincount(fashion["y_test"]).tolist() == [1000] * 10
    # published to four digits: 0.2860 and 0.3530 of the white level
    assert fashion["x_train"].mean() / 255 == pytest.approx(0.2860, abs=5e-5)
    assert fashion["x_train"].std() / 255 == pytest.approx(0.3530, abs=5e-5)


@pytest.mark.mnist
def test_the_copy_of_cifar_has_two_classes_and_says_that_it_is_a_copy():
    if sources.at_hand("cifar10") == "cifar10":
        pytest.skip("the original is there, or neither")
    copy = sources.load("cifar10_jpeg")
    assert copy["x_train"].shape == (10000, 32, 32, 3)
    assert np.bincount(copy["y_train"]).tolist() == [0, 5000, 0, 0, 0, 0, 0, 0, 0, 5000]
    assert np.bincount(copy["y_test"]).tolist() == [0, 1000, 0, 0, 0, 0, 0, 0, 0, 1000]
    assert "JPEG copy" in sources.TITLES["cifar10_jpeg"]

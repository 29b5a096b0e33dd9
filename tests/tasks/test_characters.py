"""Characters: windows of the text as it is, parts that do not touch, contexts that occur once."""

import hashlib

import numpy as np
import pytest

from imprint.tasks import characters, sonnet, sources

SPLITS = ("train", "validation", "test")
SMALL = {"data": "sonnet", "context": 8, "train": 200, "validation": 40, "test": 40}


@pytest.fixture
def played(tmp_path, monkeypatch):
    """A short "Tiny Shakespeare" in IMPRINT_DATA, and no mirror answers."""
    text = b"to be, or not to be, that is the question: " * 4 + bytes(range(65, 91)) * 3
    (tmp_path / "tinyshakespeare").mkdir()
    (tmp_path / "tinyshakespeare" / "input.txt").write_bytes(text)
    monkeypatch.setitem(sources.CHECKSUMS, "tinyshakespeare", {"input.txt": hashlib.sha256(text).hexdigest()})
    monkeypatch.setitem(sources.MIRRORS, "tinyshakespeare", ["http://127.0.0.1:9/"])
    monkeypatch.setenv("IMPRINT_DATA", str(tmp_path))
    return tmp_path / "tinyshakespeare" / "input.txt", text


@pytest.mark.parametrize("context", [3, 8, 20])
def test_examples_are_windows_of_the_text(context):
    sizes = {"train": 150, "validation": 15, "test": 10}
    data = characters.build(data="sonnet", context=context, **sizes)
    alphabet = np.array(list(data.attrs["alphabet"]))
    for split in SPLITS:
        x, y, index = (data[f"{column}_{split}"].values for column in ("x", "y", "index"))
        assert x.shape == (sizes[split], context)
        for row, target, place in zip(x, y, index, strict=True):
            assert "".join(alphabet[row.astype(int)]) == sonnet.TEXT[place - context : place]
            assert alphabet[target] == sonnet.TEXT[place]


def test_parts_of_the_text_do_not_touch():
    data = characters.build(**SMALL)
    length = len(sonnet.TEXT)
    ends = {"train": (0, 0.8), "validation": (0.8, 0.9), "test": (0.9, 1)}
    for split, (low, high) in ends.items():
        index = data[f"index_{split}"]
        assert index.min() - 8 >= round(low * length) and index.max() < round(high * length)


def test_a_context_is_taken_where_it_occurs_first():
    codes = np.array([0, 1, 0, 1, 2, 0, 1, 2], np.uint8)
    # 01 10 01 12 20 01 12
    assert characters._first_occurrences(codes, 2).tolist() == [0, 1, 3, 4]


def test_a_larger_split_adds_to_a_smaller_one():
    small, large = characters.build(**SMALL), characters.build(**SMALL | {"train": 300})
    assert set(small["index_train"].values) < set(large["index_train"].values)
    np.testing.assert_array_equal(small["x_test"], large["x_test"])


def test_another_split_seed_draws_others():
    one, other = characters.build(**SMALL), characters.build(**SMALL, split_seed=1)
    assert not np.array_equal(one["index_train"], other["index_train"])


def test_classes_are_the_characters_of_the_whole_text():
    data = characters.build(**SMALL)
    assert data.attrs["classes"] == len(set(sonnet.TEXT)) and data.attrs["inputs"] == 8
    assert data.attrs["alphabet"] == "".join(sorted(set(sonnet.TEXT)))
    assert data["x_train"].dtype == np.float32 and (data["x_train"] % 1 == 0).all()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"context": 0}, r"context=0: choose between 1 and 620"),
        ({"context": 621}, r"context=621: choose between 1 and 620"),
        ({"test": 0}, "test=0: choose between 1 and"),
        ({"train": 10000}, "train=10000: choose between 1 and 4.., the different contexts of that part"),
        ({"data": "tinyshakespear"}, "known are sonnet, tinyshakespeare; did you mean 'tinyshakespeare'"),
        ({"data": "digits"}, "data='digits' is not known; known are sonnet, tinyshakespeare"),
    ],
)
def test_what_the_text_does_not_have_is_refused(options, words):
    with pytest.raises(ValueError, match=words):
        characters.build(**SMALL | options)


def test_a_text_is_no_set_of_images():
    with pytest.raises(ValueError, match="data='sonnet' is not known; known are .*digits, fashion_mnist, mnist"):
        sources.load("sonnet")


def test_the_sonnet_is_the_one_of_the_checksum():
    (expected,) = sources.CHECKSUMS["sonnet"].values()
    assert hashlib.sha256(sources.text("sonnet")).hexdigest() == expected


def test_a_text_in_the_data_directory_is_read_and_verified(played):
    path, text = played
    assert sources.text("tinyshakespeare") == text
    path.write_bytes(text[:-1])
    with pytest.raises(ValueError, match="input.txt is corrupt"):
        sources.text("tinyshakespeare")
    path.unlink()
    with pytest.raises(ConnectionError, match="no mirror gave tinyshakespeare/input.txt"):
        sources.text("tinyshakespeare")


@pytest.mark.mnist
def test_tiny_shakespeare_is_the_published_one():
    text = sources.text("tinyshakespeare")
    assert len(text) == 1115394 and text.count(b"\n") == 40000 and len(set(text)) == 65
    assert text.startswith(b"First Citizen:\nBefore we proceed any further, hear me speak.")


@pytest.mark.mnist
def test_contexts_that_remain():
    """The shares that the docstring gives."""
    codes = np.unique(np.frombuffer(sources.text("tinyshakespeare"), np.uint8), return_inverse=True)[1].astype(np.uint8)
    share = len(characters._first_occurrences(codes, 16)) / (len(codes) - 15)
    assert share == pytest.approx(0.97, abs=0.005)

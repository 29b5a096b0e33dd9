"""Seals: a file that was cut, changed, replaced or removed is refused by name, and so is a damaged seal."""

import re

import pytest

from imprint import seal
from imprint.seal import SealError


@pytest.fixture
def sealed(tmp_path):
    """A seal of a table beside it and of a page elsewhere."""
    folder = tmp_path / "store"
    table, page, place = folder / "a-0123456789.csv", tmp_path / "study" / "page.html", folder / "a-0123456789.seal"
    for file in (table, page):
        file.parent.mkdir()
        file.write_bytes(b"row 1\nrow 2\n")
    place.write_text(seal.text({"files": seal.listed([table, page], folder)}))
    return place, table, page


def test_files_that_are_what_was_written(sealed):
    seal.check(sealed[0])


@pytest.mark.parametrize("content", [b"row 1\n", b"row 1\nrow 3\n", b"", b"row 1\nrow 2\n\n"])
@pytest.mark.parametrize("which", [1, 2])
def test_a_file_that_was_changed(sealed, which, content):
    sealed[which].write_bytes(content)
    told = re.escape(
        f"{sealed[which]}: damaged or edited, it is not what was written; delete {sealed[0]} and run again"
    )
    with pytest.raises(SealError, match=told):
        seal.check(sealed[0])


def test_a_file_that_is_gone(sealed):
    sealed[2].unlink()
    with pytest.raises(
        SealError, match=re.escape(f"{sealed[2]}: no such file, and it was written; delete {sealed[0]}")
    ):
        seal.check(sealed[0])


@pytest.mark.slow
def test_every_cut_and_every_flipped_bit_of_a_seal_is_refused(sealed):
    place, _, _ = sealed
    whole = place.read_bytes()
    for size in range(len(whole)):
        place.write_bytes(whole[:size])
        with pytest.raises(SealError, match="damaged"):
            seal.check(place)
    for bit in range(8 * len(whole)):
        flipped = bytearray(whole)
        flipped[bit // 8] ^= 1 << bit % 8
        if flipped.split() == whole.split():
            continue  # space for space says the same
        place.write_bytes(flipped)
        with pytest.raises(SealError, match="damaged"):
            seal.check(place)


def test_a_seal_that_is_gone(tmp_path):
    with pytest.raises(SealError, match=r"x\.seal: no such file; run the study again to make it"):
        seal.check(tmp_path / "x.seal")


def test_the_results_may_be_moved(sealed, tmp_path):
    (tmp_path / "moved").mkdir()
    for name in ("store", "study"):
        (tmp_path / name).rename(tmp_path / "moved" / name)
    seal.check(tmp_path / "moved/store/a-0123456789.seal")

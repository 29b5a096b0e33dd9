"""Stages of products seal what they write, and refuse what is not as its seal says."""

import json

import pytest

from imprint import code_version
from imprint.plan import LIBRARIES
from imprint.seal import SealError
from imprint.stages.product import finish, job

CODE = {"modules": [], "files": [], **code_version.version(("imprint.stages.report",), LIBRARIES["report"])}


def parsed(out, *inputs):
    words = [word for path in inputs for word in ("--input", f"claims={path}")]
    return job("report", ["--spec", json.dumps({"code": CODE}), "--out", str(out), *words])


@pytest.fixture
def figure(tmp_path):
    """A figure as its stage leaves it: a picture, its rows, their seal."""
    picture, rows = tmp_path / "a-0123456789.svg", tmp_path / "a-0123456789.csv"
    picture.write_text("<svg/>")
    rows.write_text("x,y\n1,2\n")
    finish(parsed(picture), rows)
    return picture


def test_what_is_sealed_is_read(figure, tmp_path):
    assert parsed(tmp_path / "page.html", figure).inputs == {"claims": [figure]}


@pytest.mark.parametrize("suffix", [".svg", ".csv"])
def test_what_was_cut_is_refused_and_so_is_what_lies_beside_it(figure, tmp_path, suffix):
    figure.with_suffix(suffix).write_bytes(figure.with_suffix(suffix).read_bytes()[:-1])
    with pytest.raises(
        SealError, match=rf"a-0123456789\{suffix}: damaged .* delete .*a-0123456789\.seal and run again"
    ):
        parsed(tmp_path / "page.html", figure)


def test_what_was_never_sealed_is_refused(tmp_path):
    (tmp_path / "claims.csv").touch()
    with pytest.raises(SealError, match=r"claims\.seal: no such file; run the study again to make it"):
        parsed(tmp_path / "page.html", tmp_path / "claims.csv")


def test_a_store_has_digests_of_its_own(tmp_path):
    parsed(tmp_path / "page.html", tmp_path / "atlas.zarr.zip")

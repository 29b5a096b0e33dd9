"""The csv reads back exactly, is the same byte for byte, and refuses what is no table of claims."""

import numpy as np
import pandas as pd
import pytest

from imprint.claims import table

ROW = {
    "experiment": "toy",
    "claim": "c",
    "kind": "claim",
    "says": 'Muon, "orthogonal",\nkeeps more.',
    "recipes": "muon - adam",
    "measure": "a.x",
    "where": "",
    "mode": "steps/best/final",
    "expect": "within [0.4, 0.6]",
    "verdict": "supported",
    "beyond": True,
    "estimate": 0.1 + 0.2,
    "low": -np.inf,
    "high": 5e-324,
    "margin": np.nan,
    "p": 2 / 256,
    "p_adjusted": 1 / 3,
    "p_holm": np.nan,
    "n": 8,
    "pairs_declared": 10,
    "family": 3,
    "sd": 0.0,
    "effect": np.inf,
    "bca_low": np.nan,
    "bca_high": np.nan,
    "unit": "1",
    "flags": "ties: 4 of 8; diverged: 2 as worst",
    "source": "nan",
}


def test_round_trip_is_exact(tmp_path):
    frame = table.frame([ROW, ROW | {"says": "NA", "beyond": False, "n": 0}])
    table.write(frame, tmp_path / "claims.csv")
    back = table.read(tmp_path / "claims.csv")
    pd.testing.assert_frame_equal(frame, back, check_exact=True)
    assert back["beyond"].tolist() == [True, False]
    assert back["says"].tolist() == [ROW["says"], "NA"]
    table.write(back, tmp_path / "again.csv")
    assert (tmp_path / "claims.csv").read_bytes() == (tmp_path / "again.csv").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["again.csv", "claims.csv"]


def test_column_order_is_fixed(tmp_path):
    frame = table.frame([ROW])
    table.write(frame[frame.columns[::-1]], tmp_path / "claims.csv")
    header = (tmp_path / "claims.csv").read_text().splitlines()[0]
    assert header.split(",") == list(table.COLUMNS)


def test_an_empty_table_keeps_its_columns(tmp_path):
    table.write(table.frame([]), tmp_path / "claims.csv")
    back = table.read(tmp_path / "claims.csv")
    pd.testing.assert_frame_equal(back, table.frame([]))


def test_refuses_other_columns(tmp_path):
    frame = table.frame([ROW]).rename(columns={"p": "pvalue"})
    with pytest.raises(
        ValueError, match=r"claims.csv: no table of claims: columns \['p'\] missing, \['pvalue'\] unknown"
    ):
        table.write(frame, tmp_path / "claims.csv")
    frame.to_csv(tmp_path / "other.csv", index=False)
    with pytest.raises(ValueError, match=r"other.csv: no table of claims: columns \['p'\] missing"):
        table.read(tmp_path / "other.csv")


def test_an_older_table_lacks_what_was_added_since(tmp_path):
    old = [name for name in table.COLUMNS if name not in table.UNKNOWN]
    table.frame([ROW, ROW]).to_csv(tmp_path / "claims.csv", index=False, columns=old)
    back = table.read(tmp_path / "claims.csv")
    pd.testing.assert_frame_equal(back, table.frame([ROW, ROW]), check_exact=True)
    assert back["post_hoc"].tolist() == [False, False] and back["commit"].tolist() == ["", ""]

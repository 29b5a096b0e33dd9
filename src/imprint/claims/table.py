"""The table of verdicts: one row per claim, recipe and comparison mode, kept as csv."""

import os
from pathlib import Path

import numpy as np
import pandas as pd

from imprint.store import replacing

COLUMNS = {
    "experiment": str,
    "claim": str,
    "kind": str,
    "says": str,
    "recipes": str,
    "measure": str,
    "where": str,
    "mode": str,
    "expect": str,
    "verdict": str,
    "beyond": bool,
    "estimate": float,
    "low": float,
    "high": float,
    "margin": float,
    "p": float,
    "p_adjusted": float,
    "p_holm": float,
    "n": int,
    "pairs_declared": int,
    "family": int,
    "sd": float,
    "effect": float,
    "bca_low": float,
    "bca_high": float,
    "p_smallest": float,
    "detectable": float,
    "n_needed": float,
    "sd_from": str,
    "sd_df": float,
    "unit": str,
    "flags": str,
    "source": str,
    "hash": str,
    "post_hoc": bool,
    "commit": str,
}
"""Columns in their order, with their types."""

UNKNOWN = {
    "p_smallest": np.nan,
    "detectable": np.nan,
    "n_needed": np.nan,
    "sd_from": "",
    "sd_df": np.nan,
    "hash": "",
    "post_hoc": False,
    "commit": "",
}
"""Columns that a row or an older table may lack, with what then stands for them."""


def frame(rows: list[dict]) -> pd.DataFrame:
    """Rows as a table with the columns and types of `COLUMNS`; what a row lacks is `UNKNOWN`."""
    return pd.DataFrame([{**UNKNOWN, **row} for row in rows], columns=list(COLUMNS)).astype(COLUMNS)


def write(table: pd.DataFrame, path: str | os.PathLike) -> None:
    """Write the table as csv: columns in order, floats in the fewest digits that read back exactly.

    Raises:
        ValueError: If the columns are not those of `COLUMNS`.
    """
    path = Path(path)
    _check(list(table.columns), path)
    with replacing(path) as scratch:
        table.to_csv(scratch, index=False, lineterminator="\n", columns=list(COLUMNS))


def read(path: str | os.PathLike) -> pd.DataFrame:
    """Read what `write` wrote, equal in value and type; columns that an older table lacks are `UNKNOWN`.

    Raises:
        ValueError: If the file's columns are not those of `COLUMNS`.
    """
    text = pd.read_csv(path, dtype=str, keep_default_na=False)
    lacking = {name: value for name, value in UNKNOWN.items() if name not in text}
    _check([*text.columns, *lacking], Path(path))
    held = {name: text[name].map(_READ[kind]) for name, kind in COLUMNS.items() if name not in lacking}
    return pd.DataFrame(held, index=text.index).assign(**lacking)[list(COLUMNS)].astype(COLUMNS)


_READ = {str: str, int: int, bool: "True".__eq__, float: lambda cell: float(cell) if cell else np.nan}


def _check(found: list[str], path: Path) -> None:
    missing = [name for name in COLUMNS if name not in found]
    unknown = [name for name in found if name not in COLUMNS]
    if missing or unknown:
        raise ValueError(f"{path}: no table of claims: columns {missing} missing, {unknown} unknown; make it again")

"""Two trees of results, side by side: verdicts, estimates, and which arrays are equal bit for bit."""

import csv
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from imprint import store
from imprint.claims import table
from imprint.earlier import LABELS
from imprint.errors import ImprintError

KEYS = ["experiment", "claim", "recipes", "measure", "where", "mode"]
ESTIMATES = ("estimate", "low", "high")
INDEX = "index.csv"


@dataclass(frozen=True)
class Tolerance:
    """How far two values may lie apart: ``absolute`` plus ``relative`` times the larger of their sizes."""

    relative: float
    absolute: float

    def holds(self, one: float, other: float) -> bool:
        """Return whether two values are within it; a value that is none, or infinite, is within it of itself only."""
        if not (np.isfinite(one) and np.isfinite(other)):
            return np.array_equal(one, other, equal_nan=True)
        return abs(one - other) <= self.absolute + self.relative * max(abs(one), abs(other))


@dataclass
class Judged:
    """Rows of two tables of verdicts.

    Attributes:
        rows: number of those in both.
        verdicts: what each row whose verdict differs says, in words.
        estimates: what each row with an estimate or bound beyond the tolerance says, in words.
        alone: rows of one table only, in words.
    """

    rows: int = 0
    verdicts: list[str] = field(default_factory=list)
    estimates: list[str] = field(default_factory=list)
    alone: list[str] = field(default_factory=list)


@dataclass
class Arrays:
    """Arrays of the stores of one stage.

    Attributes:
        total: number of those in both trees.
        differing: for each that is not equal bit for bit, where it is and the largest difference as a share of its
            largest value; infinite where there is none to give, as for another shape.
        alone: stores of one tree only, in words.
    """

    total: int = 0
    differing: dict[str, float] = field(default_factory=dict)
    alone: list[str] = field(default_factory=list)


def studies(folder: Path) -> dict[str, Path]:
    """Return the published studies of a results folder by name, or the one whose folder it is.

    Raises:
        ImprintError: if there is none.
    """
    if (folder / INDEX).is_file():
        return {folder.name: folder}
    found = {file.parent.name: file.parent for file in sorted(folder.glob(f"*/{INDEX}"))}
    if not found:
        raise ImprintError(f"{folder}: no published study; give a folder such as results/quick, or the results folder")
    return found


def judged(one: Path, other: Path, tolerance: Tolerance) -> Judged:
    """Compare the tables of verdicts of two published studies."""
    first, second = (_claims(folder / "claims.csv") for folder in (one, other))
    found = Judged(alone=[*_alone(first, second, one), *_alone(second, first, other)])
    for key, row in first.items():
        if key not in second:
            continue
        found.rows += 1
        match = second[key]
        if row["verdict"] != match["verdict"]:
            found.verdicts.append(f"{_said(key)}: {row['verdict']}, {match['verdict']}")
        apart = [name for name in ESTIMATES if not tolerance.holds(row[name], match[name])]
        if apart:
            told = ", ".join(f"{name} {row[name]:.6g}, {match[name]:.6g}" for name in apart)
            found.estimates.append(f"{_said(key)}: {told}")
    return found


def arrays(one: Path, other: Path) -> dict[str, Arrays]:
    """Compare the stores of two published studies by stage, each with the one of the same labels.

    Raises:
        StoreError: if a store is damaged.
    """
    first, second = _stores(one), _stores(other)
    found: dict[str, Arrays] = {}
    compared = cache(_compared)
    for labels in dict.fromkeys((*first, *second)):
        stage, name = labels[0], " ".join(filter(None, labels[1:]))
        of_stage = found.setdefault(stage, Arrays())
        lacking = [str(folder) for folder, files in ((one, first), (other, second)) if not _kept(files.get(labels))]
        if lacking:
            of_stage.alone.append(f"{name}: not in {', '.join(lacking)}")
            continue
        differences = compared(first[labels], second[labels])
        of_stage.total += len(differences)
        of_stage.differing |= {f"{name}: {array}": size for array, size in differences.items() if size is not None}
    return found


def _claims(file: Path) -> dict[tuple, pd.Series]:
    if not file.is_file():
        raise ImprintError(f"{file}: no such file; the study was not published")
    rows = [row for _, row in table.read(file).iterrows()]
    return {tuple(row[name] for name in KEYS): row for row in rows}


def _alone(rows: dict, others: dict, folder: Path) -> Iterator[str]:
    return (f"{_said(key)}: in {folder} only" for key in rows if key not in others)


def _said(key: tuple) -> str:
    return " ".join(str(part) for part in key if part)


def _stores(folder: Path) -> dict[tuple, Path]:
    """Return the stores of a published study by their labels."""
    csv.field_size_limit(sys.maxsize)
    with open(folder / INDEX, newline="", encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    return {
        tuple(row[name] for name in LABELS): folder.parent / Path(row["file"]).relative_to("results") for row in rows
    }


def _kept(file: Path | None) -> bool:
    return file is not None and file.is_file()


def _compared(one: Path, other: Path) -> dict[str, float | None]:
    """Return for each array of either store how far it differs, nothing where it is equal bit for bit."""
    first, second = store.read(one), store.read(other)
    digests = [json.loads(data.attrs[store.DIGESTS]) for data in (first, second)]
    names = sorted({*digests[0], *digests[1]})
    return {
        name: None if digests[0].get(name) == digests[1].get(name) else _difference(first, second, name)
        for name in names
    }


def _difference(one: xr.Dataset, other: xr.Dataset, name: str) -> float:
    if name not in one.variables or name not in other.variables:
        return np.inf
    first, second = one[name].values, other[name].values
    if first.shape != second.shape or first.dtype.kind not in "biuf" or second.dtype.kind not in "biuf":
        return np.inf
    first, second = first.astype(float), second.astype(float)
    finite = np.isfinite(first) & np.isfinite(second)
    if not np.array_equal(first[~finite], second[~finite], equal_nan=True):
        return np.inf
    largest = np.max(np.abs(first[finite]), initial=0.0) or 1.0
    return float(np.max(np.abs(first[finite] - second[finite]), initial=0.0) / largest)

"""The index of a study's results: what each stored result is, where it belongs, and the file that holds it."""

import json
from collections.abc import Collection
from pathlib import Path, PurePosixPath

import pandas as pd

from imprint.errors import ImprintError, nearest

NAME = "index.csv"
COLUMNS = ("digest", "stage", "experiment", "recipe", "stop", "seeds", "probe", "file", "fields")


class ResultsError(ImprintError):
    """Results that are not there, or are asked for by a name that they do not have; the message says what to do."""


def read(folder: Path) -> pd.DataFrame:
    """Return the index of a study's folder, a row per result: labels, ``path`` and ``fields``, its spec.

    ``path`` is where the file lies beside the folder, wherever the results were copied to.

    Raises:
        ResultsError: if the file is no index.

    Example:
        >>> index = read(folder)
        >>> sorted(set(index["stage"]))
        ['probe', 'search', 'select', 'train']
    """
    file = folder / NAME
    table = pd.read_csv(file, dtype=str, keep_default_na=False)
    lacking = [name for name in COLUMNS if name not in table]
    if lacking:
        raise ResultsError(f"{file}: no index of results, it lacks the columns {lacking}; run the study again")
    table["fields"] = [json.loads(fields) for fields in table["fields"]]
    table["path"] = [beside(folder, file) for file in table["file"]]
    return table


def beside(folder: Path, file: str) -> Path:
    """Return where a file of the results lies, from its place in the project.

    Example:
        >>> beside(Path("copy/quick"), "results/store/train/a.zarr.zip").as_posix()
        'copy/store/train/a.zarr.zip'
    """
    return folder.parent.joinpath(*PurePosixPath(file).parts[1:])


def check(place: object, key: str, found: object, allowed: Collection[object]) -> None:
    """Refuse a name that is not among those allowed.

    Raises:
        ResultsError: naming the place, the key, what was asked for, and the nearest that there is.

    Example:
        >>> check("digits", "recipe", "adan", ["adam", "sgd"])
        Traceback (most recent call last):
        imprint.reader.index.ResultsError: digits: there is no recipe 'adan'; did you mean 'adam'?
    """
    if found not in allowed:
        raise ResultsError(f"{place}: there is no {key} {found!r}; {nearest(found, allowed)}")

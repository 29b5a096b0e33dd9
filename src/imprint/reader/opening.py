"""``imprint.open``: from the folder of a study's results to the study."""

import os
from pathlib import Path

from imprint.errors import nearest
from imprint.reader.index import NAME, ResultsError
from imprint.reader.study import Study


def open(folder: str | os.PathLike[str]) -> Study:
    """Open the results of a finished study, to read them.

    Nothing is trained, written or fetched, and neither the project nor its files need be there. The atlas, the verdicts
    and comparisons are in the folder itself; networks are in the folder ``store`` beside it.

    Args:
        folder: ``results/<study>``, also of results that were copied elsewhere.

    Raises:
        ResultsError: if there is no study's results; the message says what to open or to run.

    Example:
        >>> import imprint
        >>> imprint.open(folder).experiments.index.tolist()
        ['digits', 'pairs.wide', 'pairs.narrow']
    """
    folder = Path(folder)
    if not (folder / NAME).is_file():
        raise ResultsError(f"{folder}: {_missing(folder)}")
    return Study(folder)


def _missing(folder: Path) -> str:
    """Say what a folder is that holds no results, and what to do."""
    inside, near = _studies(folder), _studies(folder.parent)
    if inside:
        return f"holds the results of {', '.join(inside)}; open one of them: {(folder / inside[0]).as_posix()!r}"
    if not folder.is_dir():
        return f"no such folder; {nearest(folder.name, near)}" if near else f"no such folder; {_run(folder.name)}"
    return f"no results of a study, there is no {NAME}; open results/<study>, or {_run('quick')}"


def _run(study: str) -> str:
    return f"run the study first: make study STUDY={study}"


def _studies(folder: Path) -> list[str]:
    return sorted(file.parent.name for file in folder.glob(f"*/{NAME}"))

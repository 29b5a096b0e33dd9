"""``equivalent.csv``: changes of code that are declared, with a reason, to alter no result.

A row says that for a stage (or ``all``) the code of a module, by the digest that ``imprint plan`` prints, counts as
earlier code of it. Results keep their names then, and nothing runs again; a store that is made afterwards says by
which code, and the report lists the rows in use. An empty ``then`` declares a module that the stage did not import
before, an empty ``now`` one that it imports no longer, where another row with the same reason is in use.
"""

import csv
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from imprint.cli import STAGES
from imprint.errors import StudyError, nearest

NAME = "equivalent.csv"
COLUMNS = ("stage", "module", "now", "then", "reason")
ALL = "all"


@dataclass(frozen=True)
class Row:
    """A declaration: for a stage, code ``now`` of a module gives what code ``then`` gave."""

    stage: str
    module: str
    now: str
    then: str
    reason: str

    def of(self, stage: str) -> bool:
        """Return whether it is about a stage."""
        return self.stage in (stage, ALL)

    def plain(self) -> dict[str, str]:
        """Return it as a mapping."""
        return asdict(self)


def read(file: Path) -> list[Row]:
    """Return the declarations of a file; one that is not there has none.

    Raises:
        StudyError: naming file, line, column and value of what is no declaration.
    """
    if not file.is_file():
        return []
    with open(file, newline="", encoding="utf-8") as handle:
        reader = csv.reader(handle)
        head = tuple(next(reader, ()))
        if head != COLUMNS:
            raise StudyError(f"{file}: line 1: columns {','.join(head)!r}; they are {','.join(COLUMNS)!r}")
        lines = [(reader.line_num, cells) for cells in reader if cells]
    rows: list[Row] = []
    for number, cells in lines:
        try:
            rows.append(_row(cells))
            _check_against(rows[:-1], rows[-1])
        except StudyError as error:
            raise StudyError(f"{file}: line {number}: {error}") from None
    return rows


def _row(cells: Sequence[str]) -> Row:
    if len(cells) != len(COLUMNS):
        raise StudyError(f"{len(cells)} cells; {','.join(COLUMNS)} are {len(COLUMNS)}, a reason with commas in quotes")
    row = Row(*(cell.strip() for cell in cells))
    if row.stage not in (*STAGES, ALL):
        raise StudyError(f"stage: {row.stage!r} is no stage; {nearest(row.stage, (*STAGES, ALL))}")
    if not row.module:
        raise StudyError("module: empty; give the module's import path as `imprint plan` prints it")
    for column, digest in (("now", row.now), ("then", row.then)):
        if not re.fullmatch(r"([0-9a-f]{8})?", digest):
            raise StudyError(f"{column}: {digest!r} is no digest of code; give the 8 digits that `imprint plan` prints")
    if row.now == row.then:
        raise StudyError(f"now and then: both {row.now!r}; give the digests after and before the change")
    if not row.reason:
        raise StudyError("reason: empty; say why the change cannot alter results")
    return row


def _check_against(earlier: list[Row], row: Row) -> None:
    same = [other for other in earlier if other.module == row.module and (other.of(row.stage) or row.of(other.stage))]
    if row.now and row.now in [other.now for other in same]:
        raise StudyError(
            f"now: {row.module} {row.now} is declared for stage {row.stage!r} by an earlier line; keep one"
        )
    before = {other.now: other.then for other in same if other.now}
    code = row.then
    while code in before and code != row.now:
        code = before[code]
    if code and code == row.now:
        raise StudyError(f"then: {row.module} {row.then} counts as {row.now} by earlier lines: a circle; delete one")


def counted(stage: str, sources: dict[str, str], rows: Iterable[Row]) -> tuple[dict[str, str], list[Row]]:
    """Return the code as which a stage's code counts, and the rows by which it does.

    Args:
        stage: the stage that runs it.
        sources: digest of each module's code, of `imprint.code_version.version`.
        rows: all declarations.
    """
    found, used = dict(sources), []
    pending = [row for row in rows if row.of(stage)]
    while row := next((row for row in pending if _fits(row, found, used)), None):
        pending.remove(row)
        used.append(row)
        found.pop(row.module, None)
        if row.then:
            found[row.module] = row.then
    return found, used


def _fits(row: Row, sources: dict[str, str], used: list[Row]) -> bool:
    if row.now:
        return sources.get(row.module) == row.now
    return row.module not in sources and row.reason in {other.reason for other in used}

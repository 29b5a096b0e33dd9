"""``imprint findings``: puts the pages of a finished study into ``docs/findings``, with an index of all there."""

import argparse
import shutil
from pathlib import Path

import pandas as pd

from imprint.claims import table
from imprint.errors import ImprintError
from imprint.report import board
from imprint.study import load

HEAD = """\
# Findings

One page per experiment, written by the pipeline. A verdict stays as it came out; where it differs from the published
one, the page lists what differs in the protocol. The numbers of a page are in the file of the same name, `.csv`.

| experiment | supported | contradicted | equivalent | inconclusive | untested | controls |
|---|---|---|---|---|---|---|
"""


def main(argv: list[str]) -> int:
    """Copy ``results/<study>/findings`` and write the index; exit 0.

    Raises:
        ImprintError: if the study has not been run.
    """
    parser = argparse.ArgumentParser(prog="imprint findings", description=__doc__)
    parser.add_argument("study", nargs="?", help="an entry of studies in config.yaml, or core.forgetting")
    arguments = parser.parse_args(argv)
    name = load(Path("."), arguments.study).name
    source, target = Path("results") / name / "findings", Path("docs") / "findings"
    if not source.is_dir():
        raise ImprintError(f"{source} is not there; run `imprint study {name}` first")
    target.mkdir(parents=True, exist_ok=True)
    for file in sorted(source.iterdir()):
        shutil.copyfile(file, target / file.name)
    (target / "README.md").write_text(index(target), encoding="utf-8")
    print(f"{target / 'README.md'}: {len(list(target.glob('*.csv')))} experiments")
    return 0


def index(folder: Path) -> str:
    """Return the index of the pages in a folder: how often each verdict came out, and every claim."""
    tables = {file.stem: table.read(file) for file in sorted(folder.glob("*.csv"))}
    lines = [summary(name, claims) for name, claims in tables.items()]
    parts = [HEAD + "\n".join(lines), "## Claims", "| experiment | statement | verdicts |\n|---|---|---|"]
    rows = [row for name, claims in tables.items() for row in statements(name, claims)]
    return "\n\n".join(parts) + "\n" + "\n".join(rows) + "\n"


def summary(name: str, claims: pd.DataFrame) -> str:
    """Return an experiment's row of the index."""
    counts = claims.loc[claims["kind"] == "claim", "verdict"].value_counts()
    numbers = [str(counts.get(verdict, 0)) for verdict in board.VERDICTS]
    state = board.instrument(claims)
    controls = f"{state['total'] - len(state['failed'])} of {state['total']}"
    return f"| [{name.replace('_', ' ')}]({name}.md) | {' | '.join(numbers)} | {controls} |"


def statements(name: str, claims: pd.DataFrame) -> list[str]:
    """Return a row for each claim: what it says, and its verdicts with the modes in which they came out."""
    rows = []
    literature = claims[claims["kind"] == "claim"]
    for _, own in literature.groupby("claim", sort=False):
        verdicts = own["verdict"].value_counts()
        told = ", ".join(
            f"{verdict} ({verdicts[verdict]})" if len(own) > 1 else verdict
            for verdict in board.VERDICTS
            if verdict in verdicts
        )
        told += "; post hoc" if own["post_hoc"].any() else ""
        rows.append(f"| [{name.replace('_', ' ')}]({name}.md) | {own['says'].iloc[0]} | {told} |")
    return rows

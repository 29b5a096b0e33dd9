"""Build the report of a study: the verdicts first, then one section per experiment, then provenance."""

from collections.abc import Sequence
from pathlib import Path

import jinja2
import pandas as pd
import xarray as xr

from imprint.report import board, calibration, inline, multiverse, protocol

STUDY = ("", None)  # the `experiment` of a figure that shows the whole study
MULTIVERSE = "multiverse"  # a figure of the study that has a section of its own
LAST = (
    "seeds",
    "learning_curves",
    "matching",
    "search",
    "regret",
    "sensitivity",
)  # what any experiment has comes after what is its own


def build(
    atlas: xr.DataTree,
    claims: pd.DataFrame,
    experiments: list[dict],
    figures: list[dict],
    provenance: dict,
    out: str | Path,
    calibrations: Sequence[calibration.Calibration] = (),
    universes: pd.DataFrame | None = None,
) -> None:
    """Write the report as one HTML file that fetches nothing; equal inputs give equal bytes.

    Args:
        atlas: all measurements, groups `/<experiment>/<probe>`, `/training`.
        claims: the table of verdicts, columns of `imprint.claims.table`.
        experiments: resolved specs, in the order of their sections.
        figures: name, experiment ("" for the study), title, caption, svg (path) and optionally csv (path).
        provenance: what to print at the end; `study` and `plan` are printed at the top. A mapping becomes a
            table, a list of mappings a table with their keys as columns, a list one column.
        out: the file to write.
        calibrations: what was found of the judging, one for each number of seeds.
        universes: the contrasts under the choices of other analysts, columns of `imprint.claims.multiverse`.

    Raises:
        ValueError: if a claim or a figure belongs to an experiment that is not given.
    """
    names = [experiment["name"] for experiment in experiments]
    known(claims["experiment"], names, "claims")
    known([figure["experiment"] for figure in figures if figure["experiment"] not in STUDY], names, "figures")
    literature = claims[claims["kind"] != "control"]
    whole = [figure for figure in figures if figure["experiment"] in STUDY]
    page = (
        environment()
        .get_template("template.html")
        .render(
            study=provenance.get("study", ""),
            plan=provenance.get("plan", ""),
            instrument=board.instrument(claims),
            trust=calibration.section(calibrations, experiments),
            marks=calibration.marks(calibrations),
            tally=board.tally(literature),
            tests=len(literature),
            statements=len(literature[["experiment", "claim"]].drop_duplicates()),
            posthoc=len(literature.loc[literature["post_hoc"], ["experiment", "claim"]].drop_duplicates()),
            claims=board.board(literature, experiments, "claim"),
            controls=board.board(claims, experiments, "control"),
            figures=[picture(figure) for figure in whole if figure["name"] != MULTIVERSE],
            multiverse=multiverse.section(universes),
            universes=[picture(figure) for figure in whole if figure["name"] == MULTIVERSE],
            experiments=[section(atlas, claims, experiment, figures) for experiment in experiments],
            provenance=[block(name, content) for name, content in provenance.items() if name not in ("study", "plan")],
        )
    )
    Path(out).write_text(page, encoding="utf-8")


def environment() -> jinja2.Environment:
    """Templates of this package, escaping on, an unknown name an error."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def known(found, names: list[str], what: str) -> None:
    """Raise if something belongs to an experiment that the study does not have."""
    strange = sorted(set(found) - set(names))
    if strange:
        raise ValueError(f"{what} of {', '.join(strange)}, but the study's experiments are {', '.join(names)}")


def section(atlas: xr.DataTree, claims: pd.DataFrame, experiment: dict, figures: list[dict]) -> dict:
    """What the page says of one experiment."""
    own = claims[(claims["experiment"] == experiment["name"]) & (claims["kind"] != "control")]
    return {
        "name": experiment["name"],
        "title": experiment["title"],
        "question": experiment["question"],
        "tally": board.tally(own),
        "protocol": protocol.declared(experiment),
        "training": protocol.training(atlas, experiment),
        "figures": [picture(figure) for figure in ordered(figures, experiment["name"])],
    }


def ordered(figures: list[dict], experiment: str) -> list[dict]:
    """Figures of an experiment: those of its own probes as given, then the common ones."""
    own = [figure for figure in figures if figure["experiment"] == experiment]
    return sorted(own, key=lambda figure: LAST.index(figure["name"]) if figure["name"] in LAST else -1)


def picture(figure: dict) -> dict:
    """A figure ready for the page: inline, with its downloads."""
    svg = Path(figure["svg"]).read_text(encoding="utf-8")
    key = "-".join(part for part in (figure["experiment"], figure["name"]) if part)
    files = [("SVG", f"{key}.svg", inline.data_uri(figure["svg"], "image/svg+xml"))]
    if figure.get("csv"):
        files.append(("CSV", f"{key}.csv", inline.data_uri(figure["csv"], "text/csv")))
    return {
        "key": f"figure-{key}",
        "title": figure.get("title") or figure["name"].replace("_", " "),
        "caption": figure["caption"],
        "svg": inline.inline(svg, key),
        "width": inline.width(svg),
        "files": files,
    }


def block(name: str, content: object) -> dict:
    """A part of the provenance as heading, columns and rows."""
    heading = name.replace("_", " ")
    if isinstance(content, dict):
        return {"heading": heading, "columns": [], "rows": [[key, value] for key, value in content.items()]}
    if isinstance(content, list) and content and all(isinstance(row, dict) for row in content):
        columns = list(dict.fromkeys(key for row in content for key in row))
        return {
            "heading": heading,
            "columns": columns,
            "rows": [[row.get(key, "") for key in columns] for row in content],
        }
    values = content if isinstance(content, (list, tuple)) else [content]
    return {"heading": heading, "columns": [], "rows": [[value] for value in values]}

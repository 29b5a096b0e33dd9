"""Build the report of a study: the verdicts, the atlas, one section per experiment, then controls and provenance."""

import json
import re
from collections.abc import Sequence
from pathlib import Path

import jinja2
import pandas as pd
import xarray as xr
from markupsafe import Markup

from imprint.claims import against
from imprint.figures import style
from imprint.report import board, calibration, evidence, heat, inline, multiverse, protocol
from imprint.report.axis import Axis
from imprint.report.sources import Sources, link

FOLDER = Path(__file__).parent
LIBRARIES = ("vega-6.4.0", "vega-lite-6.4.3", "alpinejs-3.17.5")
"""Scripts of others that the page carries, in the order in which they are loaded; `vendor` has their licences."""
STUDY = ("", None)  # the `experiment` of a figure that shows the whole study
VERDICTS, MULTIVERSE = "verdicts", "multiverse"  # figures of the study that have a section of their own
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
    places: Sequence[dict] = (),
) -> None:
    """Write the report as one HTML file that fetches nothing; equal inputs give equal bytes.

    Args:
        atlas: all measurements, groups `/<experiment>/<probe>`, `/training`.
        claims: the table of verdicts, columns of `imprint.claims.table`.
        experiments: resolved specs, in the order of their sections.
        figures: name, experiment ("" for the study), title, caption, svg (path), and optionally csv (path) and file
            (its name beside the report, without suffix).
        provenance: what to print at the end; `study` and `plan` are printed at the top. A mapping becomes a
            table, a list of mappings a table with their keys as columns, a list one column.
        out: the file to write.
        calibrations: what was found of the judging, one for each number of seeds.
        universes: the contrasts under the choices of other analysts, columns of `imprint.claims.multiverse`.
        places: where each result belongs, as the plan says; numbers are linked to these files.

    Raises:
        ValueError: if a claim or a figure belongs to an experiment that is not given.
    """
    names = [experiment["name"] for experiment in experiments]
    known(claims["experiment"], names, "claims")
    known([figure["experiment"] for figure in figures if figure["experiment"] not in STUDY], names, "figures")
    literature = claims[claims["kind"] != "control"]
    whole = [figure for figure in figures if figure["experiment"] in STUDY]
    own = (VERDICTS, MULTIVERSE)
    axis, sources = Axis.of(claims.to_dict("records")), Sources(places)
    judged = board.board(literature, experiments, "claim", axis, sources)
    maps, behind = compared(atlas, experiments, sources)
    study = provenance.get("study", "")
    page = (
        environment()
        .get_template("report.html")
        .render(
            study=study,
            plan=provenance.get("plan", ""),
            axis=axis,
            instrument=board.instrument(claims),
            trust=calibration.section(calibrations, experiments),
            marks=calibration.marks(calibrations),
            tally=board.tally(literature),
            tests=len(literature),
            statements=len(literature[["experiment", "claim"]].drop_duplicates()),
            posthoc=len(literature.loc[literature["post_hoc"], ["experiment", "claim"]].drop_duplicates()),
            claims=judged,
            choices=board.choices(judged),
            controls=board.board(claims, experiments, "control", axis, sources),
            verdicts=[picture(figure) for figure in whole if figure["name"] == VERDICTS],
            maps=maps,
            behind=behind,
            figures=[picture(figure) for figure in whole if figure["name"] not in own],
            multiverse=multiverse.section(universes),
            universes=[picture(figure) for figure in whole if figure["name"] == MULTIVERSE],
            experiments=[
                section(atlas, claims, experiment, figures, judged, sources, study) for experiment in experiments
            ],
            provenance=[block(name, content) for name, content in provenance.items() if name not in ("study", "plan")],
        )
    )
    Path(out).write_text(page, encoding="utf-8")


def environment() -> jinja2.Environment:
    """Templates of this package, escaping on, an unknown name an error; `text(file)` puts a file in as it is."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals |= {"text": text, "libraries": LIBRARIES}
    made.filters |= {"data": data, "link": link}
    return made


def text(file: str) -> Markup:
    """A file of this folder; a pointer to a map of its source, which nobody has, is left out."""
    return Markup(re.sub(r"\n//# sourceMappingURL=\S+", "", (FOLDER / file).read_text(encoding="utf-8")).strip())


def data(content: object) -> Markup:
    """JSON for a script element, in which no tag can begin or end."""
    return Markup(json.dumps(content, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c"))


def compared(atlas: xr.DataTree, experiments: list[dict], sources: Sources) -> tuple[list[dict], dict]:
    """The tables of the atlas and what lies behind their cells, where there is something to compare."""
    found = {each["name"]: against.against(atlas, each, heat.modes(each)) for each in experiments}
    whole = against.between([each.table for each in found.values()])
    shown = [each for each in experiments if len(found[each["name"]].table)]
    maps = [heat.section(each, found[each["name"]], whole[whole["experiment"] == each["name"]]) for each in shown]
    behind = {each["name"]: evidence.content(atlas, each, found[each["name"]], sources) for each in shown}
    names = style.ordered(name for each in shown for name in each["recipes"])
    return maps, {"experiments": behind, "colours": {name: style.recipe(name)[0] for name in names}}


def known(found, names: list[str], what: str) -> None:
    """Raise if something belongs to an experiment that the study does not have."""
    strange = sorted(set(found) - set(names))
    if strange:
        raise ValueError(f"{what} of {', '.join(strange)}, but the study's experiments are {', '.join(names)}")


def section(
    atlas: xr.DataTree,
    claims: pd.DataFrame,
    experiment: dict,
    figures: list[dict],
    judged: list[dict],
    sources: Sources,
    study: str,
) -> dict:
    """What the page says of one experiment."""
    own = claims[(claims["experiment"] == experiment["name"]) & (claims["kind"] != "control")]
    return {
        "name": experiment["name"],
        "title": experiment["title"],
        "question": experiment["question"],
        "tally": board.tally(own),
        "protocol": protocol.declared(experiment),
        "training": protocol.training(atlas, experiment, sources),
        "figures": [picture(figure) for figure in ordered(figures, experiment["name"])],
        "claims": [claim for group in judged if group["name"] == experiment["name"] for claim in group["claims"]],
        "deviations": experiment.get("deviations", []),
        "rerun": protocol.rerun(experiment["name"], study),
    }


def ordered(figures: list[dict], experiment: str) -> list[dict]:
    """Figures of an experiment: those of its own probes as given, then the common ones."""
    own = [figure for figure in figures if figure["experiment"] == experiment]
    return sorted(own, key=lambda figure: LAST.index(figure["name"]) if figure["name"] in LAST else -1)


def picture(figure: dict) -> dict:
    """A figure ready for the page: inline, with its data, and the names of both in the folder beside the report."""
    svg = Path(figure["svg"]).read_text(encoding="utf-8")
    key = "-".join(part for part in (figure["experiment"], figure["name"]) if part)
    title = figure.get("title") or figure["name"].replace("_", " ")
    return {
        "key": f"figure-{key}",
        "file": figure.get("file", key),
        "title": title,
        "caption": figure["caption"],
        "svg": inline.inline(svg, key.replace(".", "-"), f"{title}. {figure['caption']}"),
        "width": inline.width(svg),
        "csv": inline.packed(figure["csv"]) if figure.get("csv") else "",
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

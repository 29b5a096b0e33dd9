"""Where the variance of every measure comes from: task, optimizer, setting and seeds."""

import itertools
from collections.abc import Iterator

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from imprint.claims import outliers
from imprint.claims.arranged import arranged, places
from imprint.claims.design import RECIPE, RESIDUAL
from imprint.claims.shares import shares
from imprint.figures import frames, style
from imprint.figures.imprint_map import measures

PROBES = ()
SCOPE = "tasks"
TITLE = "How much of it is the optimizer"
CAPTION = (
    "Shares of the variance over all runs of every measure, from a mixed model with crossed effects of what the runs "
    "differ in: task, optimizer, setting (or rate) within optimizer, and seeds, those of the initial weights and of "
    "the order of the examples apart where both are crossed. Components are estimated by restricted maximum likelihood "
    "(REML); a row with ANOVA beside it by analysis of variance, because the likelihood has no maximum. The residual "
    "is the interaction of all of them. Measures with the largest share of the recipe come first; the line on a bar is "
    "the 95 % interval of its first part. A count such as 55/56 tells that replicas have no value; up to a fifth may, "
    "and there is no interval then, unless they are those of a whole recipe, which is left out. The table beside the "
    "figure has all intervals and, where orders are crossed, the runs outside median +/- 3 scaled median absolute "
    "deviations of their recipe."
)
METRICS = {metric.replace(".", ": ").replace("_", " "): metric for metric in outliers.METRICS}  # as measures are named
COLOURS = {
    "optimizer": "#1f5fae",
    "setting": "#86b0dc",
    "rate": "#86b0dc",
    "task": "#7a4fa3",
    "task x optimizer": "#c0a6d8",
    "task x setting": "#ddd0ea",
    "seed": "#1b8a5a",
    "init": "#1b8a5a",
    "order": "#d9822b",
    "init x order": "#f0d060",
    "optimizer x seed": "#6fbf9a",
    "optimizer x init": "#6fbf9a",
    "task x seed": "#8aa83a",
    "task x optimizer x seed": "#c4d39a",
    "rate x init": "#bfe3d0",
    "optimizer x order": "#edb37c",
    "rate x order": "#f7dcc3",
    "optimizer x init x order": "#b9a7cf",
    RESIDUAL: "#a9afb7",
}
OTHERS = ("#b3566b", "#d99aa8", "#8c745b", "#c9b79c", "#4f7f8a", "#a3c4cc")  # of terms without a colour, in turn
SHARES = ["kind", "measure", *frames.MODE, "term", "axes", "share", "low", "high", "component", "method", "reason"]
OUTLIERS = ["recipe", "order", "seed", "value", "median", "from", "to", "runs"]
COUNTS = ["count", "planned"]


def data(atlas: xr.DataTree, claims: pd.DataFrame, experiments: list[dict]) -> pd.DataFrame:
    """Rows of two kinds: ``share`` per measure, mode and term; ``outlier`` per run outside its fences, and metric.

    ``axes`` are those of a term: of the residual, the interaction that it is. ``count`` of ``planned`` replicas have a
    value. ``runs`` of an outlier is how many runs of its recipe and mode were looked at.

    Args:
        atlas: all measurements.
        claims: not read.
        experiments: the tasks that share a design, resolved.
    """
    found = runs(atlas, experiments)
    rows = [*_shares(found, experiments), *_outliers(found)]
    return pd.DataFrame(rows, columns=[*SHARES, *COUNTS, *OUTLIERS])


def runs(atlas: xr.DataTree, experiments: list[dict]) -> dict[str, pd.DataFrame]:
    """Return the values of each measure over all tasks: mode, task, recipe, seed, order if it is fixed, and value."""
    parts: dict[str, list[pd.DataFrame]] = {}
    place = places(experiments)
    for experiment in experiments:
        for name, values in measures(atlas, experiment):
            if set(frames.KEYS) <= set(values.dims):
                tidy = frames.pooled(frames.tidy(values)).assign(**place[experiment["name"]])
                parts.setdefault(name, []).append(tidy)
    joined = {name: pd.concat(part, ignore_index=True) for name, part in parts.items()}
    return {name: table for name, table in joined.items() if len(table)}


def modes(table: pd.DataFrame) -> Iterator[tuple[dict[str, str], pd.DataFrame]]:
    """Yield each comparison mode with its rows."""
    for mode in frames.modes(table):
        yield dict(zip(frames.MODE, mode, strict=True)), table[(table[frames.MODE] == list(mode)).all(axis=1)]


def _shares(found: dict[str, pd.DataFrame], experiments: list[dict]) -> Iterator[dict]:
    """One row per measure, mode and term."""
    for name, table in found.items():
        tasks = len(table[["task", "order"] if "order" in table else ["task"]].drop_duplicates())
        planned = tasks * len(experiments[0]["recipes"]) * len(experiments[0]["seeds"])
        for mode, own in modes(table):
            design, y = arranged(own, experiments[0]["recipes"])
            part = shares(y, design, planned)
            common = {"kind": "share", "measure": name, **mode, "method": part.method, "reason": part.reason}
            common |= {"count": len(own), "planned": planned}
            columns = {key: getattr(part, key) for key in ("share", "low", "high", "component")}
            for place, (term, axes) in enumerate(design.terms.items()):
                own_columns = {key: column[place] for key, column in columns.items()}
                yield {**common, "term": term, "axes": design.label(axes), **own_columns}


def _outliers(found: dict[str, pd.DataFrame]) -> Iterator[dict]:
    """One row per run that is unlike the others of its recipe, and metric, where orders are crossed."""
    for name, table in found.items():
        if name not in METRICS or "order" not in table:
            continue
        for mode, rows in modes(table):
            for recipe, own in rows.groupby("recipe", sort=False):
                low, high = outliers.fences(own["value"].to_numpy())
                common = {"kind": "outlier", "measure": METRICS[name], **mode, "recipe": recipe}
                about = {"median": own["value"].median(), "from": low, "to": high, "runs": len(own)}
                unlike = own.loc[(own["value"] < low) | (own["value"] > high), ["order", "seed", "value"]]
                for run in unlike.to_dict("records"):
                    yield {**common, **run, **about}


@style.styled
def draw(atlas: xr.DataTree, claims: pd.DataFrame, experiments: list[dict]) -> Figure:
    """Measures down, a column per mode, one bar of stacked shares each."""
    table = data(atlas, claims, experiments)
    found = table[table["kind"] == "share"]
    if found["share"].isna().all():
        reasons = "; ".join(pd.unique(found["reason"])[:2]) or "no measure has a value"
        return style.note(f"There are no shares of variance: {reasons}.")
    columns = frames.modes(found)
    names = by_recipe(found)
    drawing = style.figure(3.2 + 2.6 * len(columns), 1.3 + 0.17 * len(names))
    axes = drawing.subplots(1, len(columns), squeeze=False, sharey=True)[0]
    titles = frames.mode_titles(columns)
    colours = palette(found)
    for ax, mode in zip(axes, columns, strict=True):
        own = found[(found[frames.MODE] == list(mode)).all(axis=1)]
        bars(ax, own, names, colours)
        ax.set_title(titles[mode])
        unlike = table[(table["kind"] == "outlier") & (table[frames.MODE] == list(mode)).all(axis=1)]
        count = len(unlike[["recipe", "order", "seed"]].drop_duplicates())
        ax.set_xlabel("share of variance" + (f"; {count} outlier runs" if count else ""))
    handles = [Patch(color=colour, label=entry(found, term)) for term, colour in colours.items()]
    drawing.legend(handles=handles, loc="outside lower center", ncols=4 if len(columns) > 1 else 3)
    return drawing


def palette(found: pd.DataFrame) -> dict[str, str]:
    """Return a colour for each term that has a share, in the order of the bars' parts; the residual is the last."""
    present = pd.unique(found.dropna(subset=["share"])["term"])
    known = {term: colour for term, colour in COLOURS.items() if term in present and term != RESIDUAL}
    others = (term for term in present if term not in COLOURS)
    return known | dict(zip(others, itertools.cycle(OTHERS), strict=False)) | {RESIDUAL: COLOURS[RESIDUAL]}


def entry(found: pd.DataFrame, term: str) -> str:
    """Return a term as the legend has it; the residual with the interaction that it is."""
    if term != RESIDUAL:
        return term
    meant = pd.unique(found.loc[(found["term"] == RESIDUAL) & found["share"].notna(), "axes"])
    return f"{term} ({meant[0]})" if len(meant) == 1 else term


def by_recipe(found: pd.DataFrame) -> list[str]:
    """Return the measures, the largest share of optimizer and setting first, those without shares last."""
    own = found.loc[found["term"].isin(RECIPE), ["measure", *frames.MODE, "share"]]
    size = own.groupby(["measure", *frames.MODE])["share"].sum(min_count=1).groupby("measure").mean()
    return size.reindex(pd.unique(found["measure"])).sort_values(ascending=False, kind="stable").index.tolist()


def bars(ax: Axes, found: pd.DataFrame, names: list[str], colours: dict[str, str]) -> None:
    """Stacked shares of one mode; in words where there are none, and what is special beside a bar."""
    table = found.pivot_table(index="measure", columns="term", values="share", dropna=False).reindex(names)
    left = np.zeros(len(names))
    for term, colour in colours.items():
        width = np.nan_to_num(table[term].to_numpy(float)) if term in table else np.zeros(len(names))
        ax.barh(range(len(names)), width, left=left, color=colour, height=0.78)
        left += width
    interval(ax, found, names, next(iter(colours)))
    about = found.drop_duplicates("measure").set_index("measure")
    for place, name in enumerate(names):
        if left[place] == 0:
            words = about["reason"].get(name, "not measured")
            ax.text(0.02, place, words, va="center", fontsize=6.5)
        else:
            ax.text(1.02, place, beside(about.loc[name]), va="center", fontsize=6.5)
    ax.set_xlim(0, 1)
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.set_yticks(range(len(names)), names, fontsize=7)
    ax.spines["left"].set_visible(False)


def interval(ax: Axes, found: pd.DataFrame, names: list[str], term: str) -> None:
    """The interval of the first term's share, as a line on its bar."""
    own = found[(found["term"] == term) & found["low"].notna()].set_index("measure")
    for place, name in enumerate(names):
        if name in own.index:
            ax.plot(own.loc[name, ["low", "high"]].tolist(), [place, place], color=style.CELL_INK[0], linewidth=0.9)


def beside(row: pd.Series) -> str:
    """What is special of a bar: replicas without a value, another method than REML."""
    missing = f"{row['count']:.0f}/{row['planned']:.0f}" if row["count"] < row["planned"] else ""
    return " ".join(part for part in (missing, row["method"] if row["method"] != "REML" else "") if part)

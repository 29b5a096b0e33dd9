"""What the search saw: the selection's criterion over the searched value, and what was chosen."""

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from imprint.figures import curves, frames, style

PROBES = ()
SCOPE = "experiment"
SEARCH = True  # drawn where the experiment searches settings
TITLE = "What the search saw"
CAPTION = (
    "The tuning criterion at every value tried, per recipe: the mean over the tuning seeds, with a bar over "
    "their range; other recipes are the faint lines. A ring is the chosen setting, a red double ring one at "
    "the edge of the grid, where the best may lie outside. Crosses at the bottom are values at which every "
    "replica diverged. A narrow valley means that the recipe's results hang on its tuning."
)
COLUMNS = 4
LINES = ("-", (0, (4, 2)), (0, (1, 1.5)))  # one per stop rule
RINGS = ("o", "s", "D")  # one per selection


def criterion(search: xr.Dataset, experiment: dict) -> str:
    """The first metric of the search that a selection names, else the first there is."""
    tried = [name for name, values in search.data_vars.items() if {"setting", "seed"} <= set(values.dims)]
    metrics = [name for name in tried if name != "status"]
    named = [name for rule in experiment["select"].values() for name in rule if name in metrics]
    return [*named, *metrics][0]


def tried(search: xr.Dataset) -> tuple[str, xr.DataArray]:
    """The searched hyper-parameter: its name (names where recipes search different ones) and values."""
    names = curves.hypers(search)
    values = search[names[0]]
    for name in names[1:]:
        values = values.combine_first(search[name])
    return ", ".join(map(curves.words, names)), values


def data(atlas: xr.DataTree, claims: pd.DataFrame, experiment: dict) -> pd.DataFrame:
    """Row per stop, recipe and setting: value tried, mean, low, high, n, who chose it, edge flag."""
    search = frames.group(atlas, experiment["name"], "search")
    columns = ["stop", "recipe", "setting", "tried", "metric", "mean", "low", "high", "n", "chosen", "edge"]
    if search is None:
        return pd.DataFrame(columns=columns)
    metric = criterion(search, experiment)
    values = search[metric]
    over = {"dim": "seed", "skipna": True}
    table = (
        xr.Dataset(
            {
                "tried": tried(search)[1],
                "mean": values.mean(**over),
                "low": values.min(**over),
                "high": values.max(**over),
                "n": values.count("seed"),
            }
        )
        .to_dataframe()
        .reset_index()
    )
    table = table[np.isfinite(table["tried"])].assign(metric=metric)
    picked = frames.tidy(search["chosen"])
    groups = picked.groupby(["stop", "recipe", "value"])["select"].agg(lambda names: " ".join(map(str, names)))
    keys = list(zip(table["stop"], table["recipe"], table["setting"].astype(float), strict=True))
    table["chosen"] = [groups.get(key, "") for key in keys]
    edges = search["chosen"].where(search["at_edge"] == 1)
    edges = set(frames.tidy(edges)[["stop", "recipe", "value"]].itertuples(index=False, name=None))
    table["edge"] = [key in edges for key in keys]
    return table[columns].sort_values("tried", kind="stable").reset_index(drop=True)


@style.styled
def draw(atlas: xr.DataTree, claims: pd.DataFrame, experiment: dict) -> Figure:
    """A panel per recipe; line styles are stop rules, ring shapes selections."""
    table = data(atlas, claims, experiment)
    if table.empty:
        return style.note("No recipe of this experiment searches its settings: all are fixed beforehand.")
    metric = table["metric"].iloc[0]
    seen = frames.group(atlas, experiment["name"], "search")
    recipes, stops = (
        style.ordered(table["recipe"]),
        [stop for stop in experiment["stop"] if stop in set(table["stop"])],
    )
    selects = [name for name in experiment["select"] if table["chosen"].str.split().map(lambda c, n=name: n in c).any()]
    columns = min(COLUMNS, len(recipes))
    rows = -(-len(recipes) // columns)
    drawing = style.figure(1.1 + 1.95 * max(columns, 2), 0.9 + 1.6 * rows)
    axes = drawing.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    for ax in axes.flat[len(recipes) :]:
        ax.set_visible(False)
    for ax in axes.flat[max(len(recipes) - columns, 0) : len(recipes)]:
        ax.tick_params(labelbottom=True)
    log = frames.is_log(table["mean"].dropna().to_numpy())
    for ax, name in zip(axes.flat, recipes, strict=False):
        ax.set_xscale("log")
        ax.set_yscale("log" if log else "linear")
        for other in recipes:
            background(ax, table[table["recipe"] == other])
        for stop, line in zip(stops, LINES, strict=False):
            curve(ax, table[(table["recipe"] == name) & (table["stop"] == stop)], name, line, selects)
        ax.set_title(name, color=style.recipe(name)[0])
        ax.grid()
    style.log_ticks(axes[0, 0].xaxis)
    if log:
        style.log_ticks(axes[0, 0].yaxis)
    drawing.supxlabel(tried(seen)[0], fontsize=8.5)
    drawing.supylabel(frames.title(seen[metric], metric), fontsize=8.5)
    drawing.legend(handles=handles(stops, selects, bool(table["edge"].any())), loc="outside upper left", ncols=6)
    return drawing


def background(ax: Axes, table: pd.DataFrame) -> None:
    """Curves of one recipe, faint."""
    for _, part in table.groupby("stop"):
        ax.plot(part["tried"], part["mean"], color=style.FAINT, alpha=0.35, linewidth=0.8)


def curve(ax: Axes, part: pd.DataFrame, name: str, line, selects: list[str]) -> None:
    """Curve of one recipe under one stop rule, with ranges, chosen settings and diverged rates."""
    colour, marker = style.recipe(name)
    ax.vlines(part["tried"], part["low"], part["high"], color=colour, linewidth=1.2)
    ax.plot(part["tried"], part["mean"], color=colour, marker=marker, linestyle=line, markersize=4, linewidth=1.4)
    gone = part[part["n"] == 0]["tried"]
    ax.plot(gone, np.full(len(gone), 0.04), "x", color=style.INK, markersize=5, transform=ax.get_xaxis_transform())
    for row in part.to_dict("records"):
        for select in row["chosen"].split():
            ring = RINGS[selects.index(select) % len(RINGS)] if select in selects else "o"
            colour = style.VERDICTS["contradicted"][0] if row["edge"] else style.INK
            sizes = (10, 14) if row["edge"] else (10,)
            for size in sizes:
                ax.plot(
                    row["tried"],
                    row["mean"],
                    ring,
                    markersize=size,
                    markerfacecolor="none",
                    markeredgecolor=colour,
                    markeredgewidth=1.3,
                    clip_on=False,
                )


def handles(stops: list[str], selects: list[str], edge: bool) -> list[Line2D]:
    """Legend: stop rules where there are several, selections, and the flag of the grid's edge."""
    entries = [
        Line2D([], [], color=style.INK, linestyle=line, label=f"stop: {stop}")
        for stop, line in zip(stops, LINES, strict=False)
        if len(stops) > 1
    ]
    ring = {"linestyle": "", "markerfacecolor": "none", "markersize": 9, "markeredgewidth": 1.3}
    entries += [
        Line2D([], [], marker=RINGS[i % len(RINGS)], markeredgecolor=style.INK, label=f"chosen: {name}", **ring)
        for i, name in enumerate(selects)
    ]
    if edge:
        red = style.VERDICTS["contradicted"][0]
        entries.append(Line2D([], [], marker="o", markeredgecolor=red, label="at the grid's edge", **ring))
    return entries

"""The two drawings of a profile: how far each known recipe is, and the tuning curves."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from imprint.claims.resemblance import Resemblance
from imprint.figures import frames, style

WIDTH = 4.8  # inches; readable on a phone
LOOK = {"clip_on": False, "zorder": 3}


@style.styled
def distances(found: Resemblance, recipe: str) -> Figure:
    """Distance of each known recipe from hers, the nearest on top, with its interval."""
    drawing = style.figure(WIDTH, 1.1 + 0.27 * len(found.others))
    ax = drawing.subplots()
    told_K = np.isfinite(found.high_K)
    low_K, high_K = (np.where(told_K, end_K, found.distance_K) for end_K in (found.low_K, found.high_K))
    for row, name in enumerate(found.others):
        colour, marker = style.recipe(name)
        ax.hlines(row, low_K[row], high_K[row], color=colour, linewidth=1.8)
        ax.plot(found.distance_K[row], row, marker=marker, color=colour, markersize=6, **LOOK)
    for value, words, line in ((found.own, "own runs, other seeds", ":"), (found.typical, "two known ones", "--")):
        if np.isfinite(value):
            ax.axvline(value, color=style.INK, linestyle=line, linewidth=1, label=words)
    ax.set_yticks(range(len(found.others)), found.others)
    ax.set(ylim=(len(found.others) - 0.5, -0.6), xlabel=f"distance from {recipe} [deviations over known runs]")
    ax.set_xlim(left=0)
    ax.grid(axis="x")
    if ax.get_legend_handles_labels()[0]:
        drawing.legend(loc="outside upper left", ncols=2)
    return drawing


@style.styled
def tuning(table: pd.DataFrame, recipe: str, references: list[str], axes: tuple[str, str]) -> Figure:
    """Tuning curves under the first stop rule: hers and those of the references in colour, the others faint.

    Args:
        table: of :func:`imprint.figures.search.data`.
        recipe: hers.
        references: that are drawn in colour.
        axes: names of the two axes.
    """
    own = table[table["stop"] == table["stop"].iloc[0]]
    drawing = style.figure(WIDTH, 3.0)
    ax = drawing.subplots()
    ax.set_xscale("log")
    ax.set_yscale("log" if frames.is_log(own["mean"].dropna().to_numpy()) else "linear")
    for name in style.ordered(set(own["recipe"]) - {recipe, *references}):
        part = own[own["recipe"] == name]
        ax.plot(part["tried"], part["mean"], color=style.FAINT, linewidth=0.8, alpha=0.6)
    for name in [*references, recipe]:
        _curve(ax, own[own["recipe"] == name], name, 2.4 if name == recipe else 1.3)
    style.log_ticks(ax.xaxis)
    if ax.get_yscale() == "log":
        style.log_ticks(ax.yaxis)
    ax.set(xlabel=axes[0], ylabel=axes[1])
    ax.grid()
    drawing.legend(loc="outside upper left", ncols=3)
    return drawing


def _curve(ax: Axes, part: pd.DataFrame, name: str, width: float) -> None:
    colour, marker = style.recipe(name)
    ax.vlines(part["tried"], part["low"], part["high"], color=colour, linewidth=width / 2, alpha=0.7)
    ax.plot(part["tried"], part["mean"], color=colour, marker=marker, markersize=4, linewidth=width, label=name)
    ring = part[part["chosen"] != ""]
    ax.plot(ring["tried"], ring["mean"], "o", markersize=10, markerfacecolor="none", markeredgecolor=style.INK)
    gone = part.loc[part["n"] == 0, "tried"]
    bottom = {"transform": ax.get_xaxis_transform(), "markersize": 5}
    ax.plot(gone, np.full(len(gone), 0.04), "x", color=colour, **bottom)

"""Marks that several figures share: replicas with their mean and interval, along one axis or in a plane."""

from collections.abc import Callable

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from imprint.figures import frames, style

MEAN = {"markersize": 6.5, "markeredgecolor": "white", "markeredgewidth": 0.7}
SEED = {"alpha": 0.45, "markersize": 2.8, "markeredgewidth": 0, "linestyle": ""}


def conditions(experiment: dict, stop: str, snapshot: str | None = None) -> list[float]:
    """Training losses that the stop rule, and a snapshot (all of them if None), name as their condition."""
    rules = [experiment["stop"].get(stop)]
    rules += [rule for name, rule in experiment["snapshots"].items() if snapshot in (None, name)]
    return [rule["train_loss"] for rule in rules if rule and rule.get("train_loss")]


def recipe_panels(
    table: pd.DataFrame, draw: Callable, most: int, size: tuple[float, float]
) -> tuple[Figure, list[Axes]]:
    """Figure with a panel per recipe, a block of rows per protocol; `draw(ax, rows, name)` fills one.

    A row of panels holds at most `most` recipes; `size` is that of a panel in inches. Titles name the protocol where
    there are several.
    """
    protocols = list(dict.fromkeys(zip(table["stop"], table["select"], strict=True)))
    recipes = style.ordered(table["recipe"])
    titles = frames.mode_titles([(*protocol, "") for protocol in protocols])
    drawing, axes, _ = style.panels(len(protocols) * len(recipes), min(len(recipes), most), size)
    cells = [(protocol, name) for protocol in protocols for name in recipes]
    for ax, ((stop, select), name) in zip(axes, cells, strict=True):
        draw(ax, table[(table["stop"] == stop) & (table["select"] == select) & (table["recipe"] == name)], name)
        above = f"{titles[stop, select, '']}\n" if len(protocols) > 1 else ""
        ax.set_title(above + name, color=style.recipe(name)[0])
    return drawing, axes


def strip(ax: Axes, part: pd.DataFrame, recipes: list[str], seeds: int, log: bool = False) -> None:
    """One panel: recipes from top to bottom, seeds as small marks, mean and interval over them."""
    if log:
        ax.set_xscale("log")
    means = frames.summary(part, ["recipe"], log).set_index("recipe")
    for y, name in enumerate(recipes):
        colour, marker = style.recipe(name)
        own = part[part["recipe"] == name]
        if own.empty:
            ax.text(0.5, y, "no replica", transform=ax.get_yaxis_transform(), ha="center", va="center", fontsize=7)
            continue
        jitter = np.linspace(-0.24, 0.24, max(seeds, 2))[own["seed"].rank(method="dense").astype(int) % seeds - 1]
        ax.plot(own["value"], y + jitter, marker=marker, color=colour, **SEED)
        row = means.loc[name]
        if np.isfinite(row["low"]):
            ax.plot([row["low"], row["high"]], [y, y], color=colour, linewidth=2.2, solid_capstyle="round")
        ax.plot(row["mean"], y, marker, color=colour, **MEAN)
        if row["n"] < seeds:
            ax.annotate(
                f"{row['n']:.0f}/{seeds}",
                (1, y),
                xycoords=ax.get_yaxis_transform(),
                ha="left",
                va="center",
                fontsize=7,
                xytext=(2, 0),
                textcoords="offset points",
            )
    ax.set_yticks(range(len(recipes)), recipes)
    ax.set_ylim(len(recipes) - 0.45, -0.55)
    ax.margins(x=0.08)
    ax.grid(axis="x")
    ax.spines["left"].set_visible(False)
    style.log_ticks(ax.xaxis) if log else ax.locator_params(axis="x", nbins=5)


def plane(ax: Axes, table: pd.DataFrame, x: str, y: str, log: tuple[bool, bool] = (False, False)) -> None:
    """Seeds, means and intervals per recipe in the plane of two columns of a (recipe, seed) table."""
    for name in style.ordered(table.index.get_level_values("recipe")):
        both = table.loc[name].reindex(columns=[x, y]).dropna()
        if both.empty:
            continue
        colour, marker = style.recipe(name)
        ax.plot(both[x], both[y], marker=marker, color=colour, **SEED)
        right, *across, _ = frames.interval(both[x].to_numpy(float), log[0])
        up, *along, _ = frames.interval(both[y].to_numpy(float), log[1])
        ax.plot(across, [up, up], color=colour, linewidth=1.5)
        ax.plot([right, right], along, color=colour, linewidth=1.5)
        ax.plot(right, up, marker, color=colour, **MEAN)

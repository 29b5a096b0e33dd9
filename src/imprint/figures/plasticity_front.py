"""Plasticity against stability over the whole search: what every setting of every recipe learns and forgets."""

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from imprint.figures import frames, marks, style

PROBES = ("accuracy_matrix",)
SCOPE = "experiment"
TITLE = "What learning costs in forgetting"
CAPTION = (
    "Forgetting (mean loss of accuracy on the tasks before the last) against learning accuracy (mean accuracy on each "
    "task just after it). Faint marks are all settings that the search tried, on validation data and tuning seeds, "
    "joined from the smallest to the largest rate; large marks are the settings that some rule chose, on test data, "
    "with 95 % intervals over seeds. The staircase is the front: no setting that was tried learns more and forgets "
    "less. Further down at the same place is better; further down to the left only learned less."
)
COLUMNS = ["stop", "recipe", "setting", "tried", "learned", "forgetting", "front"]


def searched(atlas: xr.DataTree, experiment: dict) -> pd.DataFrame:
    """Row per setting that the search tried and that learned: means over the tuning seeds, and whether on the front."""
    search = frames.group(atlas, experiment["name"], "search")
    if search is None or not {"learning_accuracy", "forgetting", "lr"} <= set(search.data_vars):
        return pd.DataFrame(columns=COLUMNS)
    means = {name: search[name].mean("seed", skipna=False) for name in ("learning_accuracy", "forgetting")}
    table = xr.Dataset({**means, "tried": search["lr"]}).to_dataframe().reset_index().dropna()
    table = table.rename(columns={"learning_accuracy": "learned"}).sort_values("tried", kind="stable")
    parts = [part.assign(front=front(part)) for _, part in table.groupby("stop", sort=False)]
    return pd.concat(parts)[COLUMNS] if parts else pd.DataFrame(columns=COLUMNS)


def front(table: pd.DataFrame) -> np.ndarray:
    """Which rows no other row beats: none learns at least as much and forgets less, or learns more and forgets as much.

    >>> front(pd.DataFrame({"learned": [0.9, 0.8, 0.7], "forgetting": [0.5, 0.6, 0.1]})).tolist()
    [True, False, True]
    """
    learned, forgotten = table["learned"].to_numpy(float), table["forgetting"].to_numpy(float)
    no_worse = (learned >= learned[:, None]) & (forgotten <= forgotten[:, None])
    better = (learned > learned[:, None]) | (forgotten < forgotten[:, None])
    return ~(no_worse & better).any(axis=1)


def evaluated(atlas: xr.DataTree, experiment: dict) -> pd.DataFrame:
    """Row per chosen setting and seed at the end of the sequence: the base axes, learned, forgetting."""
    group = frames.required(atlas, experiment["name"], "accuracy_matrix", ("learned", "forgetting"))
    end = "final" if "final" in group["snapshot"] else str(group["snapshot"].values[-1])
    table = group[["learned", "forgetting"]].sel(snapshot=end).to_dataframe().reset_index().dropna()
    return frames.pooled(table[[*frames.KEYS, "learned", "forgetting"]])


def data(atlas: xr.DataTree, claims: pd.DataFrame, experiment: dict) -> pd.DataFrame:
    """Both tables, told apart by `kind`: ``searched`` or ``evaluated``."""
    tried, chosen = searched(atlas, experiment), evaluated(atlas, experiment)
    parts = [part.assign(kind=kind) for kind, part in (("searched", tried), ("evaluated", chosen)) if len(part)]
    return pd.concat(parts, ignore_index=True) if parts else chosen.assign(kind="")


@style.styled
def draw(atlas: xr.DataTree, claims: pd.DataFrame, experiment: dict) -> Figure:
    """A plane per stop rule, all on the same axes."""
    tried, chosen = searched(atlas, experiment), evaluated(atlas, experiment)
    if chosen.empty:
        return style.note("No replica finished its sequence.")
    stops = [stop for stop in experiment["stop"] if stop in set(chosen["stop"])]
    recipes = style.ordered([*tried["recipe"], *chosen["recipe"]])
    drawing = style.figure(1.0 + 3.6 * max(len(stops), 1.3), 4.2)
    axes = drawing.subplots(1, len(stops), squeeze=False, sharex=True, sharey=True)[0]
    for ax, stop in zip(axes, stops, strict=True):
        paths(ax, tried[tried["stop"] == stop])
        for _, own in chosen[chosen["stop"] == stop].groupby("select", sort=False):
            marks.plane(ax, own.set_index(["recipe", "seed"]), "learned", "forgetting")
        ax.set_title(f"stop: {stop}" if len(stops) > 1 else "")
        ax.margins(0.06)
        ax.grid()
    drawing.supxlabel("learning accuracy", fontsize=8.5)
    drawing.supylabel("forgetting", fontsize=8.5)
    drawing.legend(
        handles=[*style.recipe_handles(recipes), *([FRONT] if len(tried) else [])],
        loc="outside upper left",
        ncols=min(len(recipes) + 1, 3 * len(stops) + 1),
        columnspacing=1.0,
        handletextpad=0.4,
    )
    return drawing


FRONT = Line2D([], [], color=style.INK, linewidth=1.1, drawstyle="steps-pre", label="front of all settings")


def paths(ax: Axes, tried: pd.DataFrame) -> None:
    """Every recipe's settings, joined by rate, and the front of all."""
    for name, part in tried.groupby("recipe", sort=False):
        colour, marker = style.recipe(name)
        ax.plot(part["learned"], part["forgetting"], color=colour, linewidth=0.8, alpha=0.45)
        ax.plot(part["learned"], part["forgetting"], marker, color=colour, markersize=3.5, alpha=0.5, linestyle="")
    best = tried[tried["front"].astype(bool)].sort_values("learned")
    ax.plot(best["learned"], best["forgetting"], color=style.INK, linewidth=1.1, drawstyle="steps-pre")

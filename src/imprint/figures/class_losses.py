"""What becomes of rare classes: the loss of every class against how often it occurs."""

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from imprint.figures import frames, style

PROBES = ("class_losses",)
SCOPE = "experiment"
TITLE = "What becomes of rare classes"
CAPTION = (
    "Training loss of every class against the share of training examples that it has, rare classes to the left: "
    "geometric means over seeds and over classes that are equally frequent, the band from the smallest to the largest "
    "of them. A method that treats classes alike is level; gradient descent from 0 has in continuous time a loss of 1 "
    "over frequency and time (dashed: this slope, anywhere)."
)
COLUMNS = 3
BY = [*frames.MODE, "recipe", "frequency"]


def data(atlas: xr.DataTree, claims: pd.DataFrame, experiment: dict) -> pd.DataFrame:
    """Row per mode, recipe and frequency: geometric mean, smallest and largest loss of such classes."""
    group = frames.required(atlas, experiment["name"], "class_losses", ("frequency", "loss"))
    table = group[["frequency", "loss"]].to_dataframe().reset_index().dropna(subset=["frequency", "loss"])
    table = frames.pooled(
        table[(table["loss"] > 0) & table["snapshot"].isin(frames.endpoint(group["snapshot"].values))]
    )
    logs = np.log(table["loss"]).groupby([table[name] for name in BY], sort=False)
    summary = np.exp(logs.agg(mean="mean", low="min", high="max")).reset_index()
    return summary.sort_values("frequency", kind="stable").reset_index(drop=True)


@style.styled
def draw(atlas: xr.DataTree, claims: pd.DataFrame, experiment: dict) -> Figure:
    """A panel per comparison mode, all on the same axes."""
    table = data(atlas, claims, experiment)
    if table.empty:
        return style.note("No replica has a class with a loss above 0.")
    modes, recipes = frames.modes(table), style.ordered(table["recipe"])
    drawing, axes, columns = style.panels(len(modes), COLUMNS, (2.9, 2.7), 5.6)
    titles = frames.mode_titles(modes)
    for ax, mode in zip(axes, modes, strict=True):
        ax.set(xscale="log", yscale="log")
        own = table[(table[frames.MODE] == list(mode)).all(axis=1)]
        for name in style.ordered(own["recipe"]):
            curve(ax, own[own["recipe"] == name], name)
        ax.set_title(titles[mode])
        ax.grid()
    for ax, mode in zip(axes, modes, strict=True):
        guide(ax, table[(table[frames.MODE] == list(mode)).all(axis=1)])
    style.log_ticks(axes[0].xaxis)
    style.log_ticks(axes[0].yaxis)
    drawing.supxlabel("share of the training examples", fontsize=8.5)
    drawing.supylabel("training loss of the class", fontsize=8.5)
    handles = [*style.recipe_handles(recipes), Line2D([], [], color=style.INK, linestyle="--", label="1 / share")]
    drawing.legend(handles=handles, loc="outside upper left", ncols=min(len(handles), 2 * columns + 2))
    return drawing


def curve(ax: Axes, part: pd.DataFrame, name: str) -> None:
    """Classes of one recipe, from the rarest to the most frequent, with marks at a few of them."""
    colour, marker = style.recipe(name)
    frequency = part["frequency"].to_numpy()
    few = np.unique(np.searchsorted(frequency, np.geomspace(frequency[0], frequency[-1], 6) * (1 - 1e-9)))
    ax.fill_between(frequency, part["low"], part["high"], color=colour, alpha=0.18, linewidth=0)
    ax.plot(frequency, part["mean"], color=colour, linewidth=1.4)
    ax.plot(frequency[few], part["mean"].to_numpy()[few], marker, color=colour, markersize=4.5)


def guide(ax: Axes, own: pd.DataFrame) -> None:
    """Slope -1 through the middle of a panel's points, inside the limits that the data set."""
    limits = ax.get_xlim(), ax.get_ylim()
    x, y = np.exp(np.log(own[["frequency", "mean"]]).mean())
    ends = np.array(limits[0])
    ax.plot(ends, x * y / ends, color=style.INK, linewidth=0.9, linestyle="--", zorder=0)
    ax.set(xlim=limits[0], ylim=limits[1])

"""Until when do clones of the data teach as much as the data?"""

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from imprint.figures import frames, marks, style

PROBES = ("divergence_times",)
SCOPE = "experiment"
TITLE = "When clones of the data stop being enough"
CAPTION = (
    "Accuracy on real test examples over steps, of networks that see the data, Gaussian clones with the mean and "
    "covariance of each class, and isotropic clones with the mean and variance alone; from the same initial weights, "
    "in the same order, by the same recipe. Lines are means over seeds, bands their 95 % intervals. A mark is where "
    "the network on clones falls behind, the geometric mean over seeds; hollow, and a lower bound, where not all do."
)
LINES = {"real": "-", "gaussian": "--", "isotropic": ":"}
COLUMNS = 4


def data(atlas: xr.DataTree, claims: pd.DataFrame, experiment: dict) -> pd.DataFrame:
    """Row per protocol, recipe, kind of data and step: mean, low, high, n of the accuracy; ``time`` of the kind.

    ``time`` is the geometric mean over seeds of the steps until a network on clones falls behind, NaN for the data, and
    ``behind`` the share of seeds that do.
    """
    group = frames.required(atlas, experiment["name"], "divergence_times", ("accuracy", "steps"))
    by = ["stop", "select", "recipe", "data"]
    paths = frames.pooled(frames.tidy(group["accuracy"].sel(snapshot="final", drop=True)))
    table = frames.summary(paths, [*by, "after"])
    steps = group["steps"].sel(snapshot="final", drop=True).rename(clone="data")
    times = frames.pooled(frames.tidy(steps))
    last = float(group["after"].max())
    times = times.assign(log=np.log(times["value"]), behind=times["value"] <= last).groupby(by, sort=False)
    means = times.agg(time=("log", "mean"), behind=("behind", "mean")).reset_index()
    return table.merge(means.assign(time=np.exp(means["time"])), on=by, how="left")


@style.styled
def draw(atlas: xr.DataTree, claims: pd.DataFrame, experiment: dict) -> Figure:
    """A panel per recipe, and a block of rows per protocol."""
    table = data(atlas, claims, experiment)
    if table.empty:
        return style.note("No replica finished its training.")
    drawing, axes = marks.recipe_panels(table, panel, COLUMNS, (2.2, 2.2))
    drawing.supxlabel("steps", fontsize=8.5)
    drawing.supylabel("accuracy on real test examples", fontsize=8.5)
    handles = [Line2D([], [], color=style.INK, linestyle=line, label=kind) for kind, line in LINES.items()]
    drawing.legend(handles=handles, loc="outside upper left", ncols=3, handlelength=2.6)
    return drawing


def panel(ax: Axes, own: pd.DataFrame, name: str) -> None:
    """Three paths of one recipe, and where two of them leave the first."""
    colour, marker = style.recipe(name)
    for kind, line in LINES.items():
        path = own[(own["data"] == kind) & (own["after"] > 0)].sort_values("after")
        low, high = path["low"].fillna(path["mean"]), path["high"].fillna(path["mean"])
        ax.fill_between(path["after"], low, high, color=colour, alpha=0.18, linewidth=0)
        ax.plot(path["after"], path["mean"], color=colour, linestyle=line, linewidth=1.4)
        if len(path) and np.isfinite(path["time"].iloc[0]):
            time = min(path["time"].iloc[0], path["after"].max())
            height = np.interp(time, path["after"], path["mean"])
            face = colour if path["behind"].iloc[0] == 1 else "none"
            ax.plot(time, height, marker, color=colour, markerfacecolor=face, markersize=6.5)
    ax.set_xscale("log")
    style.log_ticks(ax.xaxis)
    ax.grid()

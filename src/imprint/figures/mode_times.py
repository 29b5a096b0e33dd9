"""In which order singular modes are learned: when, and as a staircase or at once."""

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from imprint.figures import frames, style

PROBES = ("mode_times",)
SCOPE = "experiment"
TITLE = "The order in which modes are learned"
CAPTION = (
    "Left: step at which each singular mode is learned to 90 %, against its singular value; small marks are seeds, "
    "large marks their geometric means, the dashed line has the slope -1 of gradient descent. Right: number of modes "
    "learned so far, mean over seeds; stairs are modes that wait for one another, a cliff is modes that are learned "
    "together. Times are known as well as the kept snapshots are apart."
)


def data(atlas: xr.DataTree, claims: pd.DataFrame, experiment: dict) -> pd.DataFrame:
    """Row per protocol, recipe, seed and mode that was learned by training: singular value and time."""
    group = frames.required(atlas, experiment["name"], "mode_times", ("value", "time"))
    end = group[["value", "time"]].sel(snapshot="final").to_dataframe().reset_index().dropna(subset=["time"])
    return frames.pooled(end[end["time"] > 0]).reset_index(drop=True)


@style.styled
def draw(atlas: xr.DataTree, claims: pd.DataFrame, experiment: dict) -> Figure:
    """Two panels per protocol."""
    table = data(atlas, claims, experiment)
    if table.empty:
        return style.note("No replica learned a mode.")
    protocols = list(dict.fromkeys(zip(table["stop"], table["select"], strict=True)))
    recipes = style.ordered(table["recipe"])
    drawing = style.figure(7.0, 0.7 + 2.7 * len(protocols))
    axes = drawing.subplots(len(protocols), 2, squeeze=False)
    titles = frames.mode_titles([(*protocol, "") for protocol in protocols])
    for (left, right), protocol in zip(axes, protocols, strict=True):
        own = table[(table["stop"] == protocol[0]) & (table["select"] == protocol[1])]
        for name in style.ordered(own["recipe"]):
            times(left, own[own["recipe"] == name], name)
            stairs(right, own[own["recipe"] == name], name)
        finish(left, right, own)
        left.set_title(titles[(*protocol, "")] if len(protocols) > 1 else "")
    drawing.legend(handles=style.recipe_handles(recipes), loc="outside upper left", ncols=min(len(recipes), 5))
    return drawing


def times(ax: Axes, part: pd.DataFrame, name: str) -> None:
    """Times of one recipe's modes."""
    colour, marker = style.recipe(name)
    ax.plot(part["value"], part["time"], marker, color=colour, alpha=0.45, markersize=2.8, markeredgewidth=0)
    means = np.exp(np.log(part[["value", "time"]]).groupby(part["mode"]).mean())
    ax.plot(means["value"], means["time"], marker, color=colour, linestyle="-", linewidth=1.2, markersize=5)


def stairs(ax: Axes, part: pd.DataFrame, name: str) -> None:
    """Mean over seeds of the number of modes learned by a step."""
    colour, marker = style.recipe(name)
    steps = np.sort(part["time"].to_numpy())
    count = np.arange(1, len(steps) + 1) / part["seed"].nunique()
    ax.step([steps[0], *steps], [0, *count], color=colour, linewidth=1.4, where="post")
    ax.plot(steps[-1], count[-1], marker, color=colour, markersize=5)


def finish(left: Axes, right: Axes, own: pd.DataFrame) -> None:
    """Logarithmic axes, the slope of gradient descent, names."""
    left.set(xscale="log", yscale="log", xlabel="singular value", ylabel="step at which it is learned")
    right.set(xscale="log", xlabel="steps", ylabel="modes learned")
    limits = left.get_xlim(), left.get_ylim()
    x, y = np.exp(np.log(own[["value", "time"]]).mean())
    ends = np.array(limits[0])
    left.plot(ends, x * y / ends, color=style.INK, linewidth=0.9, linestyle="--", zorder=0)
    left.set(xlim=limits[0], ylim=limits[1])
    for ax in (left, right):
        style.log_ticks(ax.xaxis)
        ax.grid()
    style.log_ticks(left.yaxis)
    right.yaxis.get_major_locator().set_params(integer=True)

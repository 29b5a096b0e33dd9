"""How much of each layer's variance is the easy feature's, and how much the hard one's?"""

import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from imprint.figures import frames, marks, style

PROBES = ("variance_explained",)
SCOPE = "experiment"
TITLE = "What the easy and the hard feature take of the representation"
CAPTION = (
    "Share of the variance of each hidden layer's activations that the easy feature (full line, filled marks) and the "
    "hard one (dashed, hollow) explain on test examples. Marks are means over seeds, bars their 95 % intervals, small "
    "marks seeds. At equal heights both features would be represented alike."
)
LINES = {"easy": "-", "hard": "--"}
COLUMNS = 4
APART = {"easy": -0.06, "hard": 0.06}


def data(atlas: xr.DataTree, claims: pd.DataFrame, experiment: dict) -> pd.DataFrame:
    """Row per protocol, recipe, seed, layer (counted from 1) and feature: the share."""
    group = frames.required(atlas, experiment["name"], "variance_explained", tuple(LINES))
    parts = [frames.tidy(group[name].sel(snapshot="final", drop=True)).assign(feature=name) for name in LINES]
    tidy = frames.pooled(pd.concat(parts, ignore_index=True))
    places = {layer: place for place, layer in enumerate(group["layer"].values.tolist(), 1)}
    return tidy.assign(layer=tidy["layer"].map(places))


@style.styled
def draw(atlas: xr.DataTree, claims: pd.DataFrame, experiment: dict) -> Figure:
    """A panel per recipe, and a block of rows per protocol."""
    table = data(atlas, claims, experiment)
    if table.empty:
        return style.note("No replica finished its training.")
    drawing, axes = marks.recipe_panels(table, panel, COLUMNS, (1.9, 2.1))
    layers = sorted(pd.unique(table["layer"]))
    axes[0].set_xticks(layers)
    axes[0].set_xlim(layers[0] - 0.5, layers[-1] + 0.5)
    axes[0].set_ylim(min(0, 1.1 * table["value"].min()), 1.02)
    drawing.supxlabel("hidden layer", fontsize=8.5)
    drawing.supylabel("share of the variance explained", fontsize=8.5)
    handles = [Line2D([], [], color=style.INK, linestyle=line, label=f"{name} feature") for name, line in LINES.items()]
    drawing.legend(handles=handles, loc="outside upper left", ncols=2, handlelength=2.6)
    return drawing


def panel(ax: Axes, own: pd.DataFrame, name: str) -> None:
    """Both features over the layers, of one recipe."""
    colour, marker = style.recipe(name)
    for feature, line in LINES.items():
        part = own[own["feature"] == feature]
        means = frames.summary(part, ["layer"]).sort_values("layer")
        x = means["layer"] + APART[feature]
        ax.plot(part["layer"] + APART[feature], part["value"], marker, color=colour, alpha=0.3, markersize=2.5)
        ax.vlines(x, means["low"].fillna(means["mean"]), means["high"].fillna(means["mean"]), color=colour, linewidth=2)
        face = colour if feature == "easy" else "white"
        ax.plot(x, means["mean"], marker, color=colour, markerfacecolor=face, linestyle=line, linewidth=1.3)
    ax.grid(axis="y")

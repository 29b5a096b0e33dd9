"""How much can be pruned: test accuracy over the fraction of weights kept."""

import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from imprint.figures import frames, style

PROBES = ("pruning_curve",)
SCOPE = "experiment"
TITLE = "How much can be pruned"
CAPTION = (
    "Test accuracy after the smallest weights of each layer were set to zero at once, without training afterwards, "
    "over the fraction that was kept. Lines are means over seeds, bands their 95 % intervals, dots the measured "
    "fractions. A curve further to the left keeps its accuracy with fewer weights."
)
COLUMNS = 3
TICKS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)


def data(atlas: xr.DataTree, claims: pd.DataFrame, experiment: dict) -> pd.DataFrame:
    """Row per mode, recipe and kept fraction: mean, low, high, n of the accuracy."""
    group = frames.required(atlas, experiment["name"], "pruning_curve", ("accuracy",))
    tidy = frames.pooled(frames.tidy(group["accuracy"]))
    tidy = tidy[tidy["snapshot"].isin(frames.endpoint(pd.unique(tidy["snapshot"])))]
    return frames.summary(tidy, [*frames.MODE, "recipe", "kept"])


@style.styled
def draw(atlas: xr.DataTree, claims: pd.DataFrame, experiment: dict) -> Figure:
    """A panel per comparison mode, all on the same axes."""
    table = data(atlas, claims, experiment)
    if table.empty:
        return style.note("No replica reached a snapshot that is compared.")
    modes, recipes = frames.modes(table), style.ordered(table["recipe"])
    drawing, axes, columns = style.panels(len(modes), COLUMNS, (3.4, 2.7), 5.4)
    titles = frames.mode_titles(modes)
    for ax, mode in zip(axes, modes, strict=True):
        own = table[(table[frames.MODE] == list(mode)).all(axis=1)]
        for name in style.ordered(own["recipe"]):
            curve(ax, own[own["recipe"] == name].sort_values("kept"), name)
        ax.set_xscale("log")
        ax.set_xticks(TICKS, [f"{100 * tick:g} %" for tick in TICKS])
        ax.minorticks_off()
        ax.set_ylim(0, 1.02)
        ax.grid()
        if len(modes) > 1:
            ax.set_title(titles[mode])
    drawing.supxlabel("weights kept", fontsize=8.5)
    drawing.supylabel("test accuracy", fontsize=8.5)
    drawing.legend(
        handles=style.recipe_handles(recipes),
        loc="outside upper left",
        ncols=min(len(recipes), 4 * columns),
        columnspacing=1.0,
        handletextpad=0.1,
    )
    return drawing


def curve(ax: Axes, part: pd.DataFrame, name: str) -> None:
    """Mean with dots and band of one recipe."""
    colour, marker = style.recipe(name)
    low, high = part["low"].fillna(part["mean"]), part["high"].fillna(part["mean"])
    ax.fill_between(part["kept"], low, high, color=colour, alpha=0.18, linewidth=0)
    ax.plot(part["kept"], part["mean"], color=colour, marker=marker, markersize=3.5, linewidth=1.4)

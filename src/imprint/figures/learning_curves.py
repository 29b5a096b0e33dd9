"""Training loss over steps, per recipe and protocol."""

import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from imprint.figures import frames, marks, style

PROBES = ()
SCOPE = "experiment"
TITLE = "How the training went"
CAPTION = (
    "Loss on the whole training set over steps, in evaluation mode: the line is the geometric mean over "
    "seeds, the band its 95 % interval, the mark the last evaluation. A curve is drawn while at least half "
    "of its replicas run; a replica that met its condition or diverged has left. Panels are the protocols "
    "that were trained (stop rule and selection of the setting); dashed: a loss that a stop rule or "
    "snapshot names."
)
COLUMNS = 4


def data(atlas: xr.DataTree, claims: pd.DataFrame, experiment: dict) -> pd.DataFrame:
    """Row per protocol, recipe and step: mean, low, high, n of the training loss."""
    trace = frames.group(atlas, experiment["name"], "trace")
    by = ["stop", "select", "recipe", "step"]
    if trace is None or "train_loss" not in trace:
        return pd.DataFrame(columns=[*by, "mean", "low", "high", "n"])
    tidy = frames.pooled(frames.tidy(trace["train_loss"].where(trace["train_loss"] > 0)))
    table = frames.summary(tidy, by, log=True)
    most = table.groupby(by[:3])["n"].transform("max")
    return table[table["n"] >= most / 2].sort_values("step", kind="stable").reset_index(drop=True)


@style.styled
def draw(atlas: xr.DataTree, claims: pd.DataFrame, experiment: dict) -> Figure:
    """A panel per protocol, all on the same axes."""
    table = data(atlas, claims, experiment)
    if table.empty:
        return style.note("No trace of the training is in the atlas.")
    pairs = set(zip(table["stop"], table["select"], strict=True))
    protocols = [(s, c) for s in experiment["stop"] for c in [*experiment["select"], "fixed"] if (s, c) in pairs]
    recipes = style.ordered(table["recipe"])
    drawing, axes, columns = style.panels(len(protocols), COLUMNS, (2.3, 2.4), 5.6)
    titles = frames.mode_titles([(*protocol, "") for protocol in protocols])
    for ax, protocol in zip(axes, protocols, strict=True):
        ax.set_yscale("log")
        own = table[(table["stop"] == protocol[0]) & (table["select"] == protocol[1])]
        for name in style.ordered(own["recipe"]):
            curve(ax, own[own["recipe"] == name], name)
        for loss in marks.conditions(experiment, protocol[0]):
            ax.axhline(loss, color=style.INK, linewidth=0.9, linestyle=(0, (3, 3)))
        ax.set_title(titles[(*protocol, "")])
        ax.locator_params(axis="x", nbins=4)
        ax.grid()
    style.log_ticks(axes[0].yaxis)
    drawing.supxlabel("steps", fontsize=8.5)
    drawing.supylabel("training loss", fontsize=8.5)
    drawing.legend(
        handles=style.recipe_handles(recipes),
        loc="outside upper left",
        ncols=min(len(recipes), 2 * columns + 3),
        columnspacing=1.0,
        handletextpad=0.1,
    )
    return drawing


def curve(ax: Axes, part: pd.DataFrame, name: str) -> None:
    """Mean, band and last mark of one recipe."""
    colour, marker = style.recipe(name)
    ax.fill_between(
        part["step"],
        part["low"].fillna(part["mean"]),
        part["high"].fillna(part["mean"]),
        color=colour,
        alpha=0.18,
        linewidth=0,
    )
    ax.plot(part["step"], part["mean"], color=colour, linewidth=1.4)
    ax.plot(part["step"].iloc[-1], part["mean"].iloc[-1], marker, color=colour, **marks.MEAN)

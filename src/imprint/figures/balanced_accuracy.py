"""How early every class is recognized: balanced accuracy on the way down."""

import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from imprint.figures import frames, marks, style

PROBES = ("balanced_accuracy",)
SCOPE = "experiment"
TITLE = "Are rare classes recognized early?"
CAPTION = (
    "Mean over the classes of the accuracy on their test examples, against the training loss at the snapshot it is "
    "read at, from the initial weights on the left to the end of training on the right: means over seeds with 95 % "
    "intervals. At one loss, the higher curve has learned the rare classes earlier."
)


def data(atlas: xr.DataTree, claims: pd.DataFrame, experiment: dict) -> pd.DataFrame:
    """Row per protocol, recipe and snapshot: mean, low, high, n of balanced accuracy, and the mean training loss."""
    group = frames.required(atlas, experiment["name"], "balanced_accuracy", ("balanced_accuracy",))
    training = frames.required(atlas, experiment["name"], "training", ("train_loss",))
    by = ["stop", "select", "recipe", "snapshot"]
    table = frames.summary(frames.pooled(frames.tidy(group["balanced_accuracy"])), by)
    loss = frames.summary(frames.pooled(frames.tidy(training["train_loss"])), by)
    merged = table.merge(loss[[*by, "mean"]].rename(columns={"mean": "train_loss"}), on=by)
    return merged.sort_values("train_loss", ascending=False, kind="stable").reset_index(drop=True)


@style.styled
def draw(atlas: xr.DataTree, claims: pd.DataFrame, experiment: dict) -> Figure:
    """A panel per protocol, all on the same axes."""
    table = data(atlas, claims, experiment)
    if table.empty:
        return style.note("No replica has a balanced accuracy.")
    protocols = list(dict.fromkeys(zip(table["stop"], table["select"], strict=True)))
    recipes = style.ordered(table["recipe"])
    drawing = style.figure(max(1.0 + 2.9 * len(protocols), 5.6), 3.6)
    axes = drawing.subplots(1, len(protocols), squeeze=False, sharex=True, sharey=True)[0]
    titles = frames.mode_titles([(*protocol, "") for protocol in protocols])
    for ax, protocol in zip(axes, protocols, strict=True):
        own = table[(table["stop"] == protocol[0]) & (table["select"] == protocol[1])]
        for name in style.ordered(own["recipe"]):
            curve(ax, own[own["recipe"] == name], name)
        ax.set_title(titles[(*protocol, "")] if len(protocols) > 1 else "")
        ax.grid()
    axes[0].invert_xaxis()
    axes[0].set_ylim(0, 1.02)
    drawing.supxlabel("training loss", fontsize=8.5)
    drawing.supylabel("balanced accuracy", fontsize=8.5)
    drawing.legend(handles=style.recipe_handles(recipes), loc="outside upper left", ncols=min(len(recipes), 5))
    return drawing


def curve(ax: Axes, part: pd.DataFrame, name: str) -> None:
    """Snapshots of one recipe in the order of their loss."""
    colour, marker = style.recipe(name)
    low, high = part["low"].fillna(part["mean"]), part["high"].fillna(part["mean"])
    ax.fill_between(part["train_loss"], low, high, color=colour, alpha=0.18, linewidth=0)
    ax.plot(part["train_loss"], part["mean"], marker, color=colour, linestyle="-", linewidth=1.2, **marks.MEAN)

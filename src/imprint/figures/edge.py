"""Does each method stop where its stability ends: curvature over the threshold on the way and at the end."""

import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from imprint.figures import frames, marks, style

PROBES = ("edge",)
SCOPE = "experiment"
TITLE = "At the edge of stability"
CAPTION = (
    "Curvature of the training loss, divided by the largest at which the recipe is stable on a quadratic. Left: its "
    "largest eigenvalue (for Adam of the preconditioned Hessian) at the snapshots, mean over seeds with the range "
    "between them. Middle: its median over the last part of the training; small marks are seeds, the large mark their "
    "mean, the bar its 95 % interval. Right: the trace at the end of training, which only steps on single examples "
    "bound by the same threshold. The pale band is within 5 % of it."
)
BAND = 0.05


def data(atlas: xr.DataTree, claims: pd.DataFrame, experiment: dict) -> pd.DataFrame:
    """Tidy frame: the base axes, ``measure`` (ratio, plateau_ratio, trace_ratio), ``step`` of the snapshot, value.

    The last two measures are there at the final snapshot only.
    """
    names = ("ratio", "plateau_ratio", "trace_ratio")
    group = frames.required(atlas, experiment["name"], "edge", names)
    training = frames.required(atlas, experiment["name"], "training", ("snapshot_step",))
    parts = []
    for name in names:
        tidy = frames.tidy(group[name]).assign(measure=name)
        parts.append(tidy if name == "ratio" else tidy[tidy["snapshot"] == "final"])
    table = pd.concat(parts, ignore_index=True)
    steps = frames.tidy(training["snapshot_step"]).rename(columns={"value": "step"})
    return frames.pooled(table.merge(steps, on=list(frames.KEYS)))


@style.styled
def draw(atlas: xr.DataTree, claims: pd.DataFrame, experiment: dict) -> Figure:
    """A row per protocol: the way there, the plateau, the trace."""
    table = data(atlas, claims, experiment)
    if table.empty:
        return style.note("No replica has a curvature.")
    protocols = list(dict.fromkeys(zip(table["stop"], table["select"], strict=True)))
    recipes = style.ordered(table["recipe"])
    drawing = style.figure(8.6, 0.9 + len(protocols) * max(1.9, 0.6 + 0.24 * len(recipes)))
    axes = drawing.subplots(len(protocols), 3, squeeze=False, sharex="col", width_ratios=[1.5, 1, 1])
    titles = frames.mode_titles([(*protocol, "") for protocol in protocols])
    for row, protocol in zip(axes, protocols, strict=True):
        own = table[(table["stop"] == protocol[0]) & (table["select"] == protocol[1])]
        for name in style.ordered(own["recipe"]):
            curve(row[0], own[(own["recipe"] == name) & (own["measure"] == "ratio")], name)
        edge(row[0].axhspan, row[0].axhline)
        row[0].locator_params(axis="x", nbins=5)
        row[0].grid(axis="y")
        if len(protocols) > 1:
            row[0].set_title(titles[(*protocol, "")])
        for ax, name, log in ((row[1], "plateau_ratio", False), (row[2], "trace_ratio", True)):
            edge(ax.axvspan, ax.axvline)
            marks.strip(ax, own[own["measure"] == name], recipes, len(experiment["seeds"]), log)
        row[2].set_yticklabels([])
    axes[-1, 0].set_xlabel("steps")
    axes[-1, 1].set_xlabel("plateau over threshold")
    axes[-1, 2].set_xlabel("trace over threshold")
    drawing.supylabel("largest eigenvalue over threshold", fontsize=8.5)
    return drawing


def edge(span, line) -> None:
    """The threshold and what is within 5 % of it."""
    span(1 - BAND, 1 + BAND, color=style.FAINT, alpha=0.25, linewidth=0)
    line(1, color=style.INK, linewidth=0.9)


def curve(ax: Axes, part: pd.DataFrame, name: str) -> None:
    """Mean over seeds and the range between them, of one recipe."""
    if part.empty:
        return
    colour, marker = style.recipe(name)
    over = part.groupby("snapshot", sort=False).agg(
        step=("step", "mean"), mean=("value", "mean"), low=("value", "min"), high=("value", "max")
    )
    over = over.sort_values("step")
    ax.fill_between(over["step"], over["low"], over["high"], color=colour, alpha=0.15, linewidth=0)
    ax.plot(over["step"], over["mean"], color=colour, marker=marker, markersize=3.5, linewidth=1.2)

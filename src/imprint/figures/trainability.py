"""Is every task of a long sequence learned as well as the first, and how many units have died by then?"""

import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from imprint.figures import frames, style

PROBES = ("trainability", "dead_units")
SCOPE = "experiment"
TITLE = "Learning task after task"
CAPTION = (
    "Left: training accuracy on each task of the sequence when it was left for the next; a line that falls has lost "
    "the ability to learn. Right: fraction of hidden units that are zero on every test example at that time. Lines are "
    "means over seeds, bands their 95 % intervals."
)
PANELS = {"trained": "training accuracy when the task is left", "overall": "dead units"}


def data(atlas: xr.DataTree, claims: pd.DataFrame, experiment: dict) -> pd.DataFrame:
    """Row per protocol, recipe, measure (trained, overall) and task: mean, low, high, n."""
    learned = frames.required(atlas, experiment["name"], "trainability", ("trained",))
    units = frames.required(atlas, experiment["name"], "dead_units", ("overall",))
    parts = [frames.tidy(learned["trained"]), frames.tidy(units["overall"])]
    table = pd.concat([part.assign(measure=name) for part, name in zip(parts, PANELS, strict=True)], ignore_index=True)
    table = table[table["snapshot"].str.fullmatch(r"task_\d+")]
    table = frames.pooled(table.assign(task=table["snapshot"].str.removeprefix("task_").astype(int)))
    return frames.summary(table, ["stop", "select", "recipe", "measure", "task"])


@style.styled
def draw(atlas: xr.DataTree, claims: pd.DataFrame, experiment: dict) -> Figure:
    """A row per protocol: accuracy, dead units."""
    table = data(atlas, claims, experiment)
    if table.empty:
        return style.note("No replica reached the end of a task.")
    protocols = list(dict.fromkeys(zip(table["stop"], table["select"], strict=True)))
    recipes = style.ordered(table["recipe"])
    drawing = style.figure(7.4, 0.9 + 2.7 * len(protocols))
    axes = drawing.subplots(len(protocols), 2, squeeze=False, sharex=True)
    titles = frames.mode_titles([(*protocol, "") for protocol in protocols])
    for row, protocol in zip(axes, protocols, strict=True):
        own = table[(table["stop"] == protocol[0]) & (table["select"] == protocol[1])]
        for ax, (measure, label) in zip(row, PANELS.items(), strict=True):
            part = own[own["measure"] == measure]
            for name in style.ordered(part["recipe"]):
                curve(ax, part[part["recipe"] == name].sort_values("task"), name)
            ax.set_ylabel(label)
            ax.set_ylim(0, 1.02 if measure == "trained" else None)
            ax.xaxis.get_major_locator().set_params(integer=True)
            ax.grid(axis="y")
        if len(protocols) > 1:
            row[0].set_title(titles[(*protocol, "")])
    for ax in axes[-1]:
        ax.set_xlabel("task of the sequence")
    drawing.legend(handles=style.recipe_handles(recipes), loc="outside upper left", ncols=min(len(recipes), 4))
    return drawing


def curve(ax: Axes, part: pd.DataFrame, name: str) -> None:
    """Mean and band of one recipe over the tasks."""
    colour, marker = style.recipe(name)
    low, high = part["low"].fillna(part["mean"]), part["high"].fillna(part["mean"])
    ax.fill_between(part["task"], low.clip(lower=0), high, color=colour, alpha=0.15, linewidth=0)
    ax.plot(part["task"], part["mean"], color=colour, marker=marker, markersize=3, linewidth=1.3)

"""With which linear model does a network agree: that of SGD, or that of Adam?"""

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.figure import Figure

from imprint.figures import frames, marks, style

PROBES = ("linear_agreement",)
SCOPE = "experiment"
TITLE = "Agreement with linear models"
CAPTION = (
    "Share of examples that get the class which a linear model gives them, for two linear models of the same training "
    "examples: one trained by SGD, across, and one by Adam, up. Right of the line a recipe resembles SGD's linear "
    "model, left of it Adam's; the further from the upper right corner, the less it resembles either. Small marks are "
    "seeds, the large mark their mean, the bars its 95 % intervals."
)
REFERENCES = ("sgd", "adam")
ROOM = 0.08


def data(atlas: xr.DataTree, claims: pd.DataFrame, experiment: dict) -> pd.DataFrame:
    """Row per mode, recipe and seed: agreement with either reference, in columns ``sgd`` and ``adam``."""
    group = frames.required(atlas, experiment["name"], "linear_agreement", ("agreement",))
    tidy = frames.pooled(frames.tidy(group["agreement"]))
    tidy = tidy[tidy["snapshot"].isin(frames.endpoint(pd.unique(tidy["snapshot"])))]
    table = tidy.pivot_table(index=[*frames.MODE, "recipe", "seed"], columns="reference", values="value", sort=False)
    return table.reindex(columns=list(REFERENCES)).reset_index()


@style.styled
def draw(atlas: xr.DataTree, claims: pd.DataFrame, experiment: dict) -> Figure:
    """A square panel per mode."""
    table = data(atlas, claims, experiment)
    if table.empty:
        return style.note("No replica reached the condition.")
    modes = frames.modes(table)
    drawing = style.figure(0.8 + 3.1 * len(modes), 4.1)
    axes = drawing.subplots(1, len(modes), squeeze=False, sharex=True, sharey=True)[0]
    titles = frames.mode_titles(modes)
    limits = window(table[list(REFERENCES)].to_numpy())
    for ax, mode in zip(axes, modes, strict=True):
        ax.plot(limits, limits, color=style.FAINT, linewidth=0.9)
        own = table[(table[frames.MODE] == list(mode)).all(axis=1)].set_index(["recipe", "seed"])
        marks.plane(ax, own, *REFERENCES)
        ax.set(xlim=limits, ylim=limits, box_aspect=1)
        ax.grid()
        for axis in ("x", "y"):
            ax.locator_params(axis=axis, nbins=5)
        if len(modes) > 1:
            ax.set_title(titles[mode])
    drawing.supxlabel("agreement with the linear model of SGD", fontsize=8.5)
    drawing.supylabel("agreement with the linear model of Adam", fontsize=8.5)
    recipes = pd.unique(table["recipe"])
    columns = min(len(recipes), 3 * len(modes))
    handles = style.recipe_handles(recipes)
    drawing.legend(handles=handles, loc="outside upper left", ncols=columns, columnspacing=1.0, handletextpad=0.1)
    return drawing


def window(values: np.ndarray) -> tuple[float, float]:
    """Common limits of both axes: the values with room around them, not beyond 1 by more than the marks."""
    low, high = values.min(), values.max()
    room = ROOM * max(high - low, 0.02)
    return low - room, high + room

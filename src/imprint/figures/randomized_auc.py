"""Which block of the inputs is read: the AUC that is left when one block is randomized."""

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.figure import Figure

from imprint.figures import frames, marks, style

PROBES = ("randomized_blocks",)
SCOPE = "experiment"
TITLE = "Which feature is read"
CAPTION = (
    "Area under the ROC curve when one block of coordinates, such as half of an image, is permuted across the test "
    "examples: 0.5 where that block is all the classifier reads, and as high as without permutation, 1 where classes "
    "do not overlap, where it reads none of it. Small marks are seeds, the large mark their mean, the bar its 95 % "
    "interval; the pale bands are within 0.02 of these two values."
)
BAND = 0.02


def data(atlas: xr.DataTree, claims: pd.DataFrame, experiment: dict) -> pd.DataFrame:
    """Tidy frame of `randomized_auc`: the base axes, block, value; without the initial weights."""
    group = frames.required(atlas, experiment["name"], "randomized_blocks", ("randomized_auc",))
    tidy = frames.pooled(frames.tidy(group["randomized_auc"]))
    return tidy[tidy["snapshot"].isin(frames.endpoint(pd.unique(tidy["snapshot"])))].reset_index(drop=True)


@style.styled
def draw(atlas: xr.DataTree, claims: pd.DataFrame, experiment: dict) -> Figure:
    """A column per block, a row per mode, recipes from top to bottom."""
    tidy = data(atlas, claims, experiment)
    if tidy.empty:
        return style.note("No replica reached the condition.")
    modes, blocks = frames.modes(tidy), list(pd.unique(tidy["block"]))
    recipes = style.ordered(tidy["recipe"])
    drawing = style.figure(1.6 + 2.9 * len(blocks), 0.5 + len(modes) * (0.75 + 0.24 * len(recipes)))
    axes = drawing.subplots(len(modes), len(blocks), squeeze=False, sharey=True, sharex="col")
    titles = frames.mode_titles(modes)
    for row, mode in zip(axes, modes, strict=True):
        own = tidy[(tidy[frames.MODE] == list(mode)).all(axis=1)]
        for ax, block in zip(row, blocks, strict=True):
            for place in (0.5, 1.0):
                ax.axvspan(place - BAND, place + BAND, color=style.FAINT, alpha=0.25, linewidth=0)
                ax.axvline(place, color=style.INK, linewidth=0.9)
            marks.strip(ax, own[own["block"] == block], recipes, len(experiment["seeds"]))
            part = tidy[tidy["block"] == block]["value"]
            ax.set_xlim(window(part.to_numpy()))
            ax.set_title(f"{block.replace('_', ' ')} randomized" + (f"\n{titles[mode]}" if len(modes) > 1 else ""))
    drawing.supxlabel("AUC", fontsize=8.5)
    return drawing


def window(values: np.ndarray) -> tuple[float, float]:
    """The data and the nearer of 0.5 and 1 with its band, so that a departure of 0.02 can be seen."""
    near = 0.5 if abs(np.median(values) - 0.5) < abs(np.median(values) - 1) else 1.0
    low, high = min(values.min(), near - 1.6 * BAND), max(values.max(), near + 1.6 * BAND)
    return low - 0.05 * (high - low), min(high + 0.05 * (high - low), 1 + BAND / 4)

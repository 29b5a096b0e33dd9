"""What rounding costs, bit by bit: the accuracy that each recipe's solutions lose."""

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from imprint.figures import frames, marks, style

PROBES = ("quantization",)
SCOPE = "experiment"
TITLE = "What rounding to few bits costs"
CAPTION = (
    "Test accuracy lost when every linear layer is rounded to nearest, row by row, to the bits given: its weights "
    "alone, or its weights and its inputs. Marks are means over seeds, bars their 95 % intervals, recipes beside one "
    "another within a width. The scale is linear up to 0.01 and logarithmic beyond."
)
LINEAR = 0.01
TICKS = (-0.1, -0.01, 0, 0.01, 0.1, 1)
SPREAD = 0.5  # of the distance between two widths, shared by the recipes
WORDS = {"weights": "weights", "both": "weights and activations"}


def data(atlas: xr.DataTree, claims: pd.DataFrame, experiment: dict) -> pd.DataFrame:
    """Tidy frame of `drop`: the base axes, rounded, bits, value; without the initial weights."""
    group = frames.required(atlas, experiment["name"], "quantization", ("drop",))
    tidy = frames.pooled(frames.tidy(group["drop"]))
    return tidy[tidy["snapshot"].isin(frames.endpoint(pd.unique(tidy["snapshot"])))].reset_index(drop=True)


@style.styled
def draw(atlas: xr.DataTree, claims: pd.DataFrame, experiment: dict) -> Figure:
    """A column for weights and for both, a row per mode, a curve per recipe."""
    tidy = data(atlas, claims, experiment)
    if tidy.empty:
        return style.note("No replica reached the condition.")
    modes, kinds = frames.modes(tidy), list(pd.unique(tidy["rounded"]))
    recipes, bits = style.ordered(tidy["recipe"]), sorted(pd.unique(tidy["bits"]), reverse=True)
    drawing = style.figure(1.0 + 3.1 * len(kinds), 0.9 + 2.3 * len(modes))
    axes = drawing.subplots(len(modes), len(kinds), squeeze=False, sharex=True, sharey=True)
    titles = frames.mode_titles(modes)
    for row, mode in zip(axes, modes, strict=True):
        own = tidy[(tidy[frames.MODE] == list(mode)).all(axis=1)]
        for ax, kind in zip(row, kinds, strict=True):
            curves(ax, own[own["rounded"] == kind], recipes, bits)
            ax.set_title(WORDS.get(kind, kind) + (f"\n{titles[mode]}" if len(modes) > 1 else ""))
    scale(axes[0, 0], tidy["value"])
    drawing.supxlabel("bits", fontsize=8.5)
    drawing.supylabel("test accuracy lost", fontsize=8.5)
    drawing.legend(
        handles=style.recipe_handles(recipes),
        loc="outside upper left",
        ncols=min(len(recipes), 3 * len(kinds)),
        columnspacing=1.0,
        handletextpad=0.1,
    )
    return drawing


def curves(ax: Axes, part: pd.DataFrame, recipes: list[str], bits: list[int]) -> None:
    """One panel: a curve of means with intervals per recipe, the recipes side by side at each width."""
    table = frames.summary(part, ["recipe", "bits"])
    shifts = SPREAD * (np.arange(len(recipes)) - (len(recipes) - 1) / 2) / len(recipes)
    ax.axhline(0, color=style.INK, linewidth=0.9)
    for name, shift in zip(recipes, shifts, strict=True):
        own = table[table["recipe"] == name].set_index("bits").reindex(bits)
        colour, marker = style.recipe(name)
        x = np.arange(len(bits)) + shift
        ax.vlines(x, own["low"], own["high"], color=colour, linewidth=1.5)
        ax.plot(x, own["mean"], color=colour, linewidth=0.8, alpha=0.5)
        ax.plot(x, own["mean"], marker, color=colour, **marks.MEAN)
    ax.set_xticks(range(len(bits)), [f"{width:g}" for width in bits])
    ax.grid(axis="y")


def scale(ax: Axes, values: pd.Series) -> None:
    """Linear up to `LINEAR` and logarithmic beyond, over the values with some room."""
    ax.set_yscale("symlog", linthresh=LINEAR, linscale=0.6)
    low, high = min(1.5 * values.min(), -0.3 * LINEAR), max(1.5 * values.max(), 2 * LINEAR)
    ax.set_yticks(TICKS, [f"{tick:g}" for tick in TICKS])
    ax.yaxis.set_minor_locator(NullLocator())
    ax.set_ylim(low, high)

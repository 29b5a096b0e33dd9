"""The imprint at a glance: every measure of every recipe against a reference recipe."""

import textwrap

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from imprint.figures import frames, style

PROBES = ("performance", "effective_rank", "activation_rank", "sparsity", "distance")
SCOPE = "experiment"
TITLE = "The imprint at a glance"
CAPTION = (
    "Paired mean difference of each recipe from the reference (named at the colour bar), in units of the "
    "standard deviation over seeds (root mean square of the two recipes'). A cell is coloured, blue for "
    "more and orange for less, where the 95 % interval of the paired difference excludes zero, and blank "
    "where it does not; these intervals are not adjusted for the number of cells, the claims are. Beyond 4 "
    "the colour is full."
)
LABELS = 3
FULL = 4.0
REFERENCES = ("sgd", "gd", "adam")


def reference(recipes: list[str]) -> str:
    """The recipe that the others are compared with."""
    return next((name for name in REFERENCES if name in recipes), recipes[0])


def data(atlas: xr.DataTree, claims: pd.DataFrame, experiment: dict) -> pd.DataFrame:
    """Row per measure, mode and recipe: mean difference, interval, n, and effect in seed deviations."""
    base = reference(experiment["recipes"])
    rows = []
    for name, values in measures(atlas, experiment):
        tidy = frames.pooled(frames.tidy(values))
        for mode in frames.modes(tidy):
            own = tidy[(tidy[frames.MODE] == list(mode)).all(axis=1)]
            table = own.pivot_table(index="seed", columns="recipe", values="value")
            rows += [
                (name, *mode, recipe, *effect(table[recipe], table[base]))
                for recipe in style.ordered(table.columns)
                if recipe != base and base in table
            ]
    columns = ["measure", *frames.MODE, "recipe", "difference", "low", "high", "n", "effect"]
    return pd.DataFrame(rows, columns=columns)


def measures(atlas: xr.DataTree, experiment: dict):
    """Scalar measures of all probes, and those with few labels on a further dimension: (name, array)."""
    for probe in experiment["probes"]:
        group = frames.group(atlas, experiment["name"], probe)
        for variable, values in (group.data_vars if group is not None else {}).items():
            extra = [dim for dim in values.dims if dim not in frames.KEYS]
            name = (
                f"{probe.replace('_', ' ')}: {variable.replace('_', ' ')}"
                if probe != variable
                else probe.replace("_", " ")
            )
            if not extra:
                yield name, values
            elif len(extra) == 1 and values.sizes[extra[0]] <= LABELS:
                for label in values[extra[0]].values:
                    yield f"{name}, {label}", values.sel({extra[0]: label}, drop=True)


def effect(ours: pd.Series, theirs: pd.Series) -> tuple[float, float, float, int, float]:
    """Paired mean difference, its 95 % interval, n, and the difference in seed standard deviations."""
    both = pd.concat([ours, theirs], axis=1).dropna().to_numpy(float)
    if len(both) < 2:
        return (np.nan, np.nan, np.nan, len(both), np.nan)
    mean, low, high, n = frames.interval(both[:, 0] - both[:, 1])
    spread = np.sqrt(both.var(axis=0, ddof=1).mean())
    return mean, low, high, n, mean / spread if spread > 0 else np.nan


@style.styled
def draw(atlas: xr.DataTree, claims: pd.DataFrame, experiment: dict) -> Figure:
    """Measures down, recipes across, a block per mode."""
    table = data(atlas, claims, experiment)
    if table.empty:
        return style.note("Fewer than two recipes share a measure.")
    modes, names = frames.modes(table), list(pd.unique(table["measure"]))
    recipes = style.ordered(table["recipe"])
    drawing = style.figure(3.0 + 0.36 * len(recipes) * len(modes) + 0.6, 1.3 + 0.21 * len(names))
    axes = drawing.subplots(1, len(modes), squeeze=False, sharey=True)[0]
    titles = frames.mode_titles(modes)
    for ax, mode in zip(axes, modes, strict=True):
        own = table[(table[frames.MODE] == list(mode)).all(axis=1)].set_index(["measure", "recipe"])
        image = block(ax, own, names, recipes)
        ax.set_title(textwrap.fill(titles[mode], 5 * len(recipes)), fontsize=8.5)
    base = reference(experiment["recipes"])
    bar = drawing.colorbar(
        image,
        ax=axes,
        aspect=30,
        pad=0.01,
        fraction=0.02,
        extend="both",
        label=f"difference from {base} [seed standard deviations]",
    )
    bar.outline.set_visible(False)
    return drawing


def block(ax: Axes, table: pd.DataFrame, names: list[str], recipes: list[str]):
    """Cells of one mode, with the effect in each."""
    grid = pd.MultiIndex.from_product([names, recipes])
    values = table.reindex(grid)
    clear = (values["low"] > 0) | (values["high"] < 0)
    shape = (len(names), len(recipes))
    shown = values["effect"].where(clear).to_numpy(float).reshape(shape)
    image = ax.pcolormesh(
        np.ma.masked_invalid(shown),
        vmin=-FULL,
        vmax=FULL,
        cmap=style.DIVERGING,
        edgecolors="face",
        linewidth=0.4,
    )
    numbers = values["effect"].to_numpy(float).reshape(shape)
    for (i, j), number in np.ndenumerate(numbers):
        ink = style.INK if np.isnan(shown[i, j]) else style.CELL_INK[int(abs(shown[i, j]) > 0.65 * FULL)]
        text = "·" if np.isnan(number) else f"{round(number, 1) + 0.0:+.1f}" if abs(number) < 9.95 else f"{number:+.0f}"
        ax.text(j + 0.5, i + 0.5, text.replace("-", "−"), ha="center", va="center", fontsize=6, color=ink)
    ax.set(ylim=(len(names), 0))
    ax.set_xticks(np.arange(len(recipes)) + 0.5, recipes, rotation=55, ha="right", rotation_mode="anchor")
    ax.set_yticks(np.arange(len(names)) + 0.5, names, fontsize=7.5)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    return image

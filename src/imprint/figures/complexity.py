"""How complex a network's function is before and after training."""

import pandas as pd
import xarray as xr
from matplotlib.figure import Figure

from imprint.figures import frames, marks, style

PROBES = ("complexity",)
SCOPE = "experiment"
TITLE = "Complexity of the function, before and after training"
CAPTION = (
    "Three measures of the function on the square: mean frequency in cycles per side, mean order of Chebyshev "
    "polynomials, phrases in a Lempel-Ziv dictionary. Small marks are networks after training, the large mark is their "
    "mean, the bar its 95 % interval. Dashed: the mean before training, the same for every recipe."
)
PANELS = {"fourier": "cycles per side", "chebyshev": "order of polynomials", "lempel_ziv": "phrases"}


def data(atlas: xr.DataTree, claims: pd.DataFrame, experiment: dict) -> pd.DataFrame:
    """Row per comparison mode, recipe, seed and measure: ``before`` and ``after`` training."""
    group = frames.required(atlas, experiment["name"], "complexity", tuple(PANELS))
    parts = []
    for name in PANELS:
        tidy = frames.tidy(group[name])
        first = tidy[tidy["snapshot"] == "init"].drop(columns="snapshot").rename(columns={"value": "before"})
        last = tidy[tidy["snapshot"].isin(frames.endpoint(pd.unique(tidy["snapshot"])))]
        last = last.rename(columns={"value": "after"})
        parts.append(last.merge(first, on=["stop", "select", "recipe", "seed"]).assign(measure=name))
    return frames.pooled(pd.concat(parts, ignore_index=True))


@style.styled
def draw(atlas: xr.DataTree, claims: pd.DataFrame, experiment: dict) -> Figure:
    """A row per comparison mode, a panel per measure, a line per recipe."""
    table = data(atlas, claims, experiment)
    if table.empty:
        return style.note("No replica reached a snapshot that is compared.")
    modes, recipes = frames.modes(table), style.ordered(table["recipe"])
    drawing = style.figure(7.8, len(modes) * (0.9 + 0.26 * len(recipes)) + 0.2)
    axes = drawing.subplots(len(modes), len(PANELS), squeeze=False, sharey=True)
    titles = frames.mode_titles(modes)
    for row, mode in zip(axes, modes, strict=True):
        own = table[(table[frames.MODE] == list(mode)).all(axis=1)]
        for ax, (measure, label) in zip(row, PANELS.items(), strict=True):
            part = own[own["measure"] == measure]
            marks.strip(ax, part.rename(columns={"after": "value"}), recipes, table["seed"].nunique())
            ax.axvline(part.groupby("seed")["before"].mean().mean(), color=style.INK, linewidth=0.9, linestyle="--")
            ax.set_xlabel(label)
        if len(modes) > 1:
            row[0].set_title(titles[mode])
    return drawing

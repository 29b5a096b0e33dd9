"""How close each method comes to the best margin there is, norm by norm."""

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from imprint.figures import frames, style

PROBES = ("margins",)
SCOPE = "experiment"
TITLE = "Whose margin is maximized"
CAPTION = (
    "Margin reached, divided by a certified upper bound on the best one, in three norms: 1 is optimal. Mean "
    "over seeds with the half-width of its 95 % interval. The outlined cell is the norm that theory gives "
    "the method; it should be the darkest of its row and of its column."
)
OWN = {
    "max": ("sign", "signum", "lion", "adam"),
    "spectral": ("spectral", "muon", "shampoo"),
    "l2": ("gd", "sgd", "momentum", "gradient", "normalized"),
}  # norm: first words of the recipes that descend in it


def data(atlas: xr.DataTree, claims: pd.DataFrame, experiment: dict) -> pd.DataFrame:
    """Row per mode, recipe and norm: mean, low, high, n of the ratio, and if the norm is the method's own."""
    group = frames.required(atlas, experiment["name"], "margins", ("ratio",))
    tidy = frames.pooled(frames.tidy(group["ratio"]))
    tidy = tidy[tidy["snapshot"].isin(frames.endpoint(pd.unique(tidy["snapshot"])))]
    table = frames.summary(tidy, [*frames.MODE, "recipe", "norm"])
    own = [r.split("_")[0] in OWN.get(n, ()) for r, n in zip(table["recipe"], table["norm"], strict=True)]
    return table.assign(own=own)


@style.styled
def draw(atlas: xr.DataTree, claims: pd.DataFrame, experiment: dict) -> Figure:
    """A heat map of recipes by norms per mode."""
    table = data(atlas, claims, experiment)
    if table.empty:
        return style.note("No replica has a margin.")
    modes, recipes = frames.modes(table), style.ordered(table["recipe"])
    norms = list(pd.unique(table["norm"]))
    drawing = style.figure(1.9 + 1.15 * len(norms) * len(modes), 1.0 + 0.36 * len(recipes))
    axes = drawing.subplots(1, len(modes), squeeze=False, sharey=True)[0]
    titles = frames.mode_titles(modes)
    for ax, mode in zip(axes, modes, strict=True):
        own = table[(table[frames.MODE] == list(mode)).all(axis=1)].set_index(["recipe", "norm"])
        image = cells(ax, own, recipes, norms)
        if len(modes) > 1:
            ax.set_title(titles[mode])
    bar = drawing.colorbar(image, ax=axes, label="margin / bound", aspect=14, pad=0.02)
    bar.outline.set_visible(False)
    return drawing


def cells(ax: Axes, table: pd.DataFrame, recipes: list[str], norms: list[str]):
    """Coloured cells with numbers; the method's own norm outlined."""
    grid = pd.MultiIndex.from_product([recipes, norms])
    means = table["mean"].reindex(grid).to_numpy().reshape(len(recipes), len(norms))
    image = ax.pcolormesh(means, vmin=0, vmax=1, cmap=style.SCALE, edgecolors="face", linewidth=0.4)
    for (name, norm), row in table.iterrows():
        y, x = recipes.index(name), norms.index(norm)
        half = (row["high"] - row["low"]) / 2
        text = f"{row['mean']:.3f}" + (f"\n±{half:.3f}" if np.isfinite(half) else "")
        ink = style.CELL_INK[int(row["mean"] > 0.7)]
        ax.text(x + 0.5, y + 0.5, text, ha="center", va="center", color=ink, fontsize=7.5, linespacing=1.0)
        if row["own"]:
            ax.add_patch(Rectangle((x + 0.03, y + 0.05), 0.94, 0.9, fill=False, edgecolor="#ee7830", linewidth=2.2))
    ax.set(ylim=(len(recipes), 0))
    ax.set_xticks(np.arange(len(norms)) + 0.5, [f"{norm} norm" for norm in norms])
    ax.set_yticks(np.arange(len(recipes)) + 0.5, recipes)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    return image

"""Where all eigenvalues of the Hessian lie: the bulk at zero, the negative ones, those that stand apart."""

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from imprint.figures import frames, style

PROBES = ("spectral_density",)
SCOPE = "experiment"
TITLE = "The spectrum of the curvature"
CAPTION = (
    "Density of the eigenvalues of the Hessian of the training loss, by stochastic Lanczos quadrature. Every network's "
    "eigenvalues are parts of its own largest one, on a scale that is linear near zero and logarithmic beyond 0.001 to "
    "both sides; the density is one on this scale. Lines are means over seeds, bands their 95 % intervals. The peak in "
    "the middle is the bulk of directions in which the loss is flat, what is left of it curves downwards."
)
COLUMNS = 3
LINEAR = 0.001  # of the scale, that of the probe's grid
TICKS = (-1, -0.1, -0.01, 0, 0.01, 0.1, 1)
LEAST = 1e-4  # the density shown; one eigenvalue of a hundred thousand peaks here


def position(relative: np.ndarray) -> np.ndarray:
    """Return the place of a relative eigenvalue on the scale of the probe's grid, -1 and 1 at -1 and 1."""
    return np.sign(relative) * np.log1p(np.abs(relative) / LINEAR) / np.log1p(1 / LINEAR)


def data(atlas: xr.DataTree, claims: pd.DataFrame, experiment: dict) -> pd.DataFrame:
    """Row per mode, recipe and relative eigenvalue: mean, low, high, n of the density."""
    group = frames.required(atlas, experiment["name"], "spectral_density", ("density",))
    tidy = frames.pooled(frames.tidy(group["density"]))
    tidy = tidy[tidy["snapshot"].isin(frames.endpoint(pd.unique(tidy["snapshot"])))]
    return frames.summary(tidy, [*frames.MODE, "recipe", "relative"])


@style.styled
def draw(atlas: xr.DataTree, claims: pd.DataFrame, experiment: dict) -> Figure:
    """A panel per comparison mode, all on the same axes."""
    table = data(atlas, claims, experiment)
    if table.empty:
        return style.note("No replica reached a snapshot that is compared.")
    modes, recipes = frames.modes(table), style.ordered(table["recipe"])
    drawing, axes, columns = style.panels(len(modes), COLUMNS, (3.6, 2.8), 5.6)
    titles = frames.mode_titles(modes)
    for ax, mode in zip(axes, modes, strict=True):
        own = table[(table[frames.MODE] == list(mode)).all(axis=1)]
        for name in style.ordered(own["recipe"]):
            curve(ax, own[own["recipe"] == name].sort_values("relative"), name)
        ax.axvline(0, color=style.FAINT, linewidth=0.8, zorder=0)
        ax.set_xticks(position(np.array(TICKS)), [f"{tick:g}" for tick in TICKS])
        ax.set_yscale("log")
        ax.set_ylim(LEAST, 2 * table["mean"].max())
        style.log_ticks(ax.yaxis)
        ax.grid()
        if len(modes) > 1:
            ax.set_title(titles[mode])
    drawing.supxlabel("eigenvalue over the largest", fontsize=8.5)
    drawing.supylabel("density", fontsize=8.5)
    drawing.legend(
        handles=style.recipe_handles(recipes),
        loc="outside upper left",
        ncols=min(len(recipes), 4 * columns),
        columnspacing=1.0,
        handletextpad=0.1,
    )
    return drawing


def curve(ax: Axes, part: pd.DataFrame, name: str) -> None:
    """Mean and band of one recipe; marks every tenth cell."""
    colour, marker = style.recipe(name)
    x = position(part["relative"].to_numpy(float))
    low, high = (part[end].fillna(part["mean"]).clip(lower=LEAST / 10) for end in ("low", "high"))
    ax.fill_between(x, low, high, color=colour, alpha=0.18, linewidth=0)
    ax.plot(
        x, part["mean"].clip(lower=LEAST / 10), color=colour, linewidth=1.2, marker=marker, markersize=3, markevery=10
    )

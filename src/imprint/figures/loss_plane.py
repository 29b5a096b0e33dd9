"""The loss around the solutions: along random lines, and in the plane of two of them."""

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from imprint.figures import frames, style

PROBES = ("loss_plane",)
SCOPE = "experiment"
TITLE = "The valley around the solution"
CAPTION = (
    "Training loss when the weights move along random directions, the same for all networks, in which every unit's "
    "incoming weights have the norm of the network's own: at 1 each unit has moved by its own size. First panel: along "
    "lines, means over seeds and directions with the 95 % intervals over seeds. The others: the plane of the first two "
    "directions, geometric means over seeds; the lines join points of one loss, the cross is the solution."
)
COLUMNS = 4
LEVELS = 9
LEAST = 1e-6  # of a loss that is drawn on a logarithmic axis


def data(atlas: xr.DataTree, claims: pd.DataFrame, experiment: dict) -> pd.DataFrame:
    """Row per mode, recipe, measure and place.

    ``loss``: mean, low, high, n at ``along``, of seeds (the mean over the directions is taken first); ``plane``: the
    same of the loss at ``first`` and ``second``, through logarithms.
    """
    group = frames.required(atlas, experiment["name"], "loss_plane", ("loss", "plane"))
    arrays = {"loss": group["loss"].mean("direction"), "plane": group["plane"].clip(min=LEAST)}
    parts = []
    for name, values in arrays.items():
        tidy = frames.pooled(frames.tidy(values))
        tidy = tidy[tidy["snapshot"].isin(frames.endpoint(pd.unique(tidy["snapshot"])))]
        places = [dim for dim in values.dims if dim in ("along", "first", "second")]
        table = frames.summary(tidy, [*frames.MODE, "recipe", *places], log=name == "plane")
        parts.append(table.assign(measure=name))
    return pd.concat(parts, ignore_index=True)


@style.styled
def draw(atlas: xr.DataTree, claims: pd.DataFrame, experiment: dict) -> Figure:
    """Rows of panels per comparison mode: the lines of all recipes, then a plane per recipe on one scale of colours."""
    table = data(atlas, claims, experiment)
    if table.empty:
        return style.note("No replica reached a snapshot that is compared.")
    modes, recipes = frames.modes(table), style.ordered(table["recipe"])
    columns = min(len(recipes) + 1, COLUMNS)
    rows = -(-(len(recipes) + 1) // columns)
    drawing = style.figure(1.2 + 2.1 * columns, 1.0 + 2.2 * rows * len(modes))
    blocks = drawing.subplots(rows * len(modes), columns, squeeze=False).reshape(len(modes), rows * columns)
    planes = table[table["measure"] == "plane"]
    norm = LogNorm(planes["mean"].min(), max(planes["mean"].max(), 1.01 * planes["mean"].min()))
    titles = frames.mode_titles(modes)
    for block, mode in zip(blocks, modes, strict=True):
        own = table[(table[frames.MODE] == list(mode)).all(axis=1)]
        slices(block[0], own[own["measure"] == "loss"])
        block[0].set_title(titles[mode] if len(modes) > 1 else "lines")
        for ax, name in zip(block[1:], recipes, strict=False):
            plane(ax, own[(own["measure"] == "plane") & (own["recipe"] == name)], norm)
            ax.set_title(name, color=style.recipe(name)[0])
        for ax in block[1 + len(recipes) :]:
            ax.set_visible(False)
    drawing.colorbar(
        ScalarMappable(norm, style.SCALE), ax=blocks.ravel().tolist(), label="training loss", fraction=0.03, pad=0.02
    )
    drawing.legend(
        handles=style.recipe_handles(recipes),
        loc="outside upper left",
        ncols=min(len(recipes), 2 * columns),
        columnspacing=1.0,
        handletextpad=0.1,
    )
    return drawing


def slices(ax: Axes, table: pd.DataFrame) -> None:
    """Mean and band of every recipe along the lines."""
    for name in style.ordered(table["recipe"]):
        part = table[table["recipe"] == name].sort_values("along")
        colour, marker = style.recipe(name)
        mean, low, high = (part[end].fillna(part["mean"]).clip(lower=LEAST) for end in ("mean", "low", "high"))
        ax.fill_between(part["along"], low, high, color=colour, alpha=0.18, linewidth=0)
        ax.plot(part["along"], mean, color=colour, linewidth=1.2, marker=marker, markersize=3, markevery=5)
    ax.set_yscale("log")
    bottom = table["mean"].clip(lower=LEAST)
    ax.set_ylim(bottom.min() / 1.5, 1.5 * bottom.max())
    style.log_ticks(ax.yaxis)
    ax.set_xticks((-1, 0, 1))
    ax.set_xlabel("step")
    ax.grid()


def plane(ax: Axes, part: pd.DataFrame, norm: LogNorm) -> None:
    """Colours and lines of equal loss of one recipe."""
    ax.set_aspect("equal")
    ax.set_xticks((-1, 0, 1))
    ax.set_yticks((-1, 0, 1))
    ax.set_xlim(-1, 1)
    ax.set_ylim(-1, 1)
    if part.empty:
        ax.text(0, 0, "no replica", ha="center", va="center", fontsize=7)
        return
    grid = part.pivot(index="second", columns="first", values="mean")
    levels = np.geomspace(norm.vmin, norm.vmax, LEVELS)
    ax.pcolormesh(grid.columns, grid.index, grid, norm=norm, cmap=style.SCALE, shading="gouraud", rasterized=True)
    if grid.to_numpy().min() < levels[-2] and grid.to_numpy().max() > levels[1]:
        ax.contour(grid.columns, grid.index, grid, levels=levels[1:-1], colors=style.INK, linewidths=0.5)
    ax.plot(0, 0, "+", color=style.CELL_INK[0], markersize=5, markeredgewidth=0.9)

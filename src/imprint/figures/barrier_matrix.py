"""The barrier between solutions of every two recipes, before and after matching their units."""

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from imprint.figures import frames, style

PROBES = ("connectivity",)
SCOPE = "experiment"
TITLE = "How far apart the optimizers' solutions are"
CAPTION = (
    "Training loss barrier on the straight line from a solution of the recipe in the row to one of the recipe in the "
    "column: mean over pairs of replicas and, below it, the 95 % percentile interval of a bootstrap over pairs. Left: "
    "pairs of different seeds, units as they are. Middle: the same pairs, hidden units of the second network in the "
    "order that is nearest to the first. Right: pairs of one seed, begun at the same weights; on the diagonal a "
    "solution and itself. Each panel has its own scale of colour; blank: no pair reached the condition."
)
PANELS = (("other", "given"), ("other", "matched"), ("same", "given"))
TITLES = ("other seed", "other seed, units matched", "same seed")
RESAMPLES = 9999
RESAMPLING_SEED = 20251
COLUMNS = ["stop", "select", "start", "units", "recipe", "partner", "mean", "low", "high", "n"]


def data(atlas: xr.DataTree, claims: pd.DataFrame, experiment: dict) -> pd.DataFrame:
    """Row per mode, panel, recipe and partner: mean over pairs, ends of the bootstrap interval, number of pairs."""
    group = frames.required(atlas, experiment["name"], "connectivity", ("loss_barrier",))
    tidy = frames.pooled(frames.tidy(group["loss_barrier"]))
    tidy = tidy[tidy["snapshot"].isin(frames.endpoint(pd.unique(tidy["snapshot"])))]
    kept = [tidy[(tidy["start"] == start) & (tidy["units"] == units)] for start, units in PANELS]
    by = COLUMNS[:6]
    rows = [
        (*key, *interval(part["value"].to_numpy(float)))
        for each in kept
        for key, part in each.groupby(by, sort=False, observed=True)
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def interval(values_N: np.ndarray) -> tuple[float, float, float, int]:
    """Mean, ends of the 95 % percentile interval of its bootstrap, and N; no ends for fewer than two values."""
    if len(values_N) < 2:
        return values_N.mean(), np.nan, np.nan, len(values_N)
    drawn = np.random.default_rng(RESAMPLING_SEED).integers(len(values_N), size=(RESAMPLES, len(values_N)))
    low, high = np.quantile(values_N[drawn].mean(1), [0.025, 0.975])
    return values_N.mean(), low, high, len(values_N)


@style.styled
def draw(atlas: xr.DataTree, claims: pd.DataFrame, experiment: dict) -> Figure:
    """A row of three matrices per mode."""
    table = data(atlas, claims, experiment)
    if table.empty:
        return style.note("No two solutions reached the condition.")
    protocols = list(dict.fromkeys(zip(table["stop"], table["select"], strict=True)))
    recipes = style.ordered([*table["recipe"], *table["partner"]])
    side = 0.72 * len(recipes)
    drawing = style.figure(1.2 + len(PANELS) * max(side + 0.25, 1.9), 0.35 + len(protocols) * (side + 0.75))
    axes = drawing.subplots(len(protocols), len(PANELS), squeeze=False, sharey=True)
    titles = frames.mode_titles([(*protocol, "") for protocol in protocols])
    for row, protocol in zip(axes, protocols, strict=True):
        own = table[(table["stop"] == protocol[0]) & (table["select"] == protocol[1])]
        for ax, (start, units), title in zip(row, PANELS, TITLES, strict=True):
            matrix(ax, own[(own["start"] == start) & (own["units"] == units)], recipes)
            ax.set_title(title)
        if len(protocols) > 1:
            row[0].set_ylabel(titles[(*protocol, "")])
    return drawing


def matrix(ax: Axes, table: pd.DataFrame, recipes: list[str]) -> None:
    """Cells of one panel: colour and mean, with the interval below."""
    grid = pd.MultiIndex.from_product([recipes, recipes], names=["recipe", "partner"])
    cells = table.set_index(["recipe", "partner"]).reindex(grid)
    means = cells["mean"].to_numpy(float).reshape(len(recipes), -1)
    top = max(np.nanmax(means), 1e-9) if np.isfinite(means).any() else 1.0
    ax.pcolormesh(
        np.ma.masked_invalid(means), vmin=0, vmax=top, cmap=style.SCALE, edgecolors=style.FAINT, linewidth=0.4
    )
    for place, cell in enumerate(cells.itertuples()):
        if np.isfinite(cell.mean):
            y, x = divmod(place, len(recipes))
            ink = style.CELL_INK[int(cell.mean > 0.65 * top)]
            ax.text(x + 0.5, y + 0.42, f"{cell.mean:.3f}", ha="center", va="center", fontsize=7.5, color=ink)
            if np.isfinite(cell.low):
                ends = f"{cell.low:.3f}\u2013{cell.high:.3f}"
                ax.text(x + 0.5, y + 0.72, ends, ha="center", va="center", fontsize=5, color=ink)
    ax.set(aspect="equal", xlim=(0, len(recipes)), ylim=(len(recipes), 0))
    ax.set_xticks(np.arange(len(recipes)) + 0.5, recipes, rotation=35, ha="right", rotation_mode="anchor")
    ax.set_yticks(np.arange(len(recipes)) + 0.5, recipes)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)

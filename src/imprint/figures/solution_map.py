"""The map of solutions: recipes placed by how alike their imprints are, and their seeds around them."""

import re

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.linalg import orthogonal_procrustes
from sklearn.manifold import MDS
from sklearn.metrics.pairwise import nan_euclidean_distances

from imprint.figures import apart, frames, marks, style
from imprint.figures.imprint_map import measures

PROBES = ()
SCOPE = "experiment"
RECIPES = 3  # at least
TITLE = "The map of solutions"
CAPTION = (
    "Recipes that lie together leave alike solutions, by all measures of the imprint at a glance. The distance of two "
    "recipes is the root mean square difference of their means over seeds, in standard deviations over all runs of the "
    "panel; each probe counts alike, and each measure of a probe. Metric multidimensional scaling puts these distances "
    "into the plane: axes mean nothing and are left out, panels are turned to match the first. Stress tells how well "
    "that goes (Kruskal's stress-1: 0 is exact, above 0.2 do not trust small distances). Small marks are seeds, each "
    "away from its recipe as its measures are from their means, seen along the two directions that show the recipes "
    "most like this: recipes differ only where their seeds do not mix."
)
LEAST = 0.5  # of the measures that a run needs, to be on the map
BARS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0)
COLUMNS = [*frames.MODE, "recipe", "seed", "x", "y", "stress", "measures"]


def data(atlas: xr.DataTree, claims: pd.DataFrame, experiment: dict) -> pd.DataFrame:
    """Row per recipe (``seed`` is NaN) and per run of each mode: its place, and the panel's stress and measures."""
    every, tables = runs(atlas, experiment), []
    for mode in frames.modes(every.index.to_frame(index=False)) if len(every) else []:
        table = placed(standardized(every.xs(mode, level=frames.MODE)))
        if table is not None:
            table = turned(table, tables[0] if tables else None)
            tables.append(table.assign(**dict(zip(frames.MODE, mode, strict=True))))
    return pd.concat(tables, ignore_index=True)[COLUMNS] if tables else pd.DataFrame(columns=COLUMNS)


def runs(atlas: xr.DataTree, experiment: dict) -> pd.DataFrame:
    """Runs in rows (stop, select, snapshot, recipe, seed), measures in columns; logarithms of what spans decades."""
    keys = [*frames.MODE, "recipe", "seed"]
    columns = {}
    for name, values in measures(atlas, experiment):
        if set(frames.KEYS) <= set(values.dims):
            tidy = frames.pooled(frames.tidy(values)).set_index(keys)["value"]
            columns[name] = np.log(tidy) if frames.is_log(tidy.to_numpy()) else tidy
    return pd.concat(columns, axis=1) if columns else pd.DataFrame(index=pd.MultiIndex.from_tuples([], names=keys))


def standardized(own: pd.DataFrame) -> pd.DataFrame:
    """Measures of the runs of one mode, scaled so that the squared distance of two runs is a mean over probes.

    Every measure that varies has mean 0 and standard deviation 1 over the runs, over the root of how many measures its
    probe has and of how many probes there are. Runs that lack more than :data:`LEAST` of them are left out.
    """
    spread = own.std(ddof=0)
    varied = own.loc[:, spread > 1e-9 * own.abs().max()]
    kept = varied[varied.notna().mean(axis=1) >= LEAST]
    probe = pd.Series([re.match("[^:,]+", name)[0] for name in kept], index=kept.columns, dtype=object)
    size = probe.map(probe.value_counts()) * probe.nunique()
    return (kept - kept.mean()) / kept.std(ddof=0).replace(0, 1) / np.sqrt(size.astype(float))


def placed(own: pd.DataFrame) -> pd.DataFrame | None:
    """Places of the recipes and of their runs; None where fewer than three recipes, or no measure, is there."""
    means = own.groupby("recipe").mean()
    if len(means) < RECIPES or not means.shape[1]:
        return None
    between_KK = nan_euclidean_distances(means)
    if not np.isfinite(between_KK).all() or not between_KK.any():
        return None
    place_KD, stress = scaled(between_KK)
    home_N = means.index.get_indexer(own.index.get_level_values("recipe"))
    apart_NF = np.nan_to_num(own.to_numpy() - means.to_numpy()[home_N])
    run_ND = place_KD[home_N] + apart_NF @ directions(np.nan_to_num(means.to_numpy()), place_KD)
    recipes = pd.DataFrame({"recipe": means.index, "seed": np.nan, "x": place_KD[:, 0], "y": place_KD[:, 1]})
    seeds = own.index.to_frame(index=False)[["recipe", "seed"]].assign(x=run_ND[:, 0], y=run_ND[:, 1])
    return pd.concat([recipes, seeds], ignore_index=True).assign(stress=stress, measures=means.shape[1])


def scaled(between_KK: np.ndarray) -> tuple[np.ndarray, float]:
    """Points in the plane whose distances fit ``between_KK`` best, ``[K, 2]``, and their stress-1.

    Stress-1 is the root of the sum of squared misfits over that of the squared distances in the plane.
    """
    scaling = MDS(
        metric="precomputed", init="random", n_init=8, max_iter=1000, eps=1e-7, normalized_stress=True, random_state=0
    )
    return scaling.fit_transform(between_KK), float(scaling.stress_)


def directions(means_KF: np.ndarray, place_KD: np.ndarray) -> np.ndarray:
    """Two orthonormal directions ``[F, 2]`` along which the means look most like their places.

    The orthogonal Procrustes solution. What is seen along them is never larger than it is.

    >>> abs(directions(np.array([[1.0, 0, 0], [0, 2, 0], [0, 0, 0]]), np.array([[1.0, 0], [0, 2], [0, 0]]))).round(6)
    array([[1., 0.],
           [0., 1.],
           [0., 0.]])
    """
    centred_KF, centred_KD = (values - values.mean(axis=0) for values in (means_KF, place_KD))
    left, _, right = np.linalg.svd(centred_KF.T @ centred_KD, full_matrices=False)
    return left @ right


def turned(table: pd.DataFrame, like: pd.DataFrame | None) -> pd.DataFrame:
    """Turn or mirror a map, onto another one's recipes or with its longer side across, and put its middle at 0."""
    place_KD = centres(table)
    shared = [] if like is None else place_KD.index.intersection(centres(like).index)
    if len(shared) > 1:
        both = (part - part.mean() for part in (place_KD.loc[shared], centres(like).loc[shared]))
        turn, _ = orthogonal_procrustes(*both)
    else:
        centred_KD = (place_KD - place_KD.mean()).to_numpy()
        axes = np.linalg.svd(centred_KD, full_matrices=False)[2]
        along_KD = centred_KD @ axes.T
        farthest = along_KD[np.abs(along_KD).argmax(axis=0), [0, 1]]
        turn = axes.T * np.where(farthest < 0, -1, 1)
    place_ND = table[["x", "y"]].to_numpy() @ turn
    place_ND -= (place_ND.min(axis=0) + place_ND.max(axis=0)) / 2
    return table.assign(x=place_ND[:, 0], y=place_ND[:, 1])


def centres(table: pd.DataFrame) -> pd.DataFrame:
    """Places of the recipes themselves, by name."""
    return table[table["seed"].isna()].set_index("recipe")[["x", "y"]]


@style.styled
def draw(atlas: xr.DataTree, claims: pd.DataFrame, experiment: dict) -> Figure:
    """A panel per mode, all at one scale."""
    table = data(atlas, claims, experiment)
    if table.empty:
        return style.note("Fewer than three recipes share a measure that varies.")
    modes = frames.modes(table)
    parts = [table[(table[frames.MODE] == list(mode)).all(axis=1)] for mode in modes]
    half_D = 0.62 * np.max([np.ptp(part[["x", "y"]], axis=0) for part in parts], axis=0)
    half_D = np.maximum(half_D, 0.6 * half_D[::-1])
    side = 2.6 + 0.06 * table["recipe"].nunique()
    size = (side, side * half_D[1] / half_D[0] + 0.4)
    drawing, axes, _ = style.panels(len(modes), 2 if len(modes) == 4 else 3, size)
    titles = frames.mode_titles(modes)
    for ax, mode, part in zip(axes, modes, parts, strict=True):
        panel(ax, part, half_D)
        ax.set_title(titles[mode])
        ax.set_xlabel(f"stress {part['stress'].iloc[0]:.2f}, {part['measures'].iloc[0]} measures")
    drawing.draw_without_rendering()
    drawing.set_layout_engine("none")  # names are put where the panels are now
    for ax, part in zip(axes, parts, strict=True):
        points = {name: tuple(place) for name, place in centres(part).iterrows()}
        colours = {name: style.recipe(name)[0] for name in points}
        apart.name(ax, points, colours, part.loc[part["seed"].notna(), ["x", "y"]].to_numpy())
    return drawing


def panel(ax: Axes, own: pd.DataFrame, half_D: np.ndarray) -> None:
    """Seeds, joined to their recipe, and recipes, within ``half_D`` of the middle; a bar tells the scale."""
    left, down = -half_D
    ax.set(xlim=(left, -left), ylim=(down, -down), aspect="equal")
    ax.tick_params(length=0, labelbottom=False, labelleft=False)
    ax.spines[:].set_visible(True)
    ax.spines[:].set_alpha(0.5)
    for name, (x, y) in centres(own).iterrows():
        colour, marker = style.recipe(name)
        seeds = own[(own["recipe"] == name) & own["seed"].notna()]
        rays = np.array([[(x, y), place, (np.nan, np.nan)] for place in seeds[["x", "y"]].to_numpy()]).reshape(-1, 2)
        ax.plot(*rays.T, color=colour, linewidth=0.6, alpha=0.3)
        ax.plot(seeds["x"], seeds["y"], marker=marker, color=colour, **marks.SEED)
        ax.plot(x, y, marker, color=colour, **marks.MEAN)
    length = max((step for step in BARS if step < 0.7 * half_D[0]), default=BARS[0])
    start, level = left + 0.06 * half_D[0], down + 0.08 * half_D[1]
    ax.plot([start, start + length], [level, level], color=style.INK, linewidth=1.2, solid_capstyle="butt")
    words = f"{length:g} standard deviation{'s' if length != 1 else ''}"
    ax.text(start, level + 0.03 * half_D[1], words, fontsize=7, va="bottom")

"""Which cue is followed where several disagree, cues in the order of their description length."""

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from imprint.figures import frames, marks, style

PROBES = ("cue_conflict",)
SCOPE = "experiment"
TITLE = "Which cue is followed"
CAPTION = (
    "Accuracy by each cue on examples whose cues disagree: 1 where the network reads that cue alone, at the vertical "
    "line where it reads one of the others alone. Cues stand in the order of the bits that they add to an "
    "example compressed by zlib. Small marks are seeds, the large mark their mean, the bar its 95 % interval. Below "
    "stands how much of the variance of the accuracies within seeds the recipe explains, with the p-value of a "
    "permutational analysis of variance that exchanges recipes within each seed."
)
DRAWS = 9999


def data(atlas: xr.DataTree, claims: pd.DataFrame, experiment: dict) -> pd.DataFrame:
    """Tidy accuracies by cue, the simplest cue first: base axes, cue, bits, chance, value; without the start."""
    group = frames.required(atlas, experiment["name"], "cue_conflict", ("accuracy", "chance", "description_length"))
    length = group["description_length"].sel(compressor="zlib")
    bits = length.mean([dim for dim in length.dims if dim != "cue"])
    tidy = frames.pooled(frames.tidy(group["accuracy"]))
    tidy = tidy[tidy["snapshot"].isin(frames.endpoint(pd.unique(tidy["snapshot"])))]
    known = dict(zip(bits["cue"].values.tolist(), bits.values.tolist(), strict=True))
    tidy = tidy.assign(bits=tidy["cue"].map(known), chance=float(group["chance"].mean()))
    return tidy.sort_values("bits", kind="stable").reset_index(drop=True)


@style.styled
def draw(atlas: xr.DataTree, claims: pd.DataFrame, experiment: dict) -> Figure:
    """A column per cue, a row per mode, recipes from top to bottom."""
    tidy = data(atlas, claims, experiment)
    if tidy.empty:
        return style.note("No replica reached the condition.")
    modes, cues = frames.modes(tidy), list(pd.unique(tidy["cue"]))
    recipes = style.ordered(tidy["recipe"])
    drawing = style.figure(1.6 + 1.75 * len(cues), 0.6 + len(modes) * (0.8 + 0.24 * len(recipes)))
    axes = drawing.subplots(len(modes), len(cues), squeeze=False, sharey=True, sharex=True)
    titles = frames.mode_titles(modes)
    for row, mode in zip(axes, modes, strict=True):
        own = tidy[(tidy[frames.MODE] == list(mode)).all(axis=1)]
        for ax, cue in zip(row, cues, strict=True):
            part = own[own["cue"] == cue]
            ax.axvline(tidy["chance"].iloc[0], color=style.INK, linewidth=0.9)
            marks.strip(ax, part, recipes, len(experiment["seeds"]))
            ax.set_xlim(-0.02, 1.02)
            if ax in axes[0]:
                ax.set_title(f"{cue}\n{part['bits'].iloc[0]:.0f} bits")
        row[0].set_ylabel(titles[mode] if len(modes) > 1 else "")
        write_below(row[0], sentence(own))
    return drawing


def write_below(ax: Axes, text: str) -> None:
    """Write under a row of panels, from the first one's left edge on; the empty label keeps the room free."""
    ax.set_xlabel(" ")
    ax.xaxis.label.set_visible(True)
    place = {"textcoords": "offset points", "va": "top", "fontsize": 8}
    below = -18 if ax.get_subplotspec().is_last_row() else -6
    ax.annotate(text, (0, 0), (0, below), "axes fraction", **place).set_in_layout(False)


def sentence(own: pd.DataFrame) -> str:
    """What the analysis of variance says, in words."""
    values = own.set_index(["recipe", "seed", "cue"])["value"].to_xarray().dropna("seed")
    points_RSQ = values.transpose("recipe", "seed", "cue").values
    if min(points_RSQ.shape[:2]) < 2:
        return "accuracy by the cue"
    explained, p = permanova(points_RSQ, DRAWS)
    return f"accuracy by the cue; the recipe explains {explained:.0%} within seeds, p = {p:.2g}"


def permanova(points_RSQ: np.ndarray, draws: int) -> tuple[float, float]:
    r"""Return the share of variance that the first axis explains within the second, and its permutation p-value.

    With seeds as blocks: :math:`S \sum_r \|\bar y_{r\cdot}\|^2 / \sum_{rs} \|y_{rs}\|^2`, y with each seed's mean over
    recipes taken away; p is the share, the observed one included, of draws that exchange recipes within every seed
    and explain as much (Anderson 2001, doi 10.1111/j.1442-9993.2001.01070.pp.x, Euclidean distances). 0 and 1 where
    nothing varies.

    Args:
        points_RSQ: a point in Q dimensions for each of R recipes and S seeds.
        draws: random exchanges, by a fixed generator.
    """
    centred_RSQ = points_RSQ - points_RSQ.mean(0)
    total = np.square(centred_RSQ).sum()
    if total == 0:
        return 0.0, 1.0
    random = np.random.default_rng(0)

    def explained(values_RSQ: np.ndarray) -> float:
        return float(values_RSQ.shape[1] * np.square(values_RSQ.mean(1)).sum() / total)

    observed, seeds = explained(centred_RSQ), np.arange(points_RSQ.shape[1])
    as_much = 1
    for _ in range(draws):
        order_RS = random.permuted(np.tile(np.arange(len(centred_RSQ))[:, None], (1, len(seeds))), axis=0)
        as_much += explained(centred_RSQ[order_RS, seeds]) >= observed * (1 - 1e-12)
    return observed, as_much / (draws + 1)

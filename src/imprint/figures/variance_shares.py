"""Where the variance of every measure comes from: optimizer, rate, initial weights, order of the examples."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from imprint.claims import outliers, settings
from imprint.claims.shares import TERMS, Shares, shares
from imprint.figures import frames, style
from imprint.figures.imprint_map import measures

PROBES = ()
SCOPE = "experiment"
CROSSED = True
TITLE = "How much of it is the optimizer"
CAPTION = (
    "Shares of the variance over all runs of every measure, from an analysis of variance of optimizer, rate within "
    "optimizer, seed of the initial weights and seed of the order of the examples, each crossed with the others; "
    "estimates below 0 are taken as 0. Measures with the largest share of optimizer and rate come first. The 95 % "
    "intervals of the shares, from resampled seeds, and the runs outside median +/- 3 scaled median absolute "
    "deviations of their recipe are in the table beside the figure."
)
METRICS = {metric.replace(".", ": ").replace("_", " "): metric for metric in outliers.METRICS}  # as measures are named
COLOURS = {
    "optimizer": "#1f5fae",
    "rate": "#86b0dc",
    "init": "#1b8a5a",
    "order": "#d9822b",
    "init x order": "#f0d060",
    "optimizer x init": "#6fbf9a",
    "rate x init": "#bfe3d0",
    "optimizer x order": "#edb37c",
    "rate x order": "#f7dcc3",
    "optimizer x init x order": "#b9a7cf",
    "residual": "#a9afb7",
}
SHARES = ["kind", "measure", *frames.MODE, "term", "share", "low", "high", "component", "reason"]
OUTLIERS = ["recipe", "order", "seed", "value", "median", "from", "to", "runs"]


def data(atlas: xr.DataTree, claims: pd.DataFrame, experiment: dict) -> pd.DataFrame:
    """Rows of two kinds: ``share`` per measure, mode and term; ``outlier`` per run outside its fences, and metric.

    ``runs`` of an outlier is how many runs of its recipe and mode were looked at.
    """
    found = crossed(atlas, experiment)
    rows = [*_shares(found, experiment["recipes"]), *_outliers(found)]
    return pd.DataFrame(rows, columns=[*SHARES, *OUTLIERS])


def _shares(found: dict[str, xr.DataArray], recipes: list[str]) -> Iterator[dict]:
    """One row per measure, mode and term."""
    groups = rates(recipes)
    for name, values in found.items():
        for mode in modes(values):
            part = shares(array(values.sel(mode), groups)) if groups else unequal()
            common = {"kind": "share", "measure": name, **mode, "reason": part.reason}
            columns = {key: getattr(part, key) for key in ("share", "low", "high", "component")}
            for place, term in enumerate(TERMS):
                yield {**common, "term": term, **{key: column[place] for key, column in columns.items()}}


def _outliers(found: dict[str, xr.DataArray]) -> Iterator[dict]:
    """One row per run that is unlike the others of its recipe, and metric."""
    for name, values in found.items():
        if name not in METRICS:
            continue
        for mode in modes(values):
            for recipe in values["recipe"].values:
                runs = frames.tidy(values.sel(mode, drop=True).sel(recipe=recipe, drop=True))
                low, high = outliers.fences(runs["value"].to_numpy())
                common = {"kind": "outlier", "measure": METRICS[name], **mode, "recipe": recipe}
                about = {"median": runs["value"].median(), "from": low, "to": high, "runs": len(runs)}
                for run in runs[(runs["value"] < low) | (runs["value"] > high)].to_dict("records"):
                    yield {**common, **run, **about}


def crossed(atlas: xr.DataTree, experiment: dict) -> dict[str, xr.DataArray]:
    """Return the measures of all tasks of an experiment by name, joined along ``order``, which names the tasks."""
    family = experiment["name"].partition(".")[0]
    tasks = [name for name in atlas.children if name.partition(".")[0] == family]
    parts = [dict(measures(atlas, {**experiment, "name": name})) for name in tasks]
    index = pd.Index([name.partition(".")[2] for name in tasks], name="order")
    kept = [name for name, values in (parts[0] if parts else {}).items() if set(frames.KEYS) <= set(values.dims)]
    return {name: xr.concat([part[name] for part in parts], index, join="outer") for name in kept}


def modes(values: xr.DataArray) -> list[dict[str, str]]:
    """Return the comparison modes with a value, as labels of their dimensions."""
    return [dict(zip(frames.MODE, mode, strict=True)) for mode in frames.modes(frames.tidy(values))]


def rates(recipes: list[str]) -> list[list[str]]:
    """Return the recipes of each optimizer, empty if not all have as many; the optimizer is the first word of a name.

    >>> rates(["sgd_half", "adam_fast", "sgd_tenth", "adam_slow"])
    [['sgd_half', 'sgd_tenth'], ['adam_fast', 'adam_slow']]
    """
    groups = list(settings.by_optimizer(recipes).values())
    return groups if len({len(group) for group in groups}) == 1 else []


def array(values: xr.DataArray, groups: list[list[str]]) -> np.ndarray:
    """Return values as ``(P, R, I, O)``."""
    return np.stack([values.sel(recipe=group).transpose("recipe", "seed", "order").values for group in groups])


def unequal() -> Shares:
    """Return no shares, because optimizers have not equally many rates."""
    nothing = np.full(len(TERMS), np.nan)
    return Shares(nothing, nothing, nothing, nothing, "not as many rates of each optimizer")


@style.styled
def draw(atlas: xr.DataTree, claims: pd.DataFrame, experiment: dict) -> Figure:
    """Measures down, a column per mode, one bar of stacked shares each."""
    table = data(atlas, claims, experiment)
    found = table[table["kind"] == "share"]
    if found["share"].isna().all():
        reason = found["reason"].iloc[0] if len(found) else "no measure has a value"
        return style.note(f"There are no shares of variance: {reason}.")
    columns = frames.modes(found)
    names = by_optimizer(found)
    drawing = style.figure(3.2 + 2.6 * len(columns), 1.1 + 0.17 * len(names))
    axes = drawing.subplots(1, len(columns), squeeze=False, sharey=True)[0]
    titles = frames.mode_titles(columns)
    for ax, mode in zip(axes, columns, strict=True):
        bars(ax, found[(found[frames.MODE] == list(mode)).all(axis=1)], names)
        ax.set_title(titles[mode])
        unlike = table[(table["kind"] == "outlier") & (table[frames.MODE] == list(mode)).all(axis=1)]
        runs = len(unlike[["recipe", "order", "seed"]].drop_duplicates())
        ax.set_xlabel(f"share of variance; {runs} outlier runs")
    handles = [Patch(color=colour, label=term) for term, colour in COLOURS.items()]
    drawing.legend(handles=handles, loc="outside lower center", ncols=4)
    return drawing


def by_optimizer(found: pd.DataFrame) -> list[str]:
    """Return the measures with a share somewhere, the largest share of optimizer and rate first."""
    own = found[found["term"].isin(["optimizer", "rate"])].dropna(subset=["share"])
    size = own.groupby(["measure", *frames.MODE])["share"].sum().groupby("measure").mean()
    return size.sort_values(ascending=False, kind="stable").index.tolist()


def bars(ax: Axes, found: pd.DataFrame, names: list[str]) -> None:
    """Stacked shares of one mode; in words where there are none."""
    table = found.pivot_table(index="measure", columns="term", values="share", dropna=False).reindex(names)
    left = np.zeros(len(names))
    for term, colour in COLOURS.items():
        width = table[term].to_numpy(float) if term in table else np.full(len(names), np.nan)
        ax.barh(range(len(names)), np.nan_to_num(width), left=left, color=colour, height=0.78)
        left += np.nan_to_num(width)
    reasons = found.drop_duplicates("measure").set_index("measure")["reason"]
    for place in np.flatnonzero(left == 0):
        words = reasons.get(names[place], "not measured")
        ax.text(0.02, place, words, va="center", fontsize=6.5)
    ax.set_xlim(0, 1)
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.set_yticks(range(len(names)), names, fontsize=7)
    ax.spines["left"].set_visible(False)

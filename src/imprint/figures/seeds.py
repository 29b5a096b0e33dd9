"""Key measures of an experiment: every seed, mean and interval, per recipe and comparison mode."""

import textwrap

import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from imprint.figures import frames, marks, style

PROBES = ()
SCOPE = "experiment"
TITLE = "Every seed"
CAPTION = (
    "Every seed of every recipe: small marks are seeds, the large mark is their mean, the bar its 95 % "
    "interval (geometric on logarithmic axes). Columns are comparison modes and share an axis, so a recipe "
    "that moves between columns differs between modes. A count such as 7/8 tells that replicas diverged or "
    "missed the condition. Claimed measures come first, then the first one of each probe."
)
PANELS = 8  # at most; everything else is in the atlas
LABELS = 3  # of a measure with more labels on its further dimensions, only the claimed ones are panels
HEADLINE = {"performance": "test_accuracy"}  # where the first measure is not the one to look at


def data(atlas: xr.DataTree, claims: pd.DataFrame, experiment: dict) -> pd.DataFrame:
    """Tidy frame of the key measures: panel, label, mode, recipe, seed, value."""
    parts = [
        frames.tidy(values).assign(panel=panel, label=label)
        for panel, label, values in panels(atlas, claims, experiment)
    ]
    parts = [part for part in parts if len(part)]
    if not parts:
        return pd.DataFrame(columns=["panel", "label", *frames.KEYS, "value"])
    tidy = frames.pooled(pd.concat(parts, ignore_index=True))
    tidy = tidy[tidy["snapshot"].isin(frames.endpoint(pd.unique(tidy["snapshot"])))]
    return tidy[["panel", "label", *frames.KEYS, "value"]].reset_index(drop=True)


def panels(atlas: xr.DataTree, claims: pd.DataFrame, experiment: dict):
    """Key measures as (name, axis label, array over the base axes)."""
    found = {}
    for probe, variable in key_measures(atlas, claims, experiment):
        values = frames.group(atlas, experiment["name"], probe)[variable]
        if not set(frames.KEYS) <= set(values.dims):
            continue
        for label in labels(values, claimed_labels(claims, experiment["name"], f"{probe}.{variable}")):
            suffix = "".join(f", {part}" for part in label.values())
            chosen = values.sel(label, drop=True)
            found[f"{probe}.{variable}{suffix}"] = (frames.title(values, variable) + suffix, chosen)
    return [(name, *pair) for name, pair in list(found.items())[:PANELS]]


def labels(values: xr.DataArray, claimed: list[set[str]]) -> list[dict]:
    """Labels on the further dimensions: those of the claims, all where they are few, none where they are many."""
    extra = [dim for dim in values.dims if dim not in frames.KEYS]
    every = values.stack(label=extra)["label"].values if extra else [()]
    every = [dict(zip(extra, label, strict=True)) for label in every]
    chosen = [label for label in every if {f"{dim}={value}" for dim, value in label.items()} in claimed]
    return chosen or (every if len(every) <= LABELS else [])


def claimed_labels(claims: pd.DataFrame, experiment: str, measure: str) -> list[set[str]]:
    """`where` of every claim about a measure, as sets of "dimension=label"."""
    own = claims[(claims["experiment"] == experiment) & (claims["measure"] == measure)] if len(claims) else claims
    return [set(where.split(", ")) for where in pd.unique(own["where"].fillna(""))] if len(own) else []


def key_measures(atlas: xr.DataTree, claims: pd.DataFrame, experiment: dict) -> list[tuple[str, str]]:
    """Claimed measures in the order of the claims, then the headline of each probe."""
    own = claims[claims["experiment"] == experiment["name"]] if len(claims) else claims
    names = [tuple(name.split(".", 1)) for name in pd.unique(own["measure"])] if len(own) else []
    for probe in experiment["probes"]:
        group = frames.group(atlas, experiment["name"], probe)
        if group is not None and len(group.data_vars):
            names.append((probe, HEADLINE.get(probe, next(iter(group.data_vars)))))
    present = {probe: frames.group(atlas, experiment["name"], probe) for probe, _ in names}
    kept = [(p, v) for p, v in names if present[p] is not None and v in present[p]]
    return list(dict.fromkeys(kept))


@style.styled
def draw(atlas: xr.DataTree, claims: pd.DataFrame, experiment: dict) -> Figure:
    """Rows of measures, columns of modes; a lone mode wraps its measures into a grid."""
    tidy = data(atlas, claims, experiment)
    if tidy.empty:
        return style.note("No finished replica has a scalar measure here.")
    modes, names = frames.modes(tidy), list(pd.unique(tidy["panel"]))
    recipes = style.ordered(tidy["recipe"])
    columns = len(modes) if len(modes) > 1 else min(len(names), 3)
    rows = len(names) if len(modes) > 1 else -(-len(names) // columns)
    height = 0.85 + 0.2 * len(recipes)
    drawing = style.figure(1.4 + 2.35 * max(columns, 2), 0.4 + rows * height)
    axes = drawing.subplots(rows, columns, squeeze=False, sharey=True, sharex="row" if len(modes) > 1 else False)
    titles = frames.mode_titles(modes)
    cells = [(name, mode) for name in names for mode in modes]
    for ax in axes.flat[len(cells) :]:
        ax.set_visible(False)
    for ax, (name, mode) in zip(axes.flat, cells, strict=False):
        panel = tidy[tidy["panel"] == name]
        log = frames.is_log(panel["value"].to_numpy())
        part = panel[(panel[frames.MODE] == list(mode)).all(axis=1)]
        marks.strip(ax, part, recipes, len(experiment["seeds"]), log)
        heading(ax, panel["label"].iloc[0], titles[mode], columns if len(modes) > 1 else 1, mode == modes[0])
    return drawing


def heading(ax: Axes, label: str, mode: str, columns: int, first: bool) -> None:
    """The measure in bold above the first of its panels, the mode above each where there are several."""
    lines = textwrap.wrap(label, 26 * columns)
    if columns == 1:
        ax.set_title("\n".join(lines))
        return
    ax.set_title("\n" * len(lines) + mode, fontweight="normal", fontsize=8)
    if first:
        above = 4 + 11 * (1 + mode.count("\n"))
        ax.annotate(
            "\n".join(lines),
            (0, 1),
            (0, above),
            "axes fraction",
            textcoords="offset points",
            va="bottom",
            fontweight="bold",
            fontsize=9,
        ).set_in_layout(False)

"""What foretells the damage of rounding: the error that arrives at the logits, or outliers in the layers."""

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.figure import Figure

from imprint.figures import frames, marks, style

PROBES = ("quantization",)
SCOPE = "experiment"
TITLE = "What foretells the damage of rounding"
CAPTION = (
    "Test accuracy lost at 3-bit weights and activations against three numbers that should foretell it: the squared "
    "relative error R of the logits at 3 bits, and two measures of outliers in the inputs of the linear layers at full "
    "precision. Small marks are replicas, large ones means over seeds with 95 % intervals. Above each panel the "
    "correlation over recipes and seeds, with its 95 % bootstrap interval (2,000 resamples of replicas)."
)
BITS = 3  # at 4 bits nets of this size lose little more than what rounding moves by chance
RESAMPLES = 2000
PREDICTORS = {
    "last_error": "error R of the logits",
    "max_to_mean": "max-to-mean ratio of the inputs",
    "fourth_moment": "kurtosis of the inputs",
}
AT = {"rounded": "both", "bits": BITS, "operand": "activations"}


def data(atlas: xr.DataTree, claims: pd.DataFrame, experiment: dict) -> pd.DataFrame:
    """Row per replica, mode and predictor: the base axes, `predictor`, `x`, `drop`, `correlation`, `low`, `high`."""
    group = frames.required(atlas, experiment["name"], "quantization", ("drop", *PREDICTORS))
    drop = replicas(group["drop"]).rename(columns={"value": "drop"})
    rows = [
        replicas(group[name]).rename(columns={"value": "x"}).merge(drop, on=list(frames.KEYS)).assign(predictor=name)
        for name in PREDICTORS
    ]
    table = pd.concat(rows, ignore_index=True)
    names = ["correlation", "low", "high"]
    if table.empty:
        return table.reindex(columns=[*table.columns, *names])
    found = table.groupby([*frames.MODE, "predictor"], sort=False)[["x", "drop"]].apply(
        lambda part: pd.Series(correlation(part["x"].to_numpy(), part["drop"].to_numpy()), names)
    )
    return table.merge(found.reset_index(), on=[*frames.MODE, "predictor"])


def replicas(values: xr.DataArray) -> pd.DataFrame:
    """One row per replica at the snapshots that are compared: the base axes and `value`."""
    tidy = frames.tidy(values)
    for dim in set(AT) & set(tidy.columns):
        tidy = tidy[tidy[dim] == AT[dim]].drop(columns=dim)
    tidy = frames.pooled(tidy)
    return tidy[tidy["snapshot"].isin(frames.endpoint(pd.unique(tidy["snapshot"])))]


def correlation(x: np.ndarray, y: np.ndarray) -> tuple[float, float, float]:
    """Pearson's correlation and the 95 % percentile interval of its bootstrap; NaN where a side does not vary."""
    if len(x) < 3 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return np.nan, np.nan, np.nan
    drawn = np.random.default_rng(0).integers(len(x), size=(RESAMPLES, len(x)))
    a, b = (side[drawn] - side[drawn].mean(1, keepdims=True) for side in (x, y))
    with np.errstate(invalid="ignore"):
        resampled = (a * b).sum(1) / np.sqrt((a**2).sum(1) * (b**2).sum(1))
    low, high = np.nanquantile(resampled, [0.025, 0.975])
    return np.corrcoef(x, y)[0, 1], low, high


@style.styled
def draw(atlas: xr.DataTree, claims: pd.DataFrame, experiment: dict) -> Figure:
    """A column per predictor, a row per mode."""
    table = data(atlas, claims, experiment)
    if table.empty:
        return style.note(f"No replica reached the condition with {BITS} bits measured.")
    modes, recipes = frames.modes(table), style.ordered(table["recipe"])
    drawing = style.figure(0.8 + 2.5 * len(PREDICTORS), 0.8 + 2.5 * len(modes))
    axes = drawing.subplots(len(modes), len(PREDICTORS), squeeze=False, sharey=True, sharex="col")
    titles = frames.mode_titles(modes)
    for row, mode in zip(axes, modes, strict=True):
        own = table[(table[frames.MODE] == list(mode)).all(axis=1)]
        for ax, (name, words) in zip(row, PREDICTORS.items(), strict=True):
            part = own[own["predictor"] == name]
            log = frames.is_log(table.loc[table["predictor"] == name, "x"].to_numpy())
            ax.set_xscale("log" if log else "linear")
            marks.plane(ax, part.set_index(["recipe", "seed"]), "x", "drop", (log, False))
            ax.set_title(headline(part) + (f"\n{titles[mode]}" if len(modes) > 1 else ""), fontweight="normal")
            style.log_ticks(ax.xaxis) if log else ax.locator_params(axis="x", nbins=4)
            ax.grid()
            if mode == modes[-1]:
                ax.set_xlabel(words)
    drawing.supylabel(f"test accuracy lost at {BITS} bits", fontsize=8.5)
    drawing.legend(
        handles=style.recipe_handles(recipes),
        loc="outside upper left",
        ncols=min(len(recipes), 6),
        columnspacing=1.0,
        handletextpad=0.1,
    )
    return drawing


def headline(part: pd.DataFrame) -> str:
    """The correlation in words."""
    if part.empty or np.isnan(part["correlation"].iloc[0]):
        return "no correlation"
    row = part.iloc[0]
    return f"r = {row['correlation']:+.2f} [{row['low']:+.2f}, {row['high']:+.2f}]"

"""The drawing of a comparison: every difference on one axis, in standard deviations over seeds."""

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from imprint.claims.attainable import ALPHA
from imprint.figures import style
from imprint.reader.comparison import KEYS, MODE, Comparison

PANEL = ["experiment", *MODE]
WIDE = 5.0
"""In standard deviations: where an effect lies beyond, the axis is logarithmic outside -1 and 1."""
CAPTION = (
    "Small marks are seeds, the large mark is their mean, the bar the 90 % interval of the row by itself.\n"
    "A mark is filled where the joint test of all rows of the experiment finds a difference too."
)


@style.styled
def draw(comparison: Comparison, most: int) -> Figure:
    """Draw a panel per experiment and place, its rows from the largest difference down."""
    rows = scaled(comparison.table, most)
    if rows.empty:
        return style.note("No difference that varies from seed to seed.")
    panels = list(rows.groupby(PANEL, sort=False))
    drawing = style.figure(7.6, 1.0 + 0.36 * len(panels) + 0.19 * len(rows))
    heights = [len(part) + 0.6 for _, part in panels]
    axes = drawing.subplots(len(panels), 1, squeeze=False, sharex=True, height_ratios=heights)[:, 0]
    for ax, (_, part) in zip(axes, panels, strict=True):
        panel(ax, part, comparison)
    scale(axes[-1], rows[["effect", "low", "high"]].abs().max(axis=None))
    axes[-1].set_xlabel(f"{comparison.one} − {comparison.other}, in standard deviations over seeds")
    drawing.supxlabel(CAPTION, fontsize=7.5)
    drawing.legend(handles=handles(comparison), loc="outside upper right", ncols=3, handletextpad=0.2)
    return drawing


def scaled(table: pd.DataFrame, most: int) -> pd.DataFrame:
    """Return the rows of the largest effects with estimate and interval in standard deviations, and a label.

    Example:
        >>> row = {"experiment": "a", "probe": "p", "measure": "m", "where": "layer=1", "low": 1.0, "high": 3.0}
        >>> found = scaled(pd.DataFrame([{**row, "effect": 4.0, "sd": 0.5}]), most=1)
        >>> found[["label", "low", "high"]].values.tolist()
        [['p.m, layer=1', 2.0, 6.0]]
    """
    rows = table[np.isfinite(table["effect"])]
    rows = rows.loc[rows["effect"].abs().nlargest(most).index]
    where = ", " + rows["where"]
    return rows.assign(
        low=rows["low"] / rows["sd"],
        high=rows["high"] / rows["sd"],
        label=rows["probe"] + "." + rows["measure"] + where.where(rows["where"] != "", ""),
        order=rows["experiment"].map({name: place for place, name in enumerate(table["experiment"].unique())}),
    ).sort_values(["order", "effect"], ascending=[True, False], kind="stable")


def panel(ax: Axes, part: pd.DataFrame, comparison: Comparison) -> None:
    """Draw one experiment at one place: seeds, mean and interval of each row."""
    colours = {row.label: colour(row, comparison) for row in part.itertuples()}
    seeds = comparison.differences.merge(part[[*KEYS, "label", "sd"]], on=KEYS)
    seeds["difference"] /= seeds["sd"]
    sns.stripplot(
        seeds, x="difference", y="label", hue="label", order=list(colours), palette=colours, legend=False,
        jitter=False, size=2.8, alpha=0.45, linewidth=0, ax=ax,
    )  # fmt: skip
    for y, row in enumerate(part.itertuples()):
        if np.isfinite(row.low) and np.isfinite(row.high):
            ax.plot([row.low, row.high], [y, y], color=colours[row.label], linewidth=2.0, solid_capstyle="round")
        found = row.p_adjusted <= 2 * ALPHA
        ax.plot(row.effect, y, **mark(colours[row.label], found))
    ax.axvline(0, color=style.INK, linewidth=0.9, zorder=0)
    ax.grid(axis="x")
    ax.set(ylabel="", xlabel="", ylim=(len(part) - 0.4, -0.6))
    first = part.iloc[0]
    places = [first[key].replace("_", " ") for key in MODE if first[key] != "fixed"]
    ax.set_title(f"{first['experiment']}: {' / '.join(places)}")


def scale(ax: Axes, reach: float) -> None:
    """Make the axis logarithmic outside -1 and 1 if an effect lies far out."""
    if reach <= WIDE:
        return
    powers = [10**power for power in range(int(np.log10(reach)) + 1)]
    ax.set_xscale("symlog", linthresh=1, linscale=0.8)
    ax.set_xticks([-power for power in reversed(powers)] + [0, *powers])
    ax.xaxis.set_major_formatter("{x:g}")


def colour(row, comparison: Comparison) -> str:
    """Return the colour of the recipe that has the larger values, or of what is undecided."""
    if row.low > 0 or row.high < 0:
        return style.recipe(comparison.one if row.low > 0 else comparison.other)[0]
    return style.BLANK


def mark(colour: str, filled: bool) -> dict:
    """Return the marker of a mean; hollow where the joint test does not find a difference."""
    face = colour if filled else "white"
    return {"marker": "o", "linestyle": "", "color": colour, "markerfacecolor": face, "markersize": 5.5, "zorder": 3}


def handles(comparison: Comparison) -> list[Line2D]:
    """Return the entries of the legend."""
    said = {f"larger with {name}": style.recipe(name)[0] for name in (comparison.one, comparison.other)}
    return [Line2D([], [], label=text, **mark(hue, True)) for text, hue in {**said, "undecided": style.BLANK}.items()]

"""Forest plot of all claims and controls on one axis, in units of each claim's margin."""

import itertools
from collections import Counter

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from imprint.figures import style

PROBES = ()
SCOPE = "study"
TITLE = "All verdicts on one axis"
CAPTION = (
    "Every claim and control: the mark is the estimate, the bar its simultaneous interval. A claim is "
    "supported when the bar lies inside the pale zone of its row, which is where the claim says the effect "
    "is. The unit is the claim's own margin: the smallest effect of interest, or half the declared range; a "
    "value is measured from its bound in standard deviations over seeds. A control that came out for "
    "several recipes has one line for all of them. Right is the direction that the claim names; the axis is "
    "linear between -1 and 1 and logarithmic outside."
)
SYMMETRIC = ("equal_within", "within")
VALUES = ("at_most", "at_least")
LONGEST = 42  # characters that fit beside the axis, with the mode
REACH = 1000.0  # the axis ends here; what lies beyond is drawn at its edge


def data(atlas: xr.DataTree, claims: pd.DataFrame, experiments: list[dict]) -> pd.DataFrame:
    """The table of verdicts, controls first, with `position`, `lower`, `upper` in units of the margin."""
    order = [experiment["name"] for experiment in experiments]
    rows = claims[claims["experiment"].isin(order)]
    named = list(zip(rows["experiment"], rows["claim"], strict=True))
    place = [
        (k != "control", order.index(name[0]), named.index(name)) for k, name in zip(rows["kind"], named, strict=True)
    ]
    rows = rows.iloc[sorted(range(len(rows)), key=place.__getitem__)]
    scaled = [standardized(row) for row in rows.to_dict("records")]
    return rows.assign(**pd.DataFrame(scaled, index=rows.index, columns=["position", "lower", "upper"], dtype=float))


def standardized(row: dict) -> tuple[float, float, float]:
    """Estimate and interval of a row in units of its margin; positive is what the claim says."""
    form, bounds = expected(row["expect"])
    ends = np.array([row["estimate"], row["low"], row["high"]], float)
    if form == "within":
        centre, unit = sum(bounds) / 2, (bounds[1] - bounds[0]) / 2
    elif form in VALUES:
        centre, unit = bounds[0], row["sd"]
    else:
        centre, unit = 0.0, bounds[0] or row["sd"]
    ends = (ends - centre) / (unit if unit > 0 else 1.0)
    return (-ends[0], -ends[2], -ends[1]) if form in ("less_by", "at_most") else tuple(ends)


def expected(text: str) -> tuple[str, list[float]]:
    """The form and numbers of "greater_by 0.02" or "within [0.48, 0.52]"."""
    form, _, numbers = text.partition(" ")
    return form, [float(number) for number in numbers.strip("[]").split(",")]


def label(group: list[dict]) -> str:
    """What a line compares, cut if it is long, and in which mode."""
    row = group[0]
    sides = row["recipes"].replace(" - ", " − ") if len(group) == 1 else f"{len(group)} recipes"
    sides = sides if len(sides) <= LONGEST else sides[: LONGEST - 1].rstrip(" ,(") + "…"
    mode = " / ".join(part.replace("_", " ") for part in row["mode"].split("/") if part != "fixed")
    return f"{sides} · {mode}"


@style.styled
def draw(atlas: xr.DataTree, claims: pd.DataFrame, experiments: list[dict]) -> Figure:
    """Controls above, claims below; a heading per claim, a line per mode or recipe."""
    rows = data(atlas, claims, experiments)
    if rows.empty:
        return style.note("No claim is declared.")
    lines = layout(bundles(rows.to_dict("records")))
    depth = lines[-1][0] + 1.2
    drawing = style.figure(8.6, 0.9 + 0.175 * depth)
    ax = drawing.subplots()
    ends = rows[["position", "lower", "upper"]].abs().to_numpy(float)
    reach = min(REACH, max(3.0, 1.3 * ends[np.isfinite(ends)].max(initial=0)))
    ax.set_xscale("symlog", linthresh=1, linscale=0.8)
    ax.set(xlim=(-reach, reach), ylim=(depth, -1))
    for y, kind, content in lines:
        if kind == "rows":
            draw_rows(ax, y, content, reach)
        else:
            size = {"section": 10, "experiment": 9, "claim": 8}[kind]
            beside(ax, y, 0, -250 if kind != "claim" else -244, content, size, "left", style.INK, kind != "claim")
    finish(ax, reach)
    shown = [name for name in style.VERDICTS if name in set(rows["verdict"])]
    drawing.legend(handles=style.verdict_handles(shown), loc="outside upper right", ncols=len(shown), handletextpad=0.2)
    return drawing


def bundles(rows: list[dict]) -> list[list[dict]]:
    """Rows that share a line: of a control that came out for several recipes; else each its own."""
    keys = ["experiment", "claim", "mode"]
    result = []
    for _, group in itertools.groupby(rows, key=lambda row: (row["kind"], *(row[key] for key in keys))):
        group = list(group)
        whole = len(group) > 1 and all(row["kind"] == "control" and row["verdict"] == "supported" for row in group)
        result += [group] if whole else [[row] for row in group]
    return result


def layout(groups: list[list[dict]]) -> list[tuple[float, str, object]]:
    """Vertical place, kind (section, experiment, claim, rows) and content of each line of the plot."""
    lines, y, before = [], 0.0, (None, None, None)
    sizes = Counter((group[0]["experiment"], group[0]["claim"]) for group in groups)
    for group in groups:
        row = group[0]
        section = "Controls: the instrument" if row["kind"] == "control" else "Claims: the literature"
        now = (section, row["experiment"], row["claim"])
        for depth, (kind, gap) in enumerate((("section", 0.8), ("experiment", 0.4), ("claim", 0.15))):
            if now[: depth + 1] != before[: depth + 1]:
                y += gap if lines else 0
                lines.append((y, kind, now[depth].replace("_", " ") if kind == "claim" else now[depth]))
                same_line = kind == "claim" and sizes[now[1:]] == 1 and len(now[2]) + len(label(group)) < 54
                y += 0 if same_line else 1.1
        lines.append((y, "rows", group))
        y, before = y + 1, now
    return lines


def draw_rows(ax: Axes, y: float, group: list[dict], reach: float) -> None:
    """The zone that the claim names, intervals, estimates, and the verdict in words."""
    row = group[0]
    left, right = (-1, 1) if expected(row["expect"])[0] in SYMMETRIC else (0, reach)
    colour = style.VERDICTS[row["verdict"]][0]
    ax.barh(y, right - left, left=left, height=0.86, color=style.FAINT, alpha=0.2, linewidth=0)
    for each, up in zip(group, np.linspace(-0.2, 0.2, len(group)) if len(group) > 1 else [0], strict=True):
        place = np.clip([each["position"], each["lower"], each["upper"]], -reach, reach)
        size = 6 if len(group) == 1 else 4
        if not np.isnan(place[1:]).any():
            ax.plot(place[1:], [y + up] * 2, color=colour, linewidth=size * 0.3, solid_capstyle="round")
        if np.isfinite(place[0]):
            sign = {**style.verdict_marker(each["verdict"]), "markersize": size}
            ax.plot(place[0], y + up, linestyle="", clip_on=False, zorder=3, **sign)
    beside(ax, y, 0, -8, label(group), 7.5, "right")
    words = row["verdict"] if len(group) == 1 else f"all {len(group)} {row['verdict']}"
    words += (", beyond d" if row["beyond"] else "") + f" · n = {min(each['n'] for each in group):.0f}"
    beside(ax, y, 1, 8, words, 7.5, "left", colour)


def beside(
    ax: Axes,
    y: float,
    side: float,
    shift: float,
    text: str,
    size: float,
    ha: str,
    colour: str = style.INK,
    bold: bool = False,
) -> None:
    """Text on a line, `shift` points from the left (0) or right (1) end of the axis."""
    ax.annotate(
        text,
        (side, y),
        (shift, 0),
        ax.get_yaxis_transform(),
        textcoords="offset points",
        fontsize=size,
        va="center",
        ha=ha,
        color=colour,
        fontweight="bold" if bold else "normal",
        annotation_clip=False,
    )


def finish(ax: Axes, reach: float) -> None:
    """Reference lines, ticks and axis title."""
    ax.axvline(0, color=style.INK, linewidth=0.9, zorder=1)
    for edge in (-1, 1):
        ax.axvline(edge, color=style.INK, linewidth=0.7, linestyle=(0, (3, 3)), zorder=1)
    ticks = [t for t in (1, 10, 100, 1000) if t <= reach]
    ax.set_xticks(
        [-t for t in reversed(ticks)] + [0] + ticks,
        [f"-{t}" for t in reversed(ticks)] + ["0"] + [f"{t}" for t in ticks],
    )
    ax.tick_params(axis="x", which="minor", length=0)
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    ax.set_xlabel("effect in units of the claim's margin d (right: as the claim says)")

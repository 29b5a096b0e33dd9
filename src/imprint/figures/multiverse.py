"""Every contrast under every choice of an analyst: verdict and estimate."""

import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from imprint.claims.multiverse import DECLARED, judge
from imprint.figures import style
from imprint.report.board import quantity

PROBES = ()
SCOPE = "study"
MULTIVERSE = True
TITLE = "The verdicts that other analysts would have published"
CAPTION = (
    "Each contrast as it was declared, on the evaluation seeds, and again on tuning seeds: at the chosen setting, at "
    "its neighbours on the grid of the search, at the value that the optimizer's class has by default, with half and "
    "with twice the batch for as many epochs at the same rate, and without decay. A column is one analyst's: its tests "
    "are one family. A recipe for which a choice does not exist takes part as it was chosen; a dash is a choice that "
    "exists for neither side. Outlined: the choice turns the declared verdict round. This is exploration on few "
    "seeds; the verdicts of the claims stay as they are."
)
ORDER = (DECLARED, "chosen", "below", "above", "default", "half_batch", "double_batch", "no_decay")
LONGEST = 44  # characters of a label beside the cells
TURNED = style.VERDICTS["contradicted"][0]


def data(atlas: xr.DataTree, claims: pd.DataFrame, experiments: list[dict]) -> pd.DataFrame:
    """Row per claim, comparison mode and choice, as `imprint.claims.multiverse` has them."""
    return judge(atlas, claims, experiments)


@style.styled
def draw(atlas: xr.DataTree, claims: pd.DataFrame, experiments: list[dict]) -> Figure:
    """Claims down, choices across."""
    table = data(atlas, claims, experiments)
    if table.empty:
        return style.note("No contrast is judged under other choices.")
    columns = [name for name in ORDER if name in set(table["choice"])]
    rows = list(dict.fromkeys(zip(table["experiment"], table["claim"], table["mode"], strict=True)))
    drawing = style.figure(3.0 + 1.02 * len(columns), 1.25 + 0.42 * len(rows))
    ax = drawing.subplots()
    places = {row: y for y, row in enumerate(rows)}
    found = table.to_dict("records")
    cells = {(places[row["experiment"], row["claim"], row["mode"]], row["choice"]): row for row in found}
    for y in range(len(rows)):
        for x, choice in enumerate(columns):
            draw_cell(ax, x, y, cells.get((y, choice)))
    ax.set_yticks(range(len(rows)), labels(table, rows), linespacing=1.25)
    ax.set_xticks(range(len(columns)), [heading(table, choice) for choice in columns])
    finish(ax, len(columns), len(rows))
    shown = set(table["verdict"])
    handles = style.verdict_handles(shown)
    handles += [Patch(facecolor="none", edgecolor=TURNED, label="turned round")] if table["turned"].any() else []
    drawing.legend(handles=handles, loc="outside lower right", ncols=len(handles), handletextpad=0.3)
    return drawing


def draw_cell(ax: Axes, x: int, y: int, row: dict | None) -> None:
    """The verdict's mark and the estimate."""
    if row is None:
        ax.text(x, y, "–", ha="center", va="center", color=style.FAINT)
        return
    ax.plot(x - 0.33, y, linestyle="", **style.verdict_marker(row["verdict"]))
    ax.text(x - 0.2, y, quantity(row["estimate"], row["unit"]), ha="left", va="center", fontsize=8)
    if row["turned"]:
        ax.add_patch(Rectangle((x - 0.47, y - 0.42), 0.94, 0.84, fill=False, edgecolor=TURNED, linewidth=1.2))


def labels(table: pd.DataFrame, rows: list[tuple[str, str, str]]) -> list[str]:
    """Two lines for each claim and mode: its name, and what it compares where; only parts in which rows differ."""
    recipes = table.drop_duplicates(["experiment", "claim"]).set_index(["experiment", "claim"])["recipes"]
    experiments, stops = ({row[0] for row in rows}, {row[2].split("/")[0] for row in rows})
    found = []
    for experiment, claim, mode in rows:
        stop, _, snapshot = mode.split("/")
        above = (f"{experiment}: " if len(experiments) > 1 else "") + claim
        place = [stop, snapshot] if len(stops) > 1 else [snapshot]
        below = " · ".join([recipes[experiment, claim].replace(" - ", " − "), *place])
        found.append("\n".join(shortened(line.replace("_", " ")) for line in (above, below)))
    return found


def shortened(line: str) -> str:
    """Return a line that fits beside the cells."""
    return line if len(line) <= LONGEST else line[: LONGEST - 1].rstrip() + "…"


def heading(table: pd.DataFrame, choice: str) -> str:
    """A choice in words with its number of seeds."""
    seeds = table.loc[table["choice"] == choice, "pairs_declared"]
    counts = sorted(set(seeds))
    told = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]}–{counts[-1]}"
    return f"{choice.replace('_', ' ')}\n{told} seeds"


def finish(ax: Axes, columns: int, rows: int) -> None:
    """Headings above, a line behind what was declared, thin lines between the claims."""
    ax.set(xlim=(-0.5, columns - 0.5), ylim=(rows - 0.5, -0.5))
    ax.xaxis.tick_top()
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.axvline(0.5, color=style.FAINT, linewidth=1)
    for y in range(rows + 1):
        ax.axhline(y - 0.5, color=style.FAINT, alpha=0.35, linewidth=0.6)

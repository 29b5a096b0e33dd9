"""Every measure over the searched value: what moving a recipe's own rate does, beside what another recipe does."""

import textwrap

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from imprint.figures import curves, frames, seeds, style
from imprint.labels import STATUS

PROBES = ()
SCOPE = "experiment"
SEARCHED = True  # drawn where the solutions of the search are probed
TITLE = "How much depends on the tuning"
CAPTION = (
    "Measures of the final solutions of the search, over the searched value divided by the one chosen (by the first "
    "selection): mean over the tuning seeds, bar over their range, the ring the chosen setting, a cross at the bottom "
    "a value at which a replica diverged. The band is a factor of 3 on either side. Above a panel: the difference of "
    "the two recipes that a claim compares, at their chosen settings, and the range of each one's own curve in the "
    "band (where no claim compares two, the range over all recipes, and the median and largest of their own); on "
    "logarithmic axes these are factors. A difference that is smaller than what a recipe's own value does says little "
    "of the optimizer. Claimed measures come first; of a measure with more labels the claimed one is shown, else the "
    "mean over them, as the title says. Everything is in the table."
)
PANELS = 9  # at most; everything else is in the table
ROW = 3  # panels
BAND = 3.0  # the factor on either side
SNAPSHOT = "final"
TIMES = "\u00d7"
LINES = ("-", (0, (4, 2)), (0, (1, 1.5)))  # one per stop rule
PLACE = ["measure", "label"]
SETTING = ["stop", "recipe", "setting"]
CURVE = [*PLACE, "stop", "recipe"]
NUMBERS = ["hyper", "value", "of_chosen", "chosen", "diverged", "mean", "low", "high", "n"]
COLUMNS = [*CURVE, "setting", *NUMBERS, "scale", "own_range", "difference_range"]


def data(atlas: xr.DataTree, claims: pd.DataFrame, experiment: dict) -> pd.DataFrame:
    """Row per measure, label, stop, recipe and setting.

    ``of_chosen`` is the value over the chosen one, ``own_range`` that of the recipe's curve within the band and
    ``difference_range`` that over recipes at their chosen settings, in the unit of the measure or, where ``scale`` is
    log, as factors. A measure with further dimensions has a row for every label, and ``mean`` over them.
    """
    space = atlas[experiment["name"]].get("search_space")
    search = frames.group(atlas, experiment["name"], "search")
    if space is None or search is None:
        return pd.DataFrame(columns=COLUMNS)
    places = settings(search, experiment)
    parts = [
        summarized(values, f"{probe}.{name}", places)
        for probe, node in space.children.items()
        for name, values in node.to_dataset().items()
        if {"seed", "snapshot"} <= set(values.dims) and SNAPSHOT in values["snapshot"].values
    ]
    parts = [ranged(part) for whole in parts if len(whole) for _, part in whole.groupby(PLACE, sort=False)]
    return pd.concat(parts, ignore_index=True)[COLUMNS] if parts else pd.DataFrame(columns=COLUMNS)


def settings(search: xr.Dataset, experiment: dict) -> pd.DataFrame:
    """Row per stop, recipe and setting: the value tried, over the chosen one, and whether it is chosen or diverged."""
    select = next(iter(experiment["select"]))
    tried = [frames.tidy(search[hyper])[[*SETTING, "value"]].assign(hyper=hyper) for hyper in curves.hypers(search)]
    table = pd.concat(tried, ignore_index=True)
    cells, places = (pd.MultiIndex.from_frame(table[keys]) for keys in (SETTING[:2], SETTING))
    chosen = search["chosen"].sel(select=select, drop=True).transpose("stop", "recipe").to_series()
    table["chosen"] = chosen.reindex(cells).to_numpy() == table["setting"].to_numpy()
    ended = (search["status"] == STATUS["diverged"]).sum("seed").transpose(*SETTING).to_series()
    table["diverged"] = ended.reindex(places).to_numpy()
    at = table[table["chosen"]].set_index(SETTING[:2])["value"]
    table["of_chosen"] = table["value"] / at.reindex(cells).to_numpy()
    return table.sort_values(["stop", "recipe", "value"], ignore_index=True)


def summarized(values: xr.DataArray, measure: str, places: pd.DataFrame) -> pd.DataFrame:
    """Mean, range and number of tuning seeds at every setting, by label and, where there are labels, for their mean."""
    final = values.sel(snapshot=SNAPSHOT, drop=True)
    extra = [dim for dim in final.dims if dim not in SETTING and dim != "seed"]
    parts = [over_seeds(final, extra)]
    parts += [over_seeds(final.mean(extra), []).assign(label=f"mean over {' and '.join(extra)}")] if extra else []
    return places.merge(pd.concat(parts, ignore_index=True).assign(measure=measure), on=SETTING)


def over_seeds(final: xr.DataArray, extra: list[str]) -> pd.DataFrame:
    """Mean, range and number of values over seeds, with labels as in claims: "layer=hidden_1"."""
    final = final.where(np.isfinite(final))
    over = {"dim": "seed", "skipna": True}
    found = {"mean": final.mean(**over), "low": final.min(**over), "high": final.max(**over), "n": final.count("seed")}
    table = xr.Dataset(found).reset_coords(drop=True).to_dataframe().reset_index()
    labels = [table[dim].map(lambda part, dim=dim: f"{dim}={part}") for dim in extra]
    return table.assign(label=[", ".join(row) for row in zip(*labels, strict=True)] if extra else "")


def ranged(part: pd.DataFrame) -> pd.DataFrame:
    """Rows of one panel with their scale and the two ranges that are to be compared."""
    log = frames.is_log(part["mean"].dropna().to_numpy())
    curve = np.log(part["mean"]) if log else part["mean"]
    own = {}
    for key, rows in part.groupby(["stop", "recipe"]):
        at = rows.loc[rows["chosen"], "value"]
        own[key] = np.nan
        if len(at):
            own[key] = curves.span(float(at.iloc[0]), rows["value"].to_numpy(), curve[rows.index].to_numpy(), BAND)
    at_chosen = curve[part["chosen"]].groupby(part.loc[part["chosen"], "stop"])
    between = at_chosen.max() - at_chosen.min()
    told = np.exp if log else float
    return part.assign(
        scale="log" if log else "linear",
        own_range=[told(own[key]) for key in zip(part["stop"], part["recipe"], strict=True)],
        difference_range=[told(between.get(stop, np.nan)) for stop in part["stop"]],
    )


def panels(table: pd.DataFrame, atlas: xr.DataTree, claims: pd.DataFrame, experiment: dict) -> list[tuple[str, str]]:
    """Measures and labels in the order of their panels: what claims read, the first of each probe, the rest."""
    present = list(dict.fromkeys(table[PLACE].itertuples(index=False, name=None)))
    names = [f"{probe}.{name}" for probe, name in seeds.key_measures(atlas, claims, experiment)]
    found = []
    for measure in dict.fromkeys([*names, *(name for name, _ in present)]):
        own = [label for name, label in present if name == measure]
        claimed = seeds.claimed_labels(claims, experiment["name"], measure)
        read = [label for label in own if label and set(label.split(", ")) in claimed]
        found += [(measure, label) for label in read or own[-1:]]
    return found[:PANELS]


@style.styled
def draw(atlas: xr.DataTree, claims: pd.DataFrame, experiment: dict) -> Figure:
    """A panel per measure, a curve per recipe; line styles are stop rules."""
    table = data(atlas, claims, experiment)
    table = table[np.isfinite(table["of_chosen"].astype(float))]
    if table["mean"].notna().sum() == 0:
        return style.note("No solution of a search has a measure here.")
    places = panels(table, atlas, claims, experiment)
    recipes = style.ordered(table["recipe"])
    stops = [stop for stop in experiment["stop"] if stop in set(table["stop"])]
    columns, rows = min(ROW, len(places)), -(-len(places) // ROW)
    drawing = style.figure(1.2 + 2.55 * max(columns, 2), 0.9 + 1.95 * rows)
    axes = drawing.subplots(rows, columns, squeeze=False, sharex=True)
    for ax in axes.flat[len(places) :]:
        ax.set_visible(False)
    for ax in axes.flat[max(len(places) - columns, 0) : len(places)]:
        ax.tick_params(labelbottom=True)
    for ax, place in zip(axes.flat, places, strict=False):
        part = table[(table[PLACE] == list(place)).all(axis=1)]
        panel(ax, part, recipes, stops)
        heading(ax, part, title(atlas, experiment, place), compared(part, experiment, place, stops[0]))
    style.log_ticks(axes[0, 0].xaxis)
    hypers = list(dict.fromkeys(map(curves.words, table["hyper"])))
    drawing.supxlabel(f"{', '.join(hypers)} over the chosen one", fontsize=8.5)
    handles = style.recipe_handles(recipes)
    drawing.legend(handles=handles, loc="outside upper left", ncols=min(len(handles), 7))
    return drawing


def panel(ax: Axes, part: pd.DataFrame, recipes: list[str], stops: list[str]) -> None:
    """Curves of one measure."""
    ax.set_xscale("log")
    ax.set_yscale(part["scale"].iloc[0])
    ax.axvspan(1 / BAND, BAND, color=style.FAINT, alpha=0.18, linewidth=0)
    for name in recipes:
        colour, marker = style.recipe(name)
        for stop, line in zip(stops, LINES, strict=False):
            own = part[(part["recipe"] == name) & (part["stop"] == stop)]
            ax.vlines(own["of_chosen"], own["low"], own["high"], color=colour, linewidth=0.9, alpha=0.6)
            look = {"color": colour, "marker": marker, "linestyle": line, "markersize": 3, "linewidth": 1.1}
            ax.plot(own["of_chosen"], own["mean"], **look)
            ring = own[own["chosen"]]
            look = {"markersize": 7.5, "markerfacecolor": "none", "markeredgewidth": 1.1}
            ax.plot(ring["of_chosen"], ring["mean"], "o", markeredgecolor=colour, **look)
            gone = own.loc[own["diverged"] > 0, "of_chosen"]
            if len(gone):
                low = np.full(len(gone), 0.04)
                ax.plot(gone, low, "x", color=colour, markersize=4, transform=ax.get_xaxis_transform())
    if part["scale"].iloc[0] == "log":
        style.log_ticks(ax.yaxis)
    ax.grid()


def title(atlas: xr.DataTree, experiment: dict, place: tuple[str, str]) -> str:
    """The measure's long name with its unit, and the label that is shown."""
    probe, _, name = place[0].partition(".")
    values = atlas[f"{experiment['name']}/search_space/{probe}"][name]
    labels = [part.partition("=")[2] or part for part in place[1].split(", ") if part]
    return ", ".join([frames.title(values, name), *labels])


def compared(part: pd.DataFrame, experiment: dict, place: tuple[str, str], stop: str) -> str:
    """The difference between recipes at their chosen settings, and what each one's own value does, in words."""
    rows = part[part["chosen"] & (part["stop"] == stop)].set_index("recipe")
    log = part["scale"].iloc[0] == "log"
    own = rows["own_range"].dropna()
    if rows["mean"].notna().sum() < 2 or own.empty:
        return ""
    for claim in experiment["claims"].values():
        sides = claim.get("contrast") or []
        where = ", ".join(f"{dim}={label}" for dim, label in (claim.get("where") or {}).items())
        if (claim["measure"], where) == place and all(isinstance(side, str) and side in rows.index for side in sides):
            if len(sides) == 2:
                one, other = rows.loc[sides, "mean"]
                difference = max(one / other, other / one) if log else abs(one - other)
                told = " and ".join(amount(rows.loc[side, "own_range"], log) for side in sides)
                return f"{sides[0]}, {sides[1]}: {amount(difference, log)} apart; own {told}"
    apart = amount(rows["difference_range"].iloc[0], log)
    return f"recipes: up to {apart} apart; own {amount(own.median(), log)} to {amount(own.max(), log)}"


def amount(value: float, log: bool) -> str:
    """A difference, or a factor."""
    number = f"{value:.2g}"
    if 100 <= value < 1e4:
        number = f"{value:.0f}"
    elif value >= 1e4:
        digit, _, power = f"{value:.0e}".partition("e")
        number = rf"${digit}\cdot10^{{{int(power)}}}$"
    return f"{TIMES}{number}" if log else number


def heading(ax: Axes, part: pd.DataFrame, name: str, told: str) -> None:
    """The measure in bold, and below it in plain letters what is compared."""
    ax.set_title("\n".join(textwrap.wrap(name, 40)), fontsize=7.5, pad=14 if told else 6)
    ax.text(0, 1.02, told, transform=ax.transAxes, fontsize=6.5, va="bottom")

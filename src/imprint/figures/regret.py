"""What it costs to run an optimizer at the setting that is best for another."""

import matplotlib.colors
import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from imprint.figures import curves, frames, style
from imprint.labels import STATUS

PROBES = ()
SCOPE = "experiment"
ALIKE = 3  # drawn where so many recipes search the same hyper-parameter
TITLE = "One optimizer's setting, used for another"
CAPTION = (
    "Regret on the tuning seeds: how much worse the criterion of the selection is, in its own unit, when the recipe "
    "in the column runs at the value that was chosen for the recipe in the row, than at the best value that was tried "
    "for it. Between two values tried the criterion is taken as linear in the logarithm of the value. "
    "'Diverges' and 'not reached': a replica did so at a value tried next to it. A dash: the value lies outside those "
    "tried for the column, so nothing is known. Rows of large numbers warn against tuning one optimizer and using its "
    "setting for all. Left out are selections with a target, which have no best, and recipes that finished nowhere. "
    "Each matrix has its own scale of colour."
)
COLUMNS = [
    "stop",
    "select",
    "metric",
    "unit",
    "sign",
    "hyper",
    "setting_of",
    "used_for",
    "value",
    "best",
    "regret",
    "state",
]
WORDS = {"diverged": "diverges", "condition not reached": "not reached"}
OUTSIDE = "outside"
SHOWN = {OUTSIDE: "\u2013", "diverges": "di-\nverges", "not reached": "not\nreached", "nothing chosen": ""}
WIDE = 6  # recipes, above which matrices are below one another
SIGN = {"min": 1.0, "max": -1.0}


def data(atlas: xr.DataTree, claims: pd.DataFrame, experiment: dict) -> pd.DataFrame:
    """Row per stop, selection, hyper-parameter and ordered pair of recipes that search it."""
    search = frames.group(atlas, experiment["name"], "search")
    rows = []
    if search is not None:
        for select, metric, sign in rules(search, experiment):
            for stop in search["stop"].values.tolist():
                for hyper in curves.hypers(search):
                    place = {"stop": stop, "select": select, "metric": metric, "sign": sign, "hyper": hyper}
                    place["unit"] = search[metric].attrs.get("units", "1")
                    rows += [{**place, **pair} for pair in pairs(search.sel(stop=stop), hyper, select, metric, sign)]
    return pd.DataFrame(rows, columns=COLUMNS)


def rules(search: xr.Dataset, experiment: dict) -> list[tuple[str, str, float]]:
    """Name, metric and sign of every selection that takes the best: 1 where small is good, else -1."""
    found = []
    for select, rule in experiment["select"].items():
        ((metric, aim),) = [(key, value) for key, value in rule.items() if key != "within"]
        if aim in SIGN and metric in search:
            found.append((select, metric, SIGN[aim]))
    return found


def pairs(search: xr.Dataset, hyper: str, select: str, metric: str, sign: float) -> list[dict]:
    """Regret of each recipe at the value chosen for each; none where fewer than three search the hyper-parameter."""
    known = {recipe: tried(search, recipe, hyper, metric, sign) for recipe in search["recipe"].values.tolist()}
    known = {recipe: curve for recipe, curve in known.items() if len(curve) and curve["cost"].notna().any()}
    if len(known) < ALIKE:
        return []
    rows = []
    for setting_of in known:
        place = float(search["chosen"].sel(recipe=setting_of, select=select))
        value = float(search[hyper].sel(recipe=setting_of, setting=place)) if np.isfinite(place) else np.nan
        for used_for, curve in known.items():
            best = float(curve["cost"].min())
            cost, state = read(value, curve)
            rows.append(
                {
                    "setting_of": setting_of,
                    "used_for": used_for,
                    "value": value,
                    "best": sign * best,
                    "regret": cost - best,
                    "state": state,
                }
            )
    return rows


def tried(search: xr.Dataset, recipe: str, hyper: str, metric: str, sign: float) -> pd.DataFrame:
    """Row per setting: value, mean cost over the tuning seeds, and why it has none.

    As in the selection, a setting has no cost where one of its replicas diverged or did not reach the condition.
    """
    own = search.sel(recipe=recipe)
    cost = sign * own[metric].mean("seed", skipna=False)
    state = xr.where(cost.isnull(), WORDS["diverged"], "")
    for name, word in reversed(WORDS.items()):
        if "status" in own:
            state = xr.where((own["status"] == STATUS[name]).any("seed"), word, state)
    columns = {"value": own[hyper].values, "cost": cost.where(state == "").values, "state": state.values}
    frame = pd.DataFrame(columns)
    return frame[np.isfinite(frame["value"])].sort_values("value", ignore_index=True)


def read(value: float, curve: pd.DataFrame) -> tuple[float, str]:
    """Cost at a value, and why there is none."""
    if np.isnan(value):
        return np.nan, "nothing chosen"
    tried_S = curve["value"].to_numpy()
    if not curves.inside(value, tried_S):
        return np.nan, OUTSIDE
    cost = curves.at(value, tried_S, curve["cost"].to_numpy())
    if np.isfinite(cost):
        return cost, ""
    distance = (np.log(curve["value"]) - np.log(value)).abs()
    return np.nan, curve["state"][distance[curve["state"] != ""].idxmin()]


@style.styled
def draw(atlas: xr.DataTree, claims: pd.DataFrame, experiment: dict) -> Figure:
    """A matrix per stop rule, selection and hyper-parameter."""
    table = data(atlas, claims, experiment)
    if table.empty:
        return style.note("No selection takes the best setting of three recipes that search the same.")
    keys = ["stop", "select", "hyper"]
    places = list(dict.fromkeys(table[keys].itertuples(index=False, name=None)))
    most = max(len(part["setting_of"].unique()) for _, part in table.groupby(keys))
    columns = min(2 if most <= WIDE else 1, len(places))
    rows = -(-len(places) // columns)
    side = 0.58 * most
    drawing = style.figure(max(1.3 + columns * (side + 1.0), 4.6), rows * (side + 1.35))
    axes = drawing.subplots(rows, columns, squeeze=False)
    for ax in axes.flat[len(places) :]:
        ax.set_visible(False)
    for ax, place in zip(axes.flat, places, strict=False):
        part = table[(table[keys] == list(place)).all(axis=1)]
        matrix(ax, part, style.ordered(part["setting_of"]))
        ax.set_title(heading(part.iloc[0], dict(zip(keys, place, strict=True)), table[keys].nunique() > 1))
    return drawing


def heading(row: pd.Series, place: dict, differs: pd.Series) -> str:
    """What is lost, and in which place where there are several."""
    unit = "" if row["unit"] in ("", "1") else f" [{row['unit']}]"
    told = [f"{key}: {value.replace('_', ' ')}" for key, value in place.items() if key != "hyper" and differs[key]]
    told += [curves.words(place["hyper"])] if differs["hyper"] else []
    side = "below" if row["sign"] < 0 else "above"
    return "\n".join([f"{row['metric'].replace('_', ' ')}{unit} {side} the best", *told])


def matrix(ax: Axes, table: pd.DataFrame, recipes: list[str]) -> None:
    """Cells of one panel: colour and regret, or why there is none."""
    grid = pd.MultiIndex.from_product([recipes, recipes], names=["setting_of", "used_for"])
    cells = table.set_index(["setting_of", "used_for"]).reindex(grid)
    values = cells["regret"].to_numpy(float).reshape(len(recipes), -1)
    top = max(np.nanmax(values), 1e-9) if np.isfinite(values).any() else 1.0
    norm = matplotlib.colors.PowerNorm(0.3, 0, top)
    ax.pcolormesh(np.ma.masked_invalid(values), norm=norm, cmap=style.SCALE, edgecolors=style.FAINT, linewidth=0.4)
    for place, cell in enumerate(cells.itertuples()):
        y, x = divmod(place, len(recipes))
        known = np.isfinite(cell.regret)
        text = f"{max(cell.regret, 0):.2g}" if known else SHOWN[cell.state]
        ink = style.CELL_INK[int(norm(cell.regret) > 0.65)] if known else style.INK
        ax.text(x + 0.5, y + 0.5, text, ha="center", va="center", fontsize=7.5 if known else 6, color=ink)
    ax.set(aspect="equal", xlim=(0, len(recipes)), ylim=(len(recipes), 0))
    ax.set_xticks(np.arange(len(recipes)) + 0.5, recipes, rotation=35, ha="right", rotation_mode="anchor")
    ax.set_yticks(np.arange(len(recipes)) + 0.5, recipes)
    ax.set(xlabel="used for", ylabel="setting of")
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)

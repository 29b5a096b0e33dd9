"""Can one tell the optimizer from a solution: which are taken for which, how surely, and by which probes."""

import functools
import textwrap
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from imprint.claims import rate_and_steps, settings, tell
from imprint.claims.runs import Runs, unfit
from imprint.figures import frames, style

PROBES = ()
SCOPE = "experiment"
SETTINGS = 3  # at least, of two optimizers or more, at a snapshot of equal training loss
TITLE = "Can one tell the optimizer"
CAPTION = (
    "A linear classifier names the optimizer of a run from all that the probes measured at equal training loss. It has "
    "seen neither the run's seed nor its setting, of any optimizer. Top left: runs of each optimizer by what they are "
    "taken for. Below it: accuracy, the mean over optimizers, without and with the measures that are functions of rate "
    "and steps alone, on these alone, and when other seeds' runs at the tested setting may be seen. Right: each probe "
    "alone, and by how much the accuracy drops when a probe's measures are shuffled among the tested runs; it drops "
    "little where other probes say the same. Grey bars are the middle 95 % of the accuracy when the optimizers' names "
    "are permuted within each seed, dashed lines are chance. p is the share of permutations that are as accurate; "
    "permuted within each setting, it is small only if the settings of an optimizer are alike."
)
SETS = {
    "kept": "solution",
    "all": "with rate and steps",
    "excluded": "rate and steps alone",
    "setting_seen": "solution, setting seen",
}
SHOWN = 16  # probes, at most; all are in the table
COLUMNS = ["kind", "name", "other", "value", "low", "high", "chance", "p_seed", "p_setting", "runs", "features"]
SOLUTION = "#1f5fae"
DROP = "#d9822b"


def data(atlas: xr.DataTree, claims: pd.DataFrame, experiment: dict) -> pd.DataFrame:
    """Rows of several kinds, by what ``name`` names.

    - ``accuracy``: a set of measures (:data:`SETS`), or ``probe``: a probe alone, with the null's middle 95 %;
    - ``importance``: a probe, by how much the accuracy drops without it;
    - ``taken``: an optimizer, and ``value`` how many of its ``runs`` are taken for ``other``;
    - ``excluded``: a measure, for the reason in ``other``; ``value`` is what setting and steps explain of it;
    - ``lacking``: a measure that is left out because too many runs lack it;
    - ``dropped``: an optimizer, and ``value`` how many of its ``runs`` did not reach the training loss;
    - ``unused``: a recipe of an optimizer with too few settings;
    - ``imputed``: ``value`` of so many are lacking, and taken as the mean of the training runs;
    - ``untold``: why there is nothing to show.
    """
    return pd.DataFrame(_rows(atlas, experiment), columns=COLUMNS)


def _rows(atlas: xr.DataTree, experiment: dict) -> Iterator[dict]:
    groups = settings.by_optimizer(experiment["recipes"], SETTINGS)
    used = {recipe for group in groups.values() for recipe in group}
    yield from ({"kind": "unused", "name": recipe} for recipe in experiment["recipes"] if recipe not in used)
    snapshot = settings.matched_loss(experiment.get("snapshots", {}))
    every = runs(atlas, experiment, list(groups.values()), snapshot) if groups and snapshot else None
    if every is None or not every.x_NF.size:
        yield {"kind": "untold", "name": "no optimizer has enough settings at equal loss"}
        return
    for place, optimizer in enumerate(groups):
        lost = ~every.reached_N[every.optimizer_N == place]
        yield {"kind": "dropped", "name": optimizer, "value": lost.sum(), "runs": lost.size}
    reached = every.some(every.reached_N)
    lacking = ~reached.measured_F
    yield from ({"kind": "lacking", "name": name, "features": n} for name, n in _counted(reached.measure_F[lacking]))
    present, place_N = np.unique(reached.optimizer_N, return_inverse=True)
    told = replace(reached.features(~lacking), optimizer_N=place_N)
    yield from _told(told, [list(groups)[place] for place in present])


def _told(reached: Runs, optimizers: list[str]) -> Iterator[dict]:
    """Rows of what is found in runs that are there, of measures that are there."""
    out = rate_and_steps.excluded(reached) if reached.x_NF.size else np.zeros(0, bool)
    kept = reached.features(~out)
    if unfit(kept):
        yield {"kind": "untold", "name": unfit(kept)}
        return
    yield {"kind": "imputed", "value": int(np.isnan(kept.x_NF).sum()), "features": kept.x_NF.size}
    explained = rate_and_steps.explained(reached)
    for name, count in _counted(reached.measure_F[out]):
        own = reached.measure_F == name
        part = f" ({count} of {own.sum()} labels)" if count < own.sum() else ""
        reason = rate_and_steps.NAMED.get(name, "explained by setting and steps within every optimizer")
        least = explained[out & own].min()
        yield {"kind": "excluded", "name": name + part, "other": reason, "value": least, "features": count}
    found = tell.trial(kept)
    yield from _taken(found.counts_PP, optimizers)
    yield _accuracy("accuracy", "kept", found, kept)
    if out.any():
        yield _accuracy("accuracy", "all", tell.trial(reached), reached)
        yield _accuracy("accuracy", "excluded", tell.trial(reached.features(out)), reached.features(out))
    yield _accuracy("accuracy", "setting_seen", tell.trial(kept, unseen_setting=False), kept)
    for probe, drop in tell.importance(kept).items():
        own = kept.features(kept.probe_F == probe)
        yield _accuracy("probe", probe, tell.trial(own), own)
        yield {"kind": "importance", "name": probe, "value": drop}


def _taken(counts_PP: np.ndarray, optimizers: list[str]) -> Iterator[dict]:
    for name, counts_P in zip(optimizers, counts_PP, strict=True):
        for other, count in zip(optimizers, counts_P, strict=True):
            yield {"kind": "taken", "name": name, "other": other, "value": count, "runs": counts_P.sum()}


def _accuracy(kind: str, name: str, found: tell.Trial, of: Runs) -> dict:
    keys = ("low", "high", "chance", "p_seed", "p_setting")
    size = {"runs": of.x_NF.shape[0], "features": of.x_NF.shape[1]}
    return {"kind": kind, "name": name, "value": found.accuracy, **{key: getattr(found, key) for key in keys}, **size}


def _counted(measure_F: np.ndarray) -> Iterator[tuple[str, int]]:
    names, counts = np.unique(measure_F.astype(str), return_counts=True)
    return zip(names.tolist(), counts.tolist(), strict=True)


def runs(atlas: xr.DataTree, experiment: dict, groups: list[list[str]], snapshot: str) -> Runs:
    """Return all runs of the optimizers' settings as features, those of several orders together.

    Every label on a further dimension of a measure makes a feature. Read at the first stop rule, and at a recipe's
    first selection.
    """
    recipes = [recipe for group in groups for recipe in group]
    family = experiment["name"].partition(".")[0]
    joined = experiment.get("task", {}).get("order") is not None
    tasks = sorted(name for name in atlas.children if name.partition(".")[0] == family) if joined else []
    tasks = [name for name in tasks or [experiment["name"]] if name in atlas.children]
    taken = functools.partial(_at, atlas, tasks, recipes, snapshot)
    parts, names = [], []
    for probe in experiment["probes"]:
        for variable, values in taken(probe).items():
            size = dict(zip(values.dims, values.shape, strict=True))
            x_NF = values.values.reshape(size["recipe"] * size["seed"] * size["task"], -1)
            parts.append(x_NF)
            names += [f"{probe}.{variable}"] * x_NF.shape[1]
    steps = taken("training").get("snapshot_step")
    optimizer_K = np.repeat(np.arange(len(groups)), [len(group) for group in groups])
    setting_K = np.concatenate([np.arange(len(group)) for group in groups])
    shape = (0, 0, 0) if steps is None else steps.shape
    recipe_N, seed_N, _ = np.indices(shape).reshape(3, -1)
    x_NF = np.hstack([np.empty((len(recipe_N), 0)), *parts]).astype(float)
    steps_N = np.empty(0) if steps is None else steps.values.ravel().astype(float)
    return Runs(x_NF, np.array(names, object), optimizer_K[recipe_N], seed_N, setting_K[recipe_N], steps_N)


def _at(atlas: xr.DataTree, tasks: list[str], recipes: list[str], snapshot: str, probe: str) -> dict[str, xr.DataArray]:
    """Return the measures of a probe at a snapshot, dims ``(recipe, seed, task, ...)``."""
    found = {name: frames.group(atlas, name, probe) for name in tasks}
    parts = {name: data for name, data in found.items() if data is not None}
    if not parts or len(parts) < len(tasks):
        return {}
    whole = xr.concat(parts.values(), pd.Index(list(parts), name="task"), join="outer", data_vars="all")
    kept = {name: values for name, values in whole.data_vars.items() if {*frames.KEYS} <= set(values.dims)}
    read = {name: _selected(values.isel(stop=0)) for name, values in kept.items()}
    there = {name: values.reindex(recipe=recipes, snapshot=[snapshot]) for name, values in read.items()}
    return {name: v.isel(snapshot=0).transpose("recipe", "seed", "task", ...) for name, v in there.items()}


def _selected(values: xr.DataArray) -> xr.DataArray:
    """Read recipes at their first selection; those without a search have the selection "fixed" alone."""
    first = values.isel(select=0, drop=True)
    fixed = "fixed" in values["select"].values
    return first.fillna(values.sel(select="fixed", drop=True)) if fixed else first


@style.styled
def draw(atlas: xr.DataTree, claims: pd.DataFrame, experiment: dict) -> Figure:
    """Confusion and accuracies on the left, probes on the right, what was left out below."""
    table = data(atlas, claims, experiment)
    kinds = {kind: rows for kind, rows in table.groupby("kind", sort=False)}
    if "untold" in kinds:
        return style.note(f"Optimizers are not told apart here: {kinds['untold']['name'].iloc[0]}.")
    probes = kinds["probe"].sort_values("value", ascending=False, kind="stable").head(SHOWN)
    drawing = style.figure(8.8, max(5.2, 1.9 + 0.21 * len(probes)))
    left, right = drawing.subfigures(1, 2, width_ratios=[1, 1.15])
    square, sets = left.subplots(2, 1, height_ratios=[1.9, 1])
    matrix(square, kinds["taken"])
    accuracies(sets, kinds["accuracy"].assign(name=kinds["accuracy"]["name"].map(SETS)), "accuracy")
    alone, shuffled = right.subplots(1, 2, sharey=True)
    accuracies(alone, probes.assign(name=probes["name"].str.replace("_", " ")), "accuracy alone")
    drops = kinds["importance"].set_index("name")["value"].reindex(probes["name"])
    shuffled.barh(range(len(drops)), drops, color=DROP, height=0.6)
    shuffled.axvline(0, color=style.FAINT, linewidth=0.8)
    shuffled.set_xlabel("drop when shuffled")
    drawing.supxlabel(textwrap.fill(words(kinds), 138), x=0.01, ha="left", fontsize=7.5)
    return drawing


def matrix(ax: Axes, taken: pd.DataFrame) -> None:
    """Share of an optimizer's runs (rows) taken for each (columns), with counts."""
    names = pd.unique(taken["name"]).tolist()
    count = taken.pivot(index="name", columns="other", values="value").loc[names, names].to_numpy(int)
    share = count / np.maximum(count.sum(1, keepdims=True), 1)
    ax.pcolormesh(share, vmin=0, vmax=1, cmap=style.SCALE, edgecolors="face", linewidth=0.4)
    for (row, column), part in np.ndenumerate(share):
        text = f"{part:.0%}\n{count[row, column]}" if count[row, column] else "0"
        ink = style.CELL_INK[int(part > 0.6)]
        ax.text(column + 0.5, row + 0.5, text, ha="center", va="center", fontsize=7, color=ink)
    middle = np.arange(len(names)) + 0.5
    ax.set_xticks(middle, names)
    ax.set_yticks(middle, [f"{name} ({total})" for name, total in zip(names, count.sum(1), strict=True)])
    ax.set(ylim=(len(names), 0), xlabel="taken for", ylabel="optimizer (runs)")
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)


def accuracies(ax: Axes, found: pd.DataFrame, label: str) -> None:
    """One accuracy a row, over the range of its null."""
    rows = range(len(found))
    ax.barh(rows, found["high"] - found["low"], left=found["low"], color=style.FAINT, alpha=0.5, height=0.6)
    ax.axvline(found["chance"].iloc[0], color=style.INK, linestyle="--", linewidth=0.9)
    ax.plot(found["value"], rows, "o", color=SOLUTION)
    for row, value in zip(rows, found["value"], strict=True):
        aside, side = (-5, "right") if value > 0.8 else (5, "left")
        look = {"textcoords": "offset points", "ha": side, "va": "center", "fontsize": 7}
        ax.annotate(f"{value:.2f}", (value, row), (aside, 0), **look)
    ax.set_yticks(rows, found["name"], fontsize=7.5)
    ax.set(xlim=(0, 1.04), ylim=(len(found) - 0.4, -0.6), xlabel=label)


def words(kinds: dict[str, pd.DataFrame]) -> str:
    """What was found and left out, in a few sentences."""
    best = kinds["accuracy"].iloc[0]
    lost = kinds["dropped"].set_index("name")["value"].astype(int)
    lost = ", ".join(f"{count} of {name}" for name, count in lost.items() if count)
    said = [
        f"Accuracy {best['value']:.2f}, chance {best['chance']:.2f}; p = {best['p_seed']:.3g} permuted within seeds, "
        f"{best['p_setting']:.3g} within settings. {int(best['runs'])} runs, {int(best['features'])} features.",
        f"Dropped, as they did not reach the training loss: {lost}." if lost else "No run is dropped.",
    ]
    filled = kinds["imputed"].iloc[0]
    said += [f"{int(filled['value'])} of {int(filled['features'])} values imputed."] if filled["value"] else []
    listed = {
        "excluded": "Functions of rate and steps",
        "lacking": "Lacking in too many runs",
        "unused": "Too few settings",
    }
    said += [f"{title}: {', '.join(kinds[kind]['name'])}." for kind, title in listed.items() if kind in kinds]
    return " ".join(said)

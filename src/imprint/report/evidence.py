"""What lies behind a cell of the atlas, as plain values for the charts: runs, tests, tuning curves and stores."""

import numpy as np
import xarray as xr

from imprint.claims.against import Against
from imprint.figures import curves, frames, style
from imprint.figures.search import criterion, tried
from imprint.report.board import mode_words
from imprint.report.heat import measures
from imprint.report.sources import Sources

DIGITS = 5
"""Significant digits of the values."""
TOLD = ("estimate", "low", "high", "effect", "p_adjusted", "n", "found", "flags")


def content(atlas: xr.DataTree, experiment: dict, found: Against, sources: Sources) -> dict:
    """Return what the charts of one experiment need, as JSON values.

    Returns:
        ``values[mode][measure]`` has the values of each recipe by seed, ``tests[mode][measure]`` what the comparison of
        each recipe with the reference found, in the order of ``told``; ``search`` is what tuning saw, None without one.
    """
    names, shown = list(dict.fromkeys(mode for mode, *_ in found.value)), measures(found)
    tests: dict[tuple, dict] = {}
    for row in found.table.to_dict("records"):
        told = [short(row[key]) if isinstance(row[key], float) else row[key] for key in TOLD]
        tests.setdefault((row["mode"], row["measure"], row["where"]), {})[row["recipe"]] = told
    stops = [mode.partition("/")[0] for mode in names]
    return {
        "title": experiment["title"],
        "reference": found.table["reference"].iloc[0],
        "recipes": style.ordered(experiment["recipes"]),
        "seeds": list(experiment["seeds"]),
        "modes": [mode_words(mode) for mode in names],
        "stops": stops,
        "told": TOLD,
        "measures": [_described(atlas[experiment["name"]], measure, where) for measure, where in shown],
        "values": [[_listed(found.value.get((mode, *key), {})) for key in shown] for mode in names],
        "tests": [[tests.get((mode, *key), {}) for key in shown] for mode in names],
        "search": search(atlas, experiment, names, shown),
        "stores": _stores(experiment, shown, stops, sources),
    }


def search(atlas: xr.DataTree, experiment: dict, names: list[str], shown: list[tuple[str, str]]) -> dict | None:
    """Return the values tried, those chosen, and at each the criterion and the measures that the search was probed for.

    ``at[stop][recipe]`` are the values of the searched hyper-parameter, ``chosen[mode][recipe]`` the place of the one
    chosen; ``criterion[stop][recipe]`` and ``of[stop][measure][recipe]`` have for each value tried those of the tuning
    seeds. Keys of ``of`` are places among the measures shown.
    """
    data = frames.group(atlas, experiment["name"], "search")
    if data is None or not curves.hypers(data):
        return None
    name, values = tried(data)
    metric = criterion(data, experiment)
    found = {
        "hyper": name,
        "metric": frames.title(data[metric], metric),
        "at": {stop: _by_recipe(values.sel(stop=stop)) for stop in map(str, data["stop"].values)},
        "criterion": {stop: _by_recipe(data[metric].sel(stop=stop)) for stop in map(str, data["stop"].values)},
        "chosen": [_chosen(data, *mode.split("/")[:2]) for mode in names],
        "of": {stop: {} for stop in map(str, data["stop"].values)},
    }
    for place, (measure, where) in enumerate(shown):
        array = _searched(atlas, experiment["name"], measure, where)
        for stop in () if array is None else found["of"]:
            if stop in array["stop"].values:
                found["of"][stop][place] = _by_recipe(array.sel(stop=stop))
    return found


def short(value: float) -> float | None:
    """Return a number in few digits, None where there is none.

    >>> short(0.123456789), short(float("nan")), short(float("inf"))
    (0.12346, None, 'inf')
    """
    if np.isinf(value):
        return "inf" if value > 0 else "-inf"
    return None if np.isnan(value) else float(f"{value:.{DIGITS}g}")


def _described(groups: xr.DataTree, measure: str, where: str) -> dict:
    probe, _, name = measure.partition(".")
    attrs = groups[probe][name].attrs
    unit = attrs.get("units", "1")
    return {
        "name": measure,
        "where": where,
        "says": attrs.get("long_name", name.replace("_", " ")),
        "unit": "" if unit == "1" else unit,
    }


def _listed(values: dict[str, np.ndarray]) -> dict[str, list]:
    return {recipe: [short(value) for value in value_N.tolist()] for recipe, value_N in values.items()}


def _by_recipe(array: xr.DataArray) -> dict[str, list]:
    """Values of each recipe by setting (and seed); recipes that were not searched are left out."""
    array = array.transpose("recipe", "setting", ...)
    rows = {str(recipe): np.atleast_1d(row) for recipe, row in zip(array["recipe"].values, array.values, strict=True)}
    return {recipe: _plain(row) for recipe, row in rows.items() if np.isfinite(row).any()}


def _plain(values: np.ndarray) -> list:
    return [_plain(part) if np.ndim(part) else short(float(part)) for part in values]


def _chosen(data: xr.Dataset, stop: str, select: str) -> dict[str, int]:
    if stop not in data["stop"].values or select not in data["select"].values:
        return {}
    chosen = data["chosen"].sel(stop=stop, select=select)
    pairs = zip(chosen["recipe"].values, chosen.values, strict=True)
    return {str(recipe): int(place) for recipe, place in pairs if np.isfinite(place)}


def _searched(atlas: xr.DataTree, experiment: str, measure: str, where: str) -> xr.DataArray | None:
    """A measure over the solutions of the search at their end, None where they were not probed for it."""
    probe, _, name = measure.partition(".")
    space = atlas[experiment].children.get("search_space")
    if space is None or probe not in space.children or name not in space[probe]:
        return None
    array = space[probe][name]
    array = array.sel(snapshot="final", drop=True) if "snapshot" in array.dims else array
    dim, _, label = where.partition("=")
    if dim:
        places = [str(each) for each in array[dim].values]
        array = array.isel({dim: places.index(label)}, drop=True)
    return array


def _stores(experiment: dict, shown: list[tuple[str, str]], stops: list[str], sources: Sources) -> dict:
    """Addresses of the stores by stop rule, probe and recipe."""
    found: dict[str, dict] = {}
    for stop in dict.fromkeys(stops):
        for probe in dict.fromkeys(measure.partition(".")[0] for measure, _ in shown):
            listed = sources.of([experiment["name"]], probe, experiment["recipes"], stop)
            by_recipe: dict[str, list] = {}
            for source in listed:
                by_recipe.setdefault(source["recipe"], []).append(source["href"])
            found.setdefault(stop, {})[probe] = by_recipe
    return found

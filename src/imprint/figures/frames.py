"""From the atlas to tidy frames: one row per replica, and means with 95 % intervals over seeds."""

import re

import numpy as np
import pandas as pd
import xarray as xr
from scipy import stats

KEYS = ("stop", "select", "recipe", "seed", "snapshot")
MODE = ["stop", "select", "snapshot"]
SERIES = re.compile(r"(_[0-9.e+-]+)+$")


def group(atlas: xr.DataTree, experiment: str, name: str) -> xr.Dataset | None:
    """Dataset of `/<experiment>/<name>`, None where the atlas has no such group."""
    if experiment not in atlas.children or name not in atlas[experiment].children:
        return None
    return atlas[experiment][name].to_dataset().load()


def required(atlas: xr.DataTree, experiment: str, probe: str, variables: tuple[str, ...]) -> xr.Dataset:
    """Dataset of a probe that must be there with these variables.

    Raises:
        KeyError: naming the group and the variables that the atlas holds instead.
    """
    data = group(atlas, experiment, probe)
    if data is None:
        found = sorted(atlas[experiment].children) if experiment in atlas.children else sorted(atlas.children)
        raise KeyError(f"the atlas has no group /{experiment}/{probe}; it holds {found}")
    missing = [name for name in variables if name not in data]
    if missing:
        raise KeyError(f"/{experiment}/{probe} lacks {missing}; it holds {sorted(data.data_vars)}")
    return data


def tidy(values: xr.DataArray) -> pd.DataFrame:
    """One row per finite value: the array's coordinates and `value`."""
    frame = values.rename("value").to_series().reset_index()
    return frame[np.isfinite(frame["value"])].reset_index(drop=True)


def summary(frame: pd.DataFrame, by: list[str], log: bool = False) -> pd.DataFrame:
    """Mean over seeds and 95 % t-interval (of logarithms if `log`): columns `mean`, `low`, `high`, `n`."""
    values = np.log(frame["value"]) if log else frame["value"]
    grouped = values.groupby([frame[name] for name in by], sort=False, observed=True)
    table = grouped.agg(mean="mean", spread="std", n="count").reset_index()
    half = half_width(table.pop("spread"), table["n"])
    ends = {"mean": table["mean"], "low": table["mean"] - half, "high": table["mean"] + half}
    table = table.assign(**{name: np.exp(end) if log else end for name, end in ends.items()})
    return table[[*by, "mean", "low", "high", "n"]]


def half_width(spread, n):
    """Half of the 95 % t-interval of a mean of n values with standard deviation `spread`."""
    return stats.t.ppf(0.975, np.maximum(n - 1, 1)) * spread / np.sqrt(n)


def interval(values: np.ndarray, log: bool = False) -> tuple[float, float, float, int]:
    """Mean, lower and upper end of the 95 % t-interval, and n; the ends are NaN for n = 1."""
    x = np.log(values) if log else values
    centre, n = x.mean(), len(x)
    half = half_width(x.std(ddof=1), n) if n > 1 else np.nan
    ends = np.array([centre, centre - half, centre + half])
    return (*(np.exp(ends) if log else ends), n)


def endpoint(names) -> list[str]:
    """Snapshots that comparisons read: without "init"; of a series (task_1, task_2, ...) the last, if it is alone."""
    names = [str(name) for name in names if str(name) != "init"]
    prefixes = [SERIES.sub("", name) for name in names]
    pairs = list(zip(names, prefixes, strict=True))
    series = [name for name, prefix in pairs if prefix == "task" or (name != prefix and prefixes.count(prefix) > 1)]
    rest = [name for name in names if name not in series]
    return rest or series[-1:]


def modes(frame: pd.DataFrame) -> list[tuple[str, str, str]]:
    """Comparison modes (stop, select, snapshot) with data, at the snapshots that comparisons read."""
    kept = frame[frame["snapshot"].isin(endpoint(pd.unique(frame["snapshot"])))]
    return list(dict.fromkeys(zip(kept["stop"], kept["select"], kept["snapshot"], strict=True)))


def pooled(frame: pd.DataFrame) -> pd.DataFrame:
    """Put recipes without search (select "fixed") beside the searched ones, in each selection."""
    searched = [name for name in pd.unique(frame["select"]) if name != "fixed"]
    fixed = frame[frame["select"] == "fixed"]
    if not searched or fixed.empty:
        return frame
    copies = [fixed.assign(select=name) for name in searched]
    return pd.concat([frame[frame["select"] != "fixed"], *copies], ignore_index=True)


def mode_titles(found: list[tuple[str, str, str]]) -> dict[tuple[str, str, str], str]:
    """Short title of each mode: only the parts in which the modes differ (all of a lone one)."""
    parts = [0, 1, 2] if len(found) == 1 else [i for i in range(3) if len({mode[i] for mode in found}) > 1]
    words = ("stop: {}", "select: {}", "{}")
    return {
        mode: "\n".join(words[i].format(mode[i].replace("_", " ")) for i in parts if mode[i] not in ("fixed", ""))
        for mode in found
    }


def title(values: xr.DataArray, name: str) -> str:
    """The measure's long name with its unit, for an axis."""
    unit = values.attrs.get("units", "1")
    label = values.attrs.get("long_name", name.replace("_", " "))
    return label if unit in ("", "1") else f"{label} [{unit}]"


def is_log(values: np.ndarray) -> bool:
    """A logarithmic axis serves values that are all positive and span more than a factor of 30."""
    return bool(len(values)) and values.min() > 0 and values.max() / values.min() > 30

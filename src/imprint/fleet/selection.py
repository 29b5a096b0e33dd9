"""Which setting is evaluated: rules on validation data and tuning seeds only."""

import numpy as np
import xarray as xr

from imprint.labels import STATUS, last_known

WORST = {"learning_accuracy": -np.inf, "validation_loss": np.inf}


def metric(search: xr.Dataset, name: str) -> np.ndarray:
    """Return a metric of every setting, its mean over the tuning seeds.

    A setting at which a seed diverged, or did not reach the stop rule's condition, has the worst value.

    Args:
        search: the search fleet.
        name: ``learning_accuracy`` (mean over the tasks of a sequence of the validation accuracy just after each)
            or ``validation_loss`` (at the last evaluation).
    """
    if name == "learning_accuracy":
        values = search["learned"].mean("stage_learned", skipna=False)
    else:
        values = last_known(search["validation_loss"], "evaluation")
    values = values.where(search["status"] == STATUS["finished"], WORST[name])
    return values.mean("seed").fillna(WORST[name]).transpose("setting").values


def choose(search: xr.Dataset, rule: dict) -> int | None:
    """Return the place of the setting that a rule chooses; None if no setting meets the target.

    Args:
        search: the search fleet, settings in the order of the searched hyper-parameter.
        rule: ``{metric: "min" | "max"}`` or ``{metric: target, "within": tolerance}``; of equals the first.
    """
    ((name, target),) = [(key, value) for key, value in rule.items() if key != "within"]
    values = metric(search, name)
    if target == "max":
        return int(np.argmax(values)) if np.isfinite(values).any() else None
    if target == "min":
        return int(np.argmin(values)) if np.isfinite(values).any() else None
    distance = np.abs(values - target)
    place = int(np.argmin(distance))
    return place if distance[place] <= rule["within"] else None


def edges(search: xr.Dataset, rules: dict[str, dict]) -> set[str]:
    """Return the sides of the grid at which some rule's choice lies."""
    last = search.sizes["setting"] - 1
    chosen = {choose(search, rule) for rule in rules.values()}
    return ({"low"} if 0 in chosen else set()) | ({"high"} if last in chosen else set())


def crossings(search: xr.Dataset, rules: dict[str, dict]) -> list[int]:
    """Return where targets lie between settings: for each unmet one, the first place before its metric crosses it."""
    places = []
    for rule in rules.values():
        ((name, target),) = [(key, value) for key, value in rule.items() if key != "within"]
        if isinstance(target, str) or choose(search, rule) is not None:
            continue
        above = metric(search, name) > target
        changes = np.flatnonzero(above[1:] != above[:-1])
        if len(changes):
            places.append(int(changes[0]))
    return places


def select(search: xr.Dataset, rules: dict[str, dict]) -> xr.Dataset:
    """Return each rule's choice.

    Returns:
        Dataset over ``select``: ``chosen`` (place in the grid, -1 if none meets the target), ``at_edge``, the value
        of every searched hyper-parameter, and over ``(select, setting)`` the rule's metric.
    """
    names = list(rules)
    chosen = [choose(search, rule) for rule in rules.values()]
    last = search.sizes["setting"] - 1
    metrics = [metric(search, next(key for key in rule if key != "within")) for rule in rules.values()]
    hyper = [name for name in search.data_vars if str(name).startswith("hyper.")]
    variables = {
        "chosen": (
            "select",
            [-1 if place is None else place for place in chosen],
            _about("place of the chosen setting"),
        ),
        "at_edge": ("select", [int(place in (0, last)) for place in chosen], _about("chosen at the edge of the grid")),
        "metric": (
            ("select", "setting"),
            np.where(np.isfinite(metrics), metrics, np.nan),
            _about("metric of the rule"),
        ),
    }
    for name in hyper:
        values = search[name].values
        picked = [np.nan if place is None else values[place] for place in chosen]
        variables[f"chosen.{name}"] = ("select", picked, _about(f"chosen {name}"))
        variables[str(name)] = ("setting", values, _about(str(name)))
    return xr.Dataset(variables, coords={"select": names, "setting": search["setting"].values})


def _about(long_name: str) -> dict:
    return {"long_name": long_name, "units": "1", "source": "search on validation data and tuning seeds"}

"""Claims of an experiment against its atlas: pairing, preconditions, one family of tests, verdicts."""

from collections.abc import Iterable

import numpy as np
import pandas as pd
import xarray as xr

from imprint.claims import association, table
from imprint.claims.association import followed, order, rank_correlation
from imprint.claims.family import Row, judge
from imprint.claims.holm import holm
from imprint.claims.readings import ClaimError, Mode, Reading, Readings, unknown
from imprint.claims.signflip import ROUNDING
from imprint.claims.verdict import BOUND_FORMS, CONTRAST_FORMS, verdict


def evaluate(atlas: xr.DataTree, *parts: dict, alpha: float = 0.05) -> pd.DataFrame:
    """Judge every claim of an experiment at every comparison mode it names.

    Differences are paired by seed; a value claim is tested against its bound (``within`` against both, and
    the larger p counts). All tests of the experiment's claims that can be made form one family, those of its
    controls another.

    Args:
        atlas: Groups ``/<experiment>/<probe>`` with dims (stop, select, recipe, seed, snapshot, ...).
        parts: The resolved experiment, one part for each of its tasks, with the same seeds: name, recipes, seeds,
            stop, select, snapshots, claims.
        alpha: One-sided level; intervals have level ``1 - 2 alpha``, two-sided p are compared
            with ``2 alpha``.

    Returns:
        One row per claim, mode and, for value claims, recipe, with the columns of `imprint.claims.table`.
        Estimates, intervals and margins are in the measure's unit, or fractions for a relative contrast;
        ``sd`` is that of the values tested (logarithms if relative), ``effect`` their mean distance from the
        reference over ``sd``.

    Raises:
        ClaimError: If a claim names what is not there, or asks what its form cannot answer.
    """
    rows = [
        row
        for part in parts
        for readings in [Readings(atlas, part)]
        for name, claim in part["claims"].items()
        for mode in readings.modes(name, claim.get("at"))
        for row in _rows(readings, name, claim, mode)
    ]
    for kind in dict.fromkeys(row.cells["kind"] for row in rows):
        judge([row for row in rows if row.cells["kind"] == kind], alpha)
    return table.frame([row.cells for row in rows])


def combine(tables: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """All experiments' rows, with Holm's adjustment between experiments in ``p_holm``.

    ``p_holm`` is the experiment's: Holm on the smallest adjusted p of each experiment's claims, the same on
    all its claims, NaN on controls and where nothing was tested. It says whether anything in the experiment
    differs from its reference.
    """
    full = pd.concat([table.frame([]), *tables], ignore_index=True).astype(table.COLUMNS)
    claims = full["kind"] == "claim"
    of = full["experiment"].str.replace(r"\..*", "", regex=True)
    smallest = full[claims].groupby(of, sort=False)["p_adjusted"].min().dropna()
    between = dict(zip(smallest.index, holm(smallest.to_numpy()), strict=True))
    full["p_holm"] = of.map(between).where(claims).astype(float)
    return full


def _rows(readings: Readings, name: str, claim: dict, mode: Mode) -> list[Row]:
    form, bound = _expected(readings.name, name, claim)
    relative = bool(claim.get("relative"))
    reading = readings.read(name, "measure", claim["measure"], claim.get("where") or {}, mode)
    others = _followed(readings, name, claim, mode)
    rows = []
    for label, sides in _comparisons(readings, name, claim):
        recipes = [recipe for side in sides for recipe in side]
        if "follows" in claim:
            x, problems = _correlations(reading, others, recipes)
        else:
            x, problems = _values(reading, sides, relative)
        cells = {
            "experiment": readings.name,
            "claim": name,
            "kind": claim.get("kind", "claim"),
            "says": claim["says"],
            "recipes": label,
            "measure": claim["measure"],
            "where": ", ".join(f"{dim}={value}" for dim, value in (claim.get("where") or {}).items()),
            "mode": str(mode),
            "expect": f"{form} {claim['expect'][form]}",
            "margin": np.nan if form == "within" else claim["expect"][form],
            "pairs_declared": len(readings.seeds),
            "unit": "fraction" if relative else "1" if "follows" in claim else reading.unit,
            "source": claim.get("source", ""),
        }
        row = Row(cells, form, bound, x, np.expm1 if relative else _same, problems)
        row.problems += _required(readings, name, claim, recipes, mode)
        _note_divergence(row, reading, recipes)
        for other in others:
            _note_divergence(row, other, recipes)
        row.notes += [f"at edge: {recipe}" for recipe in readings.at_edge(recipes, mode)]
        rows.append(row)
    return rows


def _expected(experiment: str, name: str, claim: dict) -> tuple[str, float | tuple[float, float]]:
    """The form of a claim and its bound, on the logarithmic scale if the claim is relative."""
    ((form, bound),) = claim["expect"].items()
    differs = "contrast" in claim or len(followed(claim)) == 2
    allowed = CONTRAST_FORMS + BOUND_FORMS if differs else BOUND_FORMS
    if form not in allowed:
        raise unknown(experiment, name, "expect", form, allowed)
    if not claim.get("relative"):
        return form, tuple(bound) if form == "within" else float(bound)
    if "contrast" not in claim:
        raise ClaimError(
            f"experiment {experiment}, claim {name}: relative is true for the value of {claim['recipe']!r}; "
            "it is for a contrast, of which it takes the logarithms"
        )
    if np.min(bound) <= -1:
        raise ClaimError(
            f"experiment {experiment}, claim {name}: expect: {form} is {bound}; a relative bound is above -1"
        )
    return form, tuple(np.log1p(bound).tolist()) if form == "within" else float(np.log1p(bound))


def _comparisons(readings: Readings, name: str, claim: dict) -> list[tuple[str, list[list[str]]]]:
    """Label and sides of each row: two sides of a contrast, one for a value, all recipes for a correlation."""
    if "contrast" in claim:
        sides = [[side] if isinstance(side, str) else list(side) for side in claim["contrast"]]
        for side in sides:
            readings.check_recipes(name, "contrast", side)
        labels = [side[0] if len(side) == 1 else f"mean({', '.join(side)})" for side in sides]
        return [(" - ".join(labels), sides)]
    recipes = [claim["recipe"]] if isinstance(claim["recipe"], str) else list(claim["recipe"])
    recipes = readings.recipes if recipes == ["all"] else recipes
    readings.check_recipes(name, "recipe", recipes)
    if "follows" in claim:
        return [(association.label(claim, recipes), [recipes])]
    return [(recipe, [[recipe]]) for recipe in recipes]


def _followed(readings: Readings, name: str, claim: dict, mode: Mode) -> list[Reading]:
    """Readings of the measures that the claim's measure is said to follow; none where that is an order."""
    return [
        readings.read(name, "follows", part["measure"], part.get("where") or {}, mode) for part in followed(claim)
    ]


def _correlations(reading: Reading, others: list[Reading], recipes: list[str]) -> tuple[np.ndarray, list[str]]:
    """Rank correlation over recipes of each seed, or the difference of two, and why there may be none."""
    problems = [
        f"absent: {recipe}"
        for recipe in recipes
        if not all(np.isfinite(each.value_N[recipe]).any() for each in (reading, *others))
    ]
    values_KN = np.stack([reading.value_N[recipe] for recipe in recipes])
    against = [np.stack([other.value_N[recipe] for recipe in recipes]) for other in others]
    found = [rank_correlation(values_KN, other_KN) for other_KN in against or [order(*values_KN.shape)]]
    return _difference(*found) if len(found) == 2 else found[0], problems


def _values(reading: Reading, sides: list[list[str]], relative: bool) -> tuple[np.ndarray, list[str]]:
    """Contrast or value of each seed, NaN unless every recipe has one, and why there may be none."""
    value_N, problems = dict(reading.value_N), []
    for recipe in [recipe for side in sides for recipe in side]:
        if not np.isfinite(value_N[recipe]).any():
            problems.append(f"absent: {recipe}")
        elif relative:
            lowest = np.nanmin(value_N[recipe])
            problems += [f"relative: {recipe} has {lowest:g}"] if lowest <= 0 else []
            value_N[recipe] = np.log(np.where(value_N[recipe] > 0, value_N[recipe], np.nan))
    means = [np.mean([value_N[recipe] for recipe in side], axis=0) for side in sides]
    return _difference(*means) if len(means) == 2 else means[0], problems


def _difference(one_N: np.ndarray, other_N: np.ndarray) -> np.ndarray:
    """Paired differences; what rounding alone makes differ is a tie."""
    difference_N = one_N - other_N
    size_N = np.maximum(np.abs(one_N), np.abs(other_N))
    return np.where(np.abs(difference_N) <= ROUNDING * size_N, 0.0, difference_N)


def _note_divergence(row: Row, reading: Reading, recipes: list[str]) -> None:
    count = sum(reading.diverged[recipe] for recipe in recipes)
    if count and reading.ordered:
        row.notes.append(f"diverged: {count} as worst")
    elif count:
        row.problems.append(f"diverged: {count}, measure has no order")


def _required(readings: Readings, name: str, claim: dict, recipes: list[str], mode: Mode) -> list[str]:
    """Preconditions that fail: the mean over seeds of each recipe that the claim compares."""
    failed = []
    for measure, condition in (claim.get("requires") or {}).items():
        ((form, bound),) = condition.items()
        if form not in BOUND_FORMS:
            raise unknown(readings.name, name, f"requires {measure}", form, BOUND_FORMS)
        reading = readings.read(name, "requires", measure, None, mode)
        for recipe in recipes:
            value_N = reading.value_N[recipe]
            found = value_N[np.isfinite(value_N)].mean() if np.isfinite(value_N).any() else np.nan
            if np.isnan(found) or verdict(found, found, form=form, bound=bound)[0] != "supported":
                failed.append(f"requires failed: {measure} of {recipe} is {found:.4g}, {form} {bound}")
    return failed


def _same(value: float) -> float:
    return value

"""Claims of an experiment against its atlas: pairing, preconditions, one family of tests, verdicts."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pandas as pd
import xarray as xr

from imprint.claims import table, tuning
from imprint.claims.association import followed
from imprint.claims.attainable import ALPHA
from imprint.claims.family import Row, judge
from imprint.claims.holm import holm
from imprint.claims.readings import ClaimError, Mode, Readings, unknown
from imprint.claims.sides import Side, compared
from imprint.claims.verdict import BOUND_FORMS, CONTRAST_FORMS, verdict


def evaluate(atlas: xr.DataTree, *parts: dict, alpha: float = ALPHA) -> pd.DataFrame:
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
        reference over ``sd``. What the test can find (`imprint.claims.power`) is of the declared ``sd`` where the
        claim has one, else of that of its search (`imprint.claims.tuning`) where that was probed, else of the data's,
        as ``sd_from`` says; ``sd_df`` are the degrees of freedom of the latter two.

    Raises:
        ClaimError: If a claim names what is not there, or asks what its form cannot answer.
    """
    rows = paired(atlas, *parts)
    for kind in dict.fromkeys(row.cells["kind"] for row in rows):
        judge([row for row in rows if row.cells["kind"] == kind], alpha)
    return table.frame([row.cells for row in rows])


def paired(atlas: xr.DataTree, *parts: dict) -> list[Row]:
    """Read the contrasts or values of every claim at every mode, by seed, and what keeps one from being tested.

    Raises:
        ClaimError: If a claim names what is not there, or asks what its form cannot answer.
    """
    read = {part["name"]: Readings(atlas, part) for part in parts}
    near = tuning.neighbours(atlas, parts)
    return [
        row
        for readings in read.values()
        for name, claim in readings.experiment["claims"].items()
        for mode in readings.modes(name, claim.get("at"))
        for row in _rows(readings, name, claim, mode, read, near)
    ]


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


def _rows(
    readings: Readings, name: str, claim: dict, mode: Mode, read: dict[str, Readings], near: list[dict[str, Readings]]
) -> list[Row]:
    form, bound = _expected(readings.name, name, claim)
    relative = bool(claim.get("relative"))
    rows = []
    spreads = tuning.spreads(near, readings.name, name, claim, mode)
    for place, found in enumerate(compared(readings, name, claim, mode, read)):
        label, sides = found.label, found.sides
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
            "unit": "fraction" if relative else "1" if "follows" in claim else sides[0].reading.unit,
            "source": claim.get("source", ""),
            "hash": claim.get("hash", ""),
        }
        back = np.expm1 if relative else _same
        row = Row(cells, form, bound, found.x_N, back, found.problems, sd=claim.get("sd"))
        row.searched = spreads[place] if spreads else None
        for side in sides:
            row.problems += _required(side, name, claim, mode)
            row.notes += [f"at edge: {recipe}" for recipe in side.readings.at_edge(side.recipes, mode)]
        read_of = [*sides, *(replace(sides[0], reading=other) for other in found.others)]
        _note_divergence(row, read_of)
        row.notes += _missing(read_of)
        rows.append(row)
    return rows


def _expected(experiment: str, name: str, claim: dict) -> tuple[str, float | tuple[float, float]]:
    """The form of a claim and its bound, on the logarithmic scale if the claim is relative."""
    ((form, bound),) = claim["expect"].items()
    differs = "contrast" in claim or "between" in claim or len(followed(claim)) == 2
    allowed = CONTRAST_FORMS + BOUND_FORMS if differs else BOUND_FORMS
    if form not in allowed:
        raise unknown(experiment, name, "expect", form, allowed)
    if not claim.get("relative"):
        return form, tuple(bound) if form == "within" else float(bound)
    if "contrast" not in claim and "between" not in claim:
        raise ClaimError(
            f"experiment {experiment}, claim {name}: relative is true for the value of {claim['recipe']!r}; "
            "it is for a contrast, of which it takes the logarithms"
        )
    if np.min(bound) <= -1:
        raise ClaimError(
            f"experiment {experiment}, claim {name}: expect: {form} is {bound}; a relative bound is above -1"
        )
    return form, tuple(np.log1p(bound).tolist()) if form == "within" else float(np.log1p(bound))


def _note_divergence(row: Row, sides: list[Side]) -> None:
    counts = {True: 0, False: 0}
    for side in sides:
        counts[side.reading.ordered] += sum(side.reading.diverged[recipe] for recipe in side.recipes)
    row.notes += [f"diverged: {counts[True]} as worst"] if counts[True] else []
    row.problems += [f"diverged: {counts[False]}, measure has no order"] if counts[False] else []


def _missing(sides: list[Side]) -> list[str]:
    """What to say of replicas that were trained and have no value: how many of each recipe, and why."""
    notes = []
    for word, kind in (("not reached", "unreached"), ("no value", "undefined")):
        counts = {recipe: 0 for side in sides for recipe in side.recipes}
        for side in sides:
            for recipe in side.recipes:
                counts[recipe] = max(counts[recipe], getattr(side.reading, kind)[recipe])
        told = ", ".join(f"{recipe} {count}" for recipe, count in counts.items() if count)
        notes += [f"{word}: {told}"] if told else []
    return notes


def _required(side: Side, name: str, claim: dict, mode: Mode) -> list[str]:
    """Preconditions that fail: the mean over seeds of each recipe that the claim compares."""
    failed = []
    for measure, condition in (claim.get("requires") or {}).items():
        ((form, bound),) = condition.items()
        if form not in BOUND_FORMS:
            raise unknown(side.readings.name, name, f"requires {measure}", form, BOUND_FORMS)
        reading = side.readings.read(name, "requires", measure, None, mode)
        for recipe in side.recipes:
            value_N = reading.value_N[recipe]
            found = value_N[np.isfinite(value_N)].mean() if np.isfinite(value_N).any() else np.nan
            if np.isnan(found) or verdict(found, found, form=form, bound=bound)[0] != "supported":
                failed.append(f"requires failed: {measure} of {recipe} is {found:.4g}, {form} {bound}")
    return failed


def _same(value: float) -> float:
    return value

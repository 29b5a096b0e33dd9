"""Every measurement of an experiment against one recipe, paired by seed and judged as contrasts are.

The tests of one comparison mode, all measures and recipes together, are one family. Between the families of a study
Holm adjusts the smallest p of each.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from imprint.claims.attainable import ALPHA
from imprint.claims.family import Row, judge
from imprint.claims.holm import holm
from imprint.claims.readings import PLACES, Mode, Reading, Readings
from imprint.claims.sides import Side, values

REFERENCE = "sgd"
LABELS = 3
"""Most labels of a further dimension (layers, blocks, norms) of which each is compared by itself."""

WORDS = {"supported": "more", "contradicted": "less", "inconclusive": "not told apart", "untested": "untested"}
"""What a verdict on "more than the reference" says of a difference."""

COLUMNS = {
    **dict.fromkeys(("experiment", "mode", "measure", "where", "recipe", "reference", "unit", "found", "flags"), str),
    **dict.fromkeys(("estimate", "low", "high", "sd", "effect", "p", "p_adjusted", "p_holm"), float),
    **dict.fromkeys(("n", "pairs_declared", "family"), int),
}
"""Columns with their types."""


@dataclass(frozen=True)
class Against:
    """An experiment against its reference.

    Attributes:
        table: one row per mode, measure, labels and recipe, with the columns of :data:`COLUMNS`. ``estimate`` is the
            mean paired difference in the measure's unit, ``effect`` the same in standard deviations of the
            differences, ``found`` one of :data:`WORDS`; ``p_holm`` is NaN, see :func:`between`.
        value: of each mode, measure and labels the values of each recipe over seeds, ``[N]``, that were compared.
    """

    table: pd.DataFrame
    value: dict[tuple[str, str, str], dict[str, np.ndarray]]


def reference(recipes: list[str]) -> str:
    """Return the recipe that the others are compared with unless another is named.

    >>> reference(["adam", "sgd"]), reference(["sign_limit", "adam_limit"])
    ('sgd', 'sign_limit')
    """
    return REFERENCE if REFERENCE in recipes else recipes[0]


def against(
    atlas: xr.DataTree, experiment: dict, modes: Iterable[Mode], base: str = "", alpha: float = ALPHA
) -> Against:
    """Compare every recipe with a reference on every measure that has one value per run.

    Args:
        atlas: groups ``/<experiment>/<probe>`` with dims (stop, select, recipe, seed, snapshot, ...).
        experiment: as resolved.
        modes: where runs are compared; each is a family of its own.
        base: the reference; :func:`reference` chooses it if left out.
        alpha: one-sided level; intervals are simultaneous within a family, of level ``1 - 2 alpha``.

    Raises:
        ClaimError: if the atlas lacks the experiment, or the experiment the reference.
    """
    readings, base = Readings(atlas, experiment), base or reference(experiment["recipes"])
    readings.check_recipes("atlas", "reference", [base])
    cells, value = [], {}
    for mode in modes:
        family = []
        for measure, where, reading in _read(readings, mode):
            labels = ", ".join(f"{dim}={label}" for dim, label in where.items())
            value[str(mode), measure, labels] = reading.value_N
            head = {"experiment": readings.name, "mode": str(mode), "measure": measure, "where": labels}
            others = [recipe for recipe in readings.recipes if recipe != base]
            family += [_row(readings, reading, head, recipe, base) for recipe in others]
        judge(family, alpha)
        cells += [{**row.cells, "found": WORDS[row.cells["verdict"]], "p_holm": np.nan} for row in family]
    table = pd.DataFrame(cells, columns=[*COLUMNS]).fillna({"p": np.nan, "p_adjusted": np.nan})
    return Against(table.astype(COLUMNS), value)


def between(tables: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Return the rows of all tables with Holm's adjustment between families, in ``p_holm``.

    It is the family's: Holm on the smallest adjusted p of each, the same in all its rows, NaN where nothing was tested.
    """
    whole = pd.concat([pd.DataFrame(columns=[*COLUMNS]).astype(COLUMNS), *tables], ignore_index=True)
    family = whole["experiment"] + " " + whole["mode"]
    smallest = whole.groupby(family, sort=False)["p_adjusted"].min().dropna()
    adjusted = dict(zip(smallest.index, holm(smallest.to_numpy()), strict=True))
    return whole.assign(p_holm=family.map(adjusted).astype(float))


def _read(readings: Readings, mode: Mode) -> Iterator[tuple[str, dict, Reading]]:
    """Yield name ``probe.variable``, labels and reading of what has one value per run, or few; of some runs at least.

    What has no snapshots is read once, at the end.
    """
    for probe in (probe for probe in readings.experiment["probes"] if probe in readings.groups):
        for name, array in readings.groups[probe].data_vars.items():
            if not {"stop", "select", "recipe", "seed"} <= set(array.dims):
                continue
            if "snapshot" not in array.dims and mode.snapshot != "final":
                continue
            for where in _labels(array):
                reading = readings.read("atlas", "measure", f"{probe}.{name}", where, mode)
                if any(np.isfinite(value_N).any() for value_N in reading.value_N.values()):
                    yield f"{probe}.{name}", where, reading


def _labels(array: xr.DataArray) -> list[dict]:
    """Return the labels at which a measure is compared: none needed, those of one short dimension, or nowhere."""
    extra = [dim for dim in array.dims if dim not in PLACES]
    if len(extra) > 1 or any(array.sizes[dim] > LABELS for dim in extra):
        return []
    return [{dim: label} for dim in extra for label in array[dim].values.tolist()] or [{}]


def _row(readings: Readings, reading: Reading, head: dict, recipe: str, base: str) -> Row:
    pair = [recipe, base]
    x_N, problems = values([Side(readings, reading, [each]) for each in pair], relative=False)
    cells = {**head, "recipe": recipe, "reference": base, "unit": reading.unit, "pairs_declared": len(readings.seeds)}
    row = Row(cells, "greater_by", 0.0, x_N, float, problems)
    diverged = sum(reading.diverged[each] for each in pair)
    if diverged and not reading.ordered:
        row.problems.append(f"diverged: {diverged}, measure has no order")
    elif diverged:
        row.notes.append(f"diverged: {diverged} as worst")
    return row

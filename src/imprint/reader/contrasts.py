"""Contrasts of two recipes on what was measured of both, judged as claims are."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import xarray as xr

from imprint.claims.attainable import ALPHA
from imprint.claims.evaluate import paired
from imprint.claims.family import Row, judge
from imprint.claims.readings import PLACES, WORST
from imprint.reader import chosen
from imprint.reader.comparison import DIFFERENCES, TABLE, Comparison

if TYPE_CHECKING:
    from imprint.reader.study import Study


def compared(
    study: "Study",
    one: str,
    other: str,
    places: Sequence[dict[str, str]],
    experiments: Sequence[str],
    measures: Sequence[str],
) -> Comparison:
    """Return the comparison that :meth:`imprint.reader.study.Study.compare` describes.

    Example:
        >>> compared(study, "muon", "adam", [{}], ["digits"], ["sparsity"]).table["family"].unique().tolist()
        [4]
    """
    at = chosen.modes(study, chosen.shared(study, one, other, experiments), places)
    table: list[dict] = []
    differences: list[dict] = []
    for name, arrays in chosen.measures(study, list(at), measures).items():
        claims = dict(_claims(arrays, one, other, at[name]))
        rows = paired(_atlas(study, name, arrays), {**_design(study, name), "claims": claims})
        table += _judged(rows, arrays)
        differences += [line for row in rows for line in _by_seed(row, study.experiments.loc[name, "seeds"])]
    return Comparison(one, other, pd.DataFrame(table, columns=TABLE), pd.DataFrame(differences, columns=DIFFERENCES))


def _claims(arrays: dict[str, xr.DataArray], one: str, other: str, at: list[dict]) -> Iterator[tuple[str, dict]]:
    """Yield a contrast for each label of each measure, as claims are declared."""
    for measure, array in arrays.items():
        labels = {dim: array[dim].values.tolist() for dim in array.dims if dim not in PLACES}
        for place in itertools.product(*labels.values()):
            where = dict(zip(labels, place, strict=True))
            contrast = {"contrast": [one, other], "expect": {"greater_by": 0.0}}
            yield f"{measure} {where}", {"says": "", "measure": measure, "where": where, "at": at, **contrast}


def _design(study: "Study", name: str) -> dict:
    """Return an experiment as claims read it."""
    design = study.experiments.loc[name]
    fields = study.trained.loc[study.trained["experiment"] == name, "fields"].iloc[0]
    return {
        "name": name,
        "recipes": design["recipes"],
        "seeds": design["seeds"],
        "stop": design["stops"],
        "select": [rule for rule in design["selects"] if rule != "fixed"],
        "snapshots": fields["snapshots"],
    }


def _atlas(study: "Study", name: str, arrays: dict[str, xr.DataArray]) -> xr.DataTree:
    groups = dict.fromkeys([chosen.TRAINING, *(measure.partition(".")[0] for measure in arrays)])
    return xr.DataTree.from_dict({f"/{name}/{group}": study.measurements(f"{name}/{group}") for group in groups})


def _judged(rows: list[Row], arrays: dict[str, xr.DataArray]) -> list[dict]:
    """Return the lines of the table: p and interval of each row by itself, and p adjusted for all rows."""
    together = [_copy(row) for row in rows]
    judge(together, ALPHA)
    lines = []
    for row, joint in zip(map(_copy, rows), together, strict=True):
        judge([row], ALPHA)
        cells = {"p": np.nan, "p_adjusted": np.nan, **row.cells}
        cells |= {key: joint.cells[key] for key in ("p_adjusted", "family") if key in joint.cells}
        prefer = arrays[cells["measure"]].attrs.get("prefer")
        better = prefer if prefer in WORST else ""
        lines.append({**cells, **_place(row), "seeds": cells["pairs_declared"], "better": better})
    return lines


def _by_seed(row: Row, seeds: list[int]) -> list[dict]:
    place = _place(row)
    return [{**place, "seed": seed, "difference": x} for seed, x in zip(seeds, row.x_N.tolist(), strict=True)]


def _place(row: Row) -> dict[str, str]:
    """Return the labels of a row: experiment, probe, measure, further labels, and the place of the comparison."""
    probe, _, measure = row.cells["measure"].partition(".")
    labels = {key: row.cells[key] for key in ("experiment", "where")}
    return {**labels, "probe": probe, "measure": measure} | dict(
        zip(chosen.MODE, row.cells["mode"].split("/"), strict=True)
    )


def _copy(row: Row) -> Row:
    """Return a row to judge: judging fills it in."""
    return replace(row, cells=dict(row.cells), problems=list(row.problems), notes=list(row.notes))

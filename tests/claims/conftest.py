"""A small atlas, built from the values that a test knows."""

import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from imprint.claims.evaluate import evaluate

sys.path.insert(0, str(Path(__file__).parent))


def small_atlas(values, *, status=None, select=("best",), snapshots=("init", "final"), recipes, seeds, edge=None):
    """An atlas of experiment "toy" with stop "steps".

    `values` maps "probe.variable" to (array over (recipe, seed), attrs), stored at the last snapshot and the
    first select; zeros are stored at the other snapshots. `status` is over (recipe, seed), 0 if not given.
    """
    coords = {"stop": ["steps"], "select": list(select), "recipe": list(recipes), "seed": list(seeds)}
    shape = tuple(len(labels) for labels in coords.values())
    codes = np.full(shape, np.nan)
    codes[0, 0] = 0.0 if status is None else status
    training = {"status": (tuple(coords), codes)}
    if edge is not None:
        at_edge = np.full(shape[:3], np.nan)
        at_edge[0, 0] = edge
        training["at_edge"] = (tuple(coords)[:3], at_edge)
    groups = {"/toy/training": xr.Dataset(training, coords)}
    for measure, (array, attrs) in values.items():
        probe, variable = measure.split(".")
        full = np.full((*shape, len(snapshots)), np.nan)
        full[0, 0] = 0.0
        full[0, 0, ..., -1] = array
        data = xr.DataArray(full, {**coords, "snapshot": list(snapshots)}, (*coords, "snapshot"), attrs=attrs)
        group = groups.setdefault(f"/toy/{probe}", xr.Dataset())
        groups[f"/toy/{probe}"] = group.assign({variable: data})
    return xr.DataTree.from_dict(groups)


def spec(claims, *, recipes, seeds, select=("best",), **more):
    """The resolved experiment "toy" of these claims, each with `says` filled in."""
    claims = {name: {"says": name, **claim} for name, claim in claims.items()}
    return {
        "name": "toy",
        "recipes": list(recipes),
        "seeds": list(seeds),
        "stop": {"steps": {"steps": 10}},
        "select": {name: {} for name in select},
        "snapshots": {},
        "claims": claims,
        **more,
    }


class Toy:
    """Eight seeds of two recipes, one measure `a.x` with prefer high."""

    recipes = ("muon", "adam")
    seeds = tuple(range(8))

    def atlas(self, values, **options):
        """`small_atlas` of these recipes and seeds."""
        return small_atlas(values, **{"recipes": self.recipes, "seeds": self.seeds} | options)

    def spec(self, claims, **options):
        """`spec` of these recipes and seeds."""
        return spec(claims, **{"recipes": self.recipes, "seeds": self.seeds} | options)

    def rows(self, claims, values, alpha=0.05, **options):
        """Verdict rows of `claims` on `values`; options go to `small_atlas`."""
        where = {key: options.pop(key) for key in ("recipes", "seeds") if key in options}
        experiment = self.spec(claims, **where | options.pop("experiment", {}))
        return evaluate(self.atlas(values, **where, **options), experiment, alpha=alpha)

    def row(self, expect, difference, *, relative=False, attrs=None, base=0.0, **more):
        """The one row of muon - adam with these differences."""
        adam = np.full(len(self.seeds), base)
        values = {"a.x": ([adam + difference, adam], attrs or {"prefer": "high", "units": "1"})}
        claim = {"measure": "a.x", "contrast": ["muon", "adam"], "expect": expect, "relative": relative}
        (row,) = self.rows({"c": claim | more.pop("claim", {})}, values, **more).to_dict("records")
        return row


@pytest.fixture
def toy():
    """Builds tables of verdicts from known values."""
    return Toy()

"""What was measured under other choices is gathered in a subtree of its own, by choice."""

import numpy as np
import pytest
import xarray as xr

from imprint import store
from imprint.stages.gather import universes

ABOUT = {"long_name": "for a test", "units": "1", "source": "here"}
SEEDS = [1000, 1001]
EXPERIMENT = {"recipes": ["adam", "sgd", "plain"], "stop": ["steps"], "select": ["best"], "probes": ["a"]}


def measured(folder, name, roles, first):
    """Write measurements whose value says setting and seed."""
    values = first + 10.0 * np.arange(len(roles))[:, None, None] + np.arange(2.0)[:, None] + np.zeros(1)
    data = xr.Dataset(
        {
            "x": (("setting", "seed", "snapshot"), values, ABOUT),
            "role": ("setting", np.array(roles, dtype=str), ABOUT),
        },
        {"setting": range(len(roles)), "seed": SEEDS, "snapshot": ["final"]},
    )
    store.write(data, folder / f"{name}.zarr.zip")
    return str(folder / f"{name}.zarr.zip")


@pytest.fixture
def places(tmp_path):
    """Two recipes: one with all its choices, one of which two are the same; one for which nothing was chosen."""
    files = {
        "sgd": measured(tmp_path, "sgd", ["chosen default", "half_batch"], 100),
        "adam": measured(tmp_path, "adam", ["chosen", "below", "half_batch"], 200),
        "plain": measured(tmp_path, "plain", [""], 300),
    }
    common = {"stop": "steps", "probe": "a", "kind": "multiverse"}
    return [{**common, "recipe": recipe, "file": file} for recipe, file in files.items()]


def test_each_measurement_stands_under_its_choice(places):
    choices = ["half_batch", "below", "default", "no_decay"]
    found = universes({**EXPERIMENT, "choices": choices}, places)["a"]["x"]
    assert found.dims == ("stop", "select", "recipe", "seed", "snapshot")
    assert found["select"].values.tolist() == ["chosen", "half_batch", "below", "default"], "in their order"
    assert found["recipe"].values.tolist() == ["adam", "sgd", "plain"]
    at = {"stop": "steps", "snapshot": "final", "seed": 1001}
    values = found.sel(at).transpose("recipe", "select").values
    expected = [[201, 221, 211, np.nan], [101, 111, np.nan, 101], [np.nan] * 4]
    np.testing.assert_array_equal(values, expected)


def test_an_experiment_without_a_multiverse_has_no_such_group():
    assert universes(EXPERIMENT, []) == {}

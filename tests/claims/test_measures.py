"""What is read of a recipe: all that a run left, label by label, and nothing that only tells how it was made."""

import numpy as np
import pytest
import xarray as xr

from imprint.claims.measures import MOST_LABELS, measures
from imprint.claims.readings import Readings

VALUE = np.arange(16.0).reshape(2, 8)


@pytest.fixture
def read(toy):
    """Return a function from measures to what is read of them, by key."""

    def keys(*names, labels=None):
        atlas = toy.atlas({name: (VALUE, {"units": "nat", "long_name": f"long {name}"}) for name in names})
        for name, count in (labels or {}).items():
            probe, variable = name.split(".")
            data = atlas[f"toy/{probe}"].to_dataset()
            wide = data[variable].expand_dims(layer=[f"l{place}" for place in range(count)])
            atlas[f"toy/{probe}"] = xr.DataTree(data.assign({variable: wide}))
        probes = dict.fromkeys(name.partition(".")[0] for name in names)
        return measures(Readings(atlas, toy.spec({}, probes=probes)))

    return keys


def test_every_label_is_a_measure(read):
    found = read("a.x", "b.y", labels={"a.x": 2})
    assert [each.key for each in found] == ["a.x[layer=l0]", "a.x[layer=l1]", "b.y"]
    assert (found[0].probe, found[0].where, found[0].title, found[0].unit) == ("a", {"layer": "l0"}, "long a.x", "nat")


def test_a_matrix_over_labels_is_left_out(read):
    assert len(read("a.x", labels={"a.x": MOST_LABELS})) == MOST_LABELS
    assert read("a.x", labels={"a.x": MOST_LABELS + 1}) == []


@pytest.mark.parametrize("name", ["path_length.passes", "performance.train_loss"])
def test_what_only_tells_how_a_run_was_made_is_left_out(read, name):
    assert [each.name for each in read(name, "a.x")] == ["a.x"]


def test_the_error_of_an_estimate_is_left_out_and_an_error_that_is_a_measure_is_not(read):
    names = [each.name for each in read("h.trace", "h.trace_error", "h.top_residual", "c.calibration_error")]
    assert names == ["h.trace", "h.top_residual", "c.calibration_error"]

"""The last known value along a dimension."""

import numpy as np
import xarray as xr

from imprint.labels import last_known

NAN = np.nan


def test_last_known():
    values = [[1.0, 2.0, 3.0], [4.0, 5.0, NAN], [6.0, NAN, NAN], [NAN, 7.0, NAN], [NAN, NAN, NAN]]
    array = xr.DataArray(values, {"step": ("evaluation", [10, 20, 30])}, ("seed", "evaluation"))
    last = last_known(array, "evaluation")
    np.testing.assert_array_equal(last, [3.0, 5.0, 6.0, 7.0, NAN])
    assert last.dims == ("seed",)
    assert not last.coords  # the step differs between seeds and would be no label


def test_last_known_does_not_depend_on_the_order_of_dims():
    values = np.array([[1.0, NAN], [2.0, 3.0]])
    array = xr.DataArray(values, dims=("seed", "evaluation"))
    xr.testing.assert_equal(last_known(array, "evaluation"), last_known(array.T, "evaluation"))

"""Small operations on labelled arrays."""

import xarray as xr

STATUS = {"finished": 0, "diverged": 1, "condition not reached": 2}


def last_known(array: xr.DataArray, dim: str) -> xr.DataArray:
    """Return the last value along ``dim`` that is not NaN; NaN where there is none."""
    known = array.notnull()
    size = array.sizes[dim]
    place = size - 1 - known.isel({dim: slice(None, None, -1)}).argmax(dim)
    return array.isel({dim: place}).drop_vars([name for name in ("step", dim) if name in array.coords])

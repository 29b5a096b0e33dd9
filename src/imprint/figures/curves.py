"""Curves over a searched value, straight between the settings tried on a logarithmic axis.

Axis letter: S settings, in the order of the values tried.
"""

import numpy as np
import xarray as xr

TRIED = {"stop", "recipe", "setting"}
ROUNDING = 1e-12  # relative range below which a curve is flat
SAME = 1e-9  # relative difference below which two values tried are the same: grids are rounded


def hypers(search: xr.Dataset) -> list[str]:
    """Names of the hyper-parameters that were searched."""
    return [str(name) for name, values in search.data_vars.items() if set(values.dims) == TRIED]


def words(hyper: str) -> str:
    """A hyper-parameter as a person calls it."""
    return "learning rate" if hyper == "lr" else hyper.replace("_", " ")


def at(value: float, tried_S: np.ndarray, curve_S: np.ndarray) -> float:
    """The curve at a value, linear in its logarithm; NaN outside the values tried and beside a NaN.

    >>> at(10.0, np.array([1.0, 100.0]), np.array([3.0, 5.0]))
    4.0
    """
    x, x_S = np.log(value), np.log(tried_S)
    near_S = np.abs(x_S - x) <= SAME
    if near_S.any():
        return float(curve_S[near_S.argmax()])
    above = int(np.searchsorted(x_S, x))
    if not 0 < above < len(x_S):
        return np.nan
    share = (x - x_S[above - 1]) / (x_S[above] - x_S[above - 1])
    return float((1 - share) * curve_S[above - 1] + share * curve_S[above])


def inside(value: float, tried_S: np.ndarray) -> bool:
    """Whether a value lies between the least and the largest value tried."""
    x, x_S = np.log(value), np.log(tried_S)
    return bool(x_S.min() - SAME <= x <= x_S.max() + SAME)


def span(value: float, tried_S: np.ndarray, curve_S: np.ndarray, factor: float) -> float:
    """Range of the curve from ``value / factor`` to ``value * factor``, as far as it is known; NaN where it is not.

    >>> span(10.0, np.array([1.0, 100.0]), np.array([3.0, 5.0]), 10.0)
    2.0
    """
    ends = [at(end, tried_S, curve_S) for end in (value / factor, value * factor)]
    known = curve_S[np.abs(np.log(tried_S / value)) <= np.log(factor) + SAME]
    found = np.array([*ends, *known])
    found = found[np.isfinite(found)]
    if not len(found):
        return np.nan
    return float(np.ptp(found)) if np.ptp(found) > ROUNDING * np.abs(found).max() else 0.0

"""Runs that are unlike the others of their recipe, by a rule that is fixed before they are seen."""

import numpy as np
from scipy import stats

from imprint.claims.signflip import ROUNDING

METRICS = ("performance.test_loss", "distance.relative_distance", "class_cosine.cosine")
TIMES = 3.0


def fences(x_N: np.ndarray) -> tuple[float, float]:
    """Return the median less and plus three median absolute deviations, these scaled to a normal's deviation.

    The scale is 1.4826 (Leys et al. 2013, doi 10.1016/j.jesp.2013.03.013): of normal values 0.3 % lie outside. Where
    half of the values are equal, but for rounding, there is no scale, and nothing lies outside.

    >>> fences(np.array([1.0, 2.0, 3.0, 4.0, 5.0])) == (3 - 3 * 1.482602218505602, 3 + 3 * 1.482602218505602)
    True
    >>> fences(np.array([1.0, 1.0, 1.0, 9.0]))
    (-inf, inf)
    """
    x_N = x_N[np.isfinite(x_N)]
    scale = stats.median_abs_deviation(x_N, scale="normal") if len(x_N) else 0.0
    if scale <= ROUNDING * np.abs(x_N).max(initial=0.0):
        return -np.inf, np.inf
    return float(np.median(x_N) - TIMES * scale), float(np.median(x_N) + TIMES * scale)

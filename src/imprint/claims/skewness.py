"""Whether values look skewed, for which an interval of the mean is not exact."""

from functools import cache

import numpy as np
from scipy import stats

from imprint.claims.signflip import ROUNDING

LEVEL = 0.05
"""Two-sided level of the test."""

LEAST = 8
"""Fewest values of which skewness can be told."""


def skewed(x_N: np.ndarray) -> bool:
    """Return whether the sample's skewness is more than chance gives normal values: D'Agostino's test (1970).

    It says what `scipy.stats.skewtest` says, in a sixteenth of the time for 8 values: the calibration asks thousands
    of times.

    >>> skewed(np.array([1.0, 1.1, 1.2, 1.3, 1.4, 1.6, 2.0, 9.0])), skewed(np.arange(8.0))
    (True, False)
    """
    if len(x_N) < LEAST or np.ptp(x_N) <= ROUNDING * np.abs(x_N).max():
        return False
    centred_N = x_N - x_N.mean()
    centred_N /= np.abs(centred_N).max()
    return bool(abs(np.mean(centred_N**3)) > critical(len(x_N)) * np.mean(centred_N**2) ** 1.5)


@cache
def critical(n: int) -> float:
    """Return the largest absolute skewness of n values that the test puts down to chance.

    D'Agostino turns the skewness into a normal deviate; this is the inverse, at the deviate of the level.
    """
    variance = 6 * (n - 2) / ((n + 1) * (n + 3))
    kurtosis = 3 * (n**2 + 27 * n - 70) * (n + 1) * (n + 3) / ((n - 2) * (n + 5) * (n + 7) * (n + 9))
    w_squared = np.sqrt(2 * (kurtosis - 1)) - 1
    deviate = stats.norm.isf(LEVEL / 2) * np.sqrt(np.log(w_squared) / 2)
    return float(np.sqrt(2 * variance / (w_squared - 1)) * np.sinh(deviate))

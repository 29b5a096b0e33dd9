"""Bias-corrected and accelerated bootstrap interval of a mean, shown beside the inverted test from n = 20."""

import numpy as np
from scipy import stats

LEAST_N = 20
RESAMPLES = 9999
RESAMPLING_SEED = 20251


def bca(x_N: np.ndarray, alpha: float = 0.05) -> tuple[float, float]:
    """BCa interval of the mean at level ``1 - 2 alpha`` (Efron 1987), resampled from a fixed stream.

    With 8 pairs its coverage at nominal 90 % is .79-.86, so it is given from 20 pairs on.

    Args:
        x_N: Values, NaN where missing, shape (N,).
        alpha: One-sided level.

    Returns:
        Low and high end in the unit of the data; NaN below 20 values, and for a constant sample, where it is
        undefined.
    """
    x_N = np.asarray(x_N, dtype=np.float64)
    x_N = x_N[np.isfinite(x_N)]
    if len(x_N) < LEAST_N or np.ptp(x_N) == 0:
        return np.nan, np.nan
    rng = np.random.default_rng(RESAMPLING_SEED)
    interval = stats.bootstrap(
        (x_N,), np.mean, confidence_level=1 - 2 * alpha, n_resamples=RESAMPLES, method="BCa", rng=rng
    ).confidence_interval
    return float(interval.low), float(interval.high)

"""Holm's step-down adjustment of p values whose dependence is unknown."""

import numpy as np


def holm(p_M: np.ndarray) -> np.ndarray:
    """Adjusted p: the running maximum of ``min(1, (m - i + 1) p_(i))`` over ordered p_(1) <= ... <= p_(m).

    Source: Holm 1979.

    Example:
        >>> holm([0.01, 0.04, 0.03]).round(12).tolist()
        [0.03, 0.06, 0.06]
    """
    p_M = np.asarray(p_M, dtype=np.float64)
    order = np.argsort(p_M, kind="stable")
    scaled = np.maximum.accumulate(np.arange(len(p_M), 0, -1) * p_M[order])
    adjusted = np.empty_like(p_M)
    adjusted[order] = np.minimum(scaled, 1.0)
    return adjusted

"""Which measures are functions of rate and steps alone: they tell how a run was made, not what it left.

A measure is so if it is named here, or if within every optimizer its setting and its steps explain nearly all of it.
"""

import numpy as np

from imprint.claims.runs import Runs

NAMED = {
    "path_length.path_length": "the sum of the updates' lengths: rate times steps where updates have a fixed length",
    "path_length.passes": "steps by another unit",
    "path_length.straightness": "has the path's length as its divisor",
    "performance.train_loss": "matched; what is left is how far one evaluation overshoots, which is the rate's",
}
EXPLAINED = 0.9
"""Adjusted R^2 from which a measure counts as explained by setting and steps."""


def excluded(runs: Runs) -> np.ndarray:
    """Return which features are functions of rate and steps alone, ``(F,)``."""
    named_F = np.isin(runs.measure_F.astype(str), list(NAMED))
    return named_F | (explained(runs) >= EXPLAINED)


def explained(runs: Runs) -> np.ndarray:
    r"""Return the least adjusted :math:`R^2` over optimizers of each feature, ``(F,)``.

    The regression is :math:`x = a_k + b_k \log(steps)` for each setting k, so any dependence on the rate is allowed;
    of logarithms for a feature that is above 0 throughout, as a product of rate and steps is. An optimizer within which
    a feature is constant, or has as few values as the regression has parameters, has no say; NaN where none has.
    """
    x_NF = np.where((runs.x_NF > 0).all(0), np.log(np.abs(runs.x_NF) + (runs.x_NF == 0)), runs.x_NF)
    found_PF = np.full((runs.optimizer_N.max() + 1, x_NF.shape[1]), np.inf)
    for optimizer in np.unique(runs.optimizer_N):
        own_N = runs.optimizer_N == optimizer
        levels_NK = runs.setting_N[own_N, None] == np.unique(runs.setting_N[own_N])
        design_ND = np.hstack([levels_NK, levels_NK * np.log(np.maximum(runs.steps_N[own_N, None], 1))])
        found_PF[optimizer] = [adjusted(design_ND, x_N) for x_N in x_NF[own_N].T]
    least_F = found_PF.min(0)
    return np.where(np.isinf(least_F), np.nan, least_F)


def adjusted(design_ND: np.ndarray, x_N: np.ndarray) -> float:
    """Return the adjusted R^2 of a regression, infinite where there is nothing to explain or nothing to tell it by."""
    there = np.isfinite(x_N)
    x, design = x_N[there], design_ND[there]
    if len(x) < 2 or np.ptp(x) <= 1e-9 * np.abs(x).max():
        return np.inf
    coefficients, _, rank, _ = np.linalg.lstsq(design, x, rcond=None)
    freedom = len(x) - rank
    if freedom < 1:
        return np.inf
    return float(1 - (np.square(x - design @ coefficients).sum() / freedom) / x.var(ddof=1))

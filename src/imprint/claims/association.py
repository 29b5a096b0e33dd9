"""Do the values of a measure follow those of another, or an order, from recipe to recipe?"""

import numpy as np
from scipy.stats import rankdata

DIGITS = 12
"""Significant digits that are compared; what differs in later ones is rounding, and a tie."""


def rank_correlation(one_KN: np.ndarray, other_KN: np.ndarray) -> np.ndarray:
    """Return Spearman's rank correlation over K recipes within each of N seeds, ``[N]``.

    Ties share their mean rank. NaN where a value is missing or all are the same.

    >>> rank_correlation(np.array([[1.0, 1.0], [2.0, 5.0], [4.0, 3.0]]), np.array([[0.1, 3.0], [0.2, 2.0], [0.3, 1.0]]))
    array([ 1. , -0.5])
    """
    one_KN, other_KN = _ranks(one_KN), _ranks(other_KN)
    scale_N = np.sqrt(np.square(one_KN).sum(0) * np.square(other_KN).sum(0))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(scale_N > 0, (one_KN * other_KN).sum(0) / scale_N, np.nan)


def order(recipes: int, seeds: int) -> np.ndarray:
    """Return the place of each recipe in the order given, the same for every seed, ``[K, N]``."""
    return np.repeat(np.arange(recipes, dtype=float)[:, None], seeds, axis=1)


def _ranks(values_KN: np.ndarray) -> np.ndarray:
    """Ranks within each seed less their mean; NaN throughout where one value is missing."""
    size_KN = np.abs(np.where(values_KN == 0, 1.0, values_KN))
    unit_KN = 10.0 ** (np.floor(np.log10(size_KN)) - DIGITS + 1)
    rounded_KN = np.round(values_KN / unit_KN) * unit_KN
    ranks_KN = rankdata(rounded_KN, axis=0, nan_policy="propagate")
    return ranks_KN - ranks_KN.mean(0)


def followed(claim: dict) -> list[dict]:
    """Return the measures that a claim's measure is said to follow, with their labels; none if that is an order."""
    follows = claim.get("follows") or []
    parts = follows if isinstance(follows, list) else [follows]
    return [part for part in parts if part != "order"]


def label(claim: dict, recipes: list[str]) -> str:
    """Say what the measure is correlated with, over which recipes; with labels where names are alike."""
    if not followed(claim):
        return f"rank correlation with the order {', '.join(recipes)}"
    names = [part["measure"].partition(".")[2] for part in followed(claim)]
    if len(set(names)) < len(names):
        names = [_place(part["measure"], part.get("where") or {}) for part in followed(claim)]
    return f"rank correlation with {' - '.join(names)} over {', '.join(recipes)}"


def _place(measure: str, where: dict) -> str:
    labels = ", ".join(f"{dim}={value}" for dim, value in where.items())
    return f"{measure} ({labels})" if labels else measure

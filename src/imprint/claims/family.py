"""One family of tests: what is said of each alone, the joint test, and the verdicts."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from imprint.claims import power
from imprint.claims.attainable import smallest_p
from imprint.claims.bca import bca
from imprint.claims.signflip import ROUNDING, signflip
from imprint.claims.skewness import skewed
from imprint.claims.verdict import CONTRAST_FORMS, verdict

LEAST_REACHED = 0.8
"""Share of the declared pairs that must have reached the condition."""

MOSTLY_TIES = 0.5
"""Share of exact ties from which a row is flagged."""


@dataclass
class Row:
    """A row of the table in the making.

    ``x_N`` are its contrasts or values, one per seed, NaN where missing; ``bound`` is in their unit and
    ``back`` turns that into the unit of the table. ``problems`` are why it cannot be tested, ``notes`` what
    else to know. ``sd`` is the standard deviation that was declared, in the unit of ``x_N``, and ``searched`` that of
    the search with its degrees of freedom.
    """

    cells: dict
    form: str
    bound: float | tuple[float, float]
    x_N: np.ndarray
    back: Callable
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    sd: float | None = None
    searched: tuple[float, int] | None = None

    @property
    def references(self) -> tuple[float, ...]:
        """What the mean is tested against: 0 or the bounds."""
        if self.form in CONTRAST_FORMS:
            return (0.0,)
        return tuple(self.bound) if self.form == "within" else (self.bound,)


def judge(rows: list[Row], alpha: float) -> None:
    """Fill the rows of one family; those with problems are untested and not in it."""
    for row in rows:
        row.x_N = settled(row.x_N)
        _describe(row, alpha)
    tested = [row for row in rows if not row.problems]
    columns = [(row, reference) for row in tested for reference in row.references]
    if columns:
        result = signflip(np.stack([row.x_N - reference for row, reference in columns], axis=1), alpha)
    for row in rows:
        row.cells |= {"family": len(columns), "flags": "; ".join(row.problems + row.notes)}
        low = high = np.nan
        if not row.problems:
            own = np.flatnonzero([owner is row for owner, _ in columns])
            low, high = _facing(row.references, result.mean[own], result.low[own], result.high[own])
            row.cells |= {"p": result.p[own].max(), "p_adjusted": result.p_adjusted[own].max()}
        word, beyond = verdict(low, high, form=row.form, bound=row.bound, untested=bool(row.problems))
        row.cells |= {"verdict": word, "beyond": beyond, "low": row.back(low), "high": row.back(high)}
        row.cells |= _power(row, len(columns), alpha)


def _power(row: Row, tests: int, alpha: float) -> dict:
    """What the row's test can find; one that is untested is counted as if it were in the family."""
    sd, df, origin = _deviation(row)
    tests += len(row.references) if row.problems else 0
    margin = np.nan if row.form == "within" else row.bound
    found = power.of_claim(row.form, margin, sd, row.cells["n"], tests, alpha)
    return {**found, "detectable": row.back(found["detectable"]), "sd_from": origin, "sd_df": df}


def _deviation(row: Row) -> tuple[float, float, str]:
    """Standard deviation that power is stated with, its degrees of freedom, and where it is from."""
    if row.sd is not None:
        return row.sd, np.nan, "declared"
    if row.searched is not None:
        return *row.searched, "search"
    sd = row.cells["sd"]
    return (sd, row.cells["n"] - 1, "data") if np.isfinite(sd) else (sd, np.nan, "")


def settled(x_N: np.ndarray) -> np.ndarray:
    """Values that differ by rounding alone become their median: their last bits are no data to be resampled.

    >>> settled(np.array([1.0, 1.0 + 2.2e-16, 1.0, np.nan])).tolist()
    [1.0, 1.0, 1.0, nan]
    """
    has = np.isfinite(x_N)
    if not has.any() or np.ptp(x_N[has]) > ROUNDING * np.abs(x_N[has]).max():
        return x_N
    return np.where(has, np.median(x_N[has]), x_N)


def _facing(references: tuple[float, ...], mean: np.ndarray, low: np.ndarray, high: np.ndarray) -> tuple:
    """Ends of the interval, each from the test against the reference that it faces.

    These are the nearest reference below the mean and the nearest above; a mean that lies beyond all of them
    has both ends from the outermost.
    """
    below = np.flatnonzero(mean >= 0)[-1:].sum()
    above = len(mean) - 1 - np.flatnonzero(mean[::-1] <= 0)[-1:].sum()
    return low[below] + references[below], high[above] + references[above]


def _describe(row: Row, alpha: float) -> None:
    """Fill what needs no other test, and say what keeps this one from being made."""
    x_N = row.x_N[np.isfinite(row.x_N)]
    n, declared = len(x_N), row.cells["pairs_declared"]
    mean, sd = (x_N.mean() if n else np.nan), (x_N.std(ddof=1) if n > 1 else np.nan)
    reference = min(row.references, key=lambda r: abs(mean - r))
    sd = 0.0 if sd <= ROUNDING * np.abs(x_N).max(initial=0.0) else sd
    with np.errstate(divide="ignore", invalid="ignore"):
        effect = np.float64(mean - reference) / sd
    bca_low, bca_high = bca(x_N, alpha)
    row.cells |= {"n": n, "estimate": row.back(mean), "sd": sd, "effect": effect}
    row.cells |= {"bca_low": row.back(bca_low), "bca_high": row.back(bca_high)}
    if n < LEAST_REACHED * declared:
        row.problems.append(f"reached: {n} of {declared} pairs")
    if smallest_p(n) > 2 * alpha:
        row.problems.append(f"n below test: {n} pairs give p >= {smallest_p(n):.3g}")
    ties = int((np.abs(x_N - reference) <= ROUNDING * np.abs(x_N).max(initial=0.0)).sum())
    if n and ties >= MOSTLY_TIES * n:
        row.notes.append(f"ties: {ties} of {n}")
    if skewed(x_N):
        row.notes.append("skewed")

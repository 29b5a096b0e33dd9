"""The exact paired sign-flip test of means, joint over the columns of a table, and its inversion.

Under the null hypothesis the differences of a seed may all change sign together. Every flip s, a sign
for each seed, gives column j another ``t_j(s) = mean(s d_j) sqrt(n_j) / sd(s d_j)``; p is the share of flips
with ``|t_j(s)| >= |t_j|``. With several columns the largest ``|t|`` of a family of columns takes the
place of ``|t_j(s)|`` (Westfall and Young 1993, step-down max-t).

A shift theta moves the mean of a column and leaves its sd. A flip reaches the observed statistic,
``|sum s (d - theta)| >= |sum (d - theta)|``, exactly for theta between the mean of the flipped seeds and the
mean of the others; another column with ``|t_l(s)| = T`` does so exactly for
``|theta - mean| <= T sd / sqrt(n)``. Both are intervals around the mean, so ``p(theta)`` falls on either side
of it and the ends of ``{theta: p(theta) > 2 alpha}`` are order statistics: the inversion is exact and needs
no search.

Axis letters: S flips, N seeds, M columns.
"""

from dataclasses import dataclass

import numpy as np

from imprint.claims.attainable import ALL_FLIPS_UP_TO, ALPHA, SAMPLED_FLIPS, smallest_p

FLIP_SEED = 20251
ROUNDING = 1e-10
"""Numbers below this share of a column's largest value are 0: what ties but for rounding is a tie."""


@dataclass(frozen=True)
class SignFlip:
    """Result of the joint test; every field is an array over the columns, shape (M,).

    ``p`` is two-sided and unadjusted, ``p_adjusted`` is step-down; ``low`` and ``high`` are in the unit of
    the data; ``rejected`` is ``p_adjusted <= 2 alpha``, which is the same as ``low > 0 or high < 0``;
    ``smallest`` is the least p that the number of pairs of the column can give.
    """

    n: np.ndarray
    mean: np.ndarray
    sd: np.ndarray
    t: np.ndarray
    p: np.ndarray
    p_adjusted: np.ndarray
    low: np.ndarray
    high: np.ndarray
    rejected: np.ndarray
    smallest: np.ndarray


def flips(n: int) -> np.ndarray:
    """Sign flips of n seeds, shape (S, n), the identity first.

    Up to n = 14 all of them, one of each pair (s, -s), which give the same ``|t|``; beyond, the identity and
    2^14 - 1 random ones from a fixed stream (with the identity counted, p stays exact: Phipson and Smyth
    2010).
    """
    if n > ALL_FLIPS_UP_TO:
        random = np.random.default_rng(FLIP_SEED).integers(0, 2, size=(SAMPLED_FLIPS, n), dtype=np.int8)
        random[0] = 0
        return 1 - 2 * random
    codes = 2 * np.arange(2 ** max(n - 1, 0))
    return (1 - 2 * (codes[:, None] >> np.arange(n) & 1)).astype(np.int8)


def signflip(d_NM: np.ndarray, alpha: float = ALPHA) -> SignFlip:
    """Test every column's mean against 0, jointly, and invert the test at level ``1 - 2 alpha``.

    The adjusted p of column j is the largest, over the columns with ``|t_l| >= |t_j|``, of the share of flips
    whose largest ``|t|`` among the columns with ``|t| <= |t_l|`` reaches ``|t_l|``.

    The interval of column j is the inversion with all columns in the family (single-step) and the others
    centred at their means, so that it holds simultaneously whatever the other effects are. About 0 the
    step-down decides: the interval of a column that it does not reject is widened to contain 0; where it
    rejects and the single-step interval contains 0, the end that faces 0 is the inversion over the columns
    with ``|t| <= |t_j|``, the others as observed. So ``p_adjusted > 2 alpha`` if and only if 0 is in
    ``[low, high]``. With one column all of this is the plain inversion.

    Args:
        d_NM: Differences, seeds by columns, NaN where a pair is missing: a flip acts on the seeds, a column
            uses the seeds it has.
        alpha: One-sided level, in (0, 0.5).

    Returns:
        The test of each column. A column of zeros has t = 0 and p = 1, a constant one has ``|t|`` = inf, one
        with fewer than two pairs has t = 0, p = 1 and an unbounded interval.

    Raises:
        ValueError: If `d_NM` is no finite table or `alpha` is out of range.

    Example:
        >>> result = signflip([[1.0], [1.0], [1.0], [1.0], [1.0]])
        >>> float(result.p[0]), float(result.low[0]), float(result.high[0])
        (0.0625, 1.0, 1.0)
    """
    d_NM = np.asarray(d_NM, dtype=np.float64)
    if d_NM.ndim != 2:
        raise ValueError(f"signflip: differences have shape {d_NM.shape}, expected (seeds, columns)")
    if np.isinf(d_NM).any():
        columns = np.flatnonzero(np.isinf(d_NM).any(0)).tolist()
        raise ValueError(f"signflip: infinite differences in columns {columns}; give NaN for a missing pair")
    if not 0 < alpha < 0.5:
        raise ValueError(f"signflip: alpha is {alpha}, allowed is 0 < alpha < 0.5 (0.05 gives 90 %)")

    signs_SN = flips(len(d_NM))
    rank = int(np.floor(2 * alpha * len(signs_SN) + 1e-9))
    columns = [_Column(d_N, signs_SN) for d_N in d_NM.T]
    t_MS = np.reshape([c.t_S for c in columns], (len(columns), len(signs_SN)))
    centred_MS = np.reshape([c.centred_S for c in columns], t_MS.shape)
    mean_M, t_M = np.array([c.mean for c in columns]), t_MS[:, 0]

    stepped = [c.ends(_largest(t_MS, t_M <= c.t_S[0] * (1 + ROUNDING), j)) for j, c in enumerate(columns)]
    step_M = np.array([_share_with_zero(ends) for ends in stepped])
    adjusted_M = np.array([step_M[t_M * (1 + ROUNDING) >= t].max() for t in t_M])
    rejected_M = adjusted_M * len(signs_SN) < rank + 0.5

    everyone = np.ones(len(columns), dtype=bool)
    single = [_invert(c.ends(_largest(centred_MS, everyone, j)), rank) for j, c in enumerate(columns)]
    low_M, high_M = np.reshape(single, (-1, 2)).T
    step_low_M, step_high_M = np.reshape([_invert(ends, rank) for ends in stepped], (-1, 2)).T
    n_M = np.array([c.n for c in columns], dtype=int)
    return SignFlip(
        n=n_M,
        mean=mean_M,
        sd=np.array([c.sd for c in columns]),
        t=np.where(mean_M < 0, -t_M, t_M),
        p=np.array([_share_with_zero(c.own) for c in columns]),
        p_adjusted=adjusted_M,
        low=_facing_zero(low_M, step_low_M, rejected_M, mean_M > 0),
        high=0.0 - _facing_zero(-high_M, -step_high_M, rejected_M, mean_M < 0),
        rejected=rejected_M,
        smallest=np.array([smallest_p(n) for n in n_M]),
    )


def _largest(t_MS: np.ndarray, family_M: np.ndarray, but: int) -> np.ndarray:
    """Largest |t| of each flip over a family without column `but`; 0 if nothing is left."""
    family_M = family_M & (np.arange(len(t_MS)) != but)
    return t_MS[family_M].max(axis=0, initial=0.0)


def _share_with_zero(ends: tuple[np.ndarray, np.ndarray]) -> float:
    return float(np.mean((ends[0] <= 0) & (ends[1] >= 0)))


def _invert(ends: tuple[np.ndarray, np.ndarray], rank: int) -> tuple[float, float]:
    """Smallest and largest shift that more than `rank` flips reach."""
    low_S, high_S = ends
    return np.partition(low_S, rank)[rank], -np.partition(-high_S, rank)[rank]


def _facing_zero(low_M: np.ndarray, step_M: np.ndarray, rejected_M: np.ndarray, above_M: np.ndarray) -> np.ndarray:
    """Lower ends that agree with the step-down decision; `above_M` is where the mean is above 0."""
    stepped_M = np.where(above_M & (low_M <= 0), step_M, low_M)
    return np.where(rejected_M, stepped_M, np.minimum(low_M, 0.0))


class _Column:
    """One column under all flips.

    ``t_S`` is |t|, ``centred_S`` the same of the column less its mean, ``own`` the shifts at which the
    column's own flip reaches its observed |t|.
    """

    def __init__(self, d_N: np.ndarray, signs_SN: np.ndarray):
        has = np.isfinite(d_N)
        d, signs = d_N[has], signs_SN[:, has].astype(np.float64)
        self.n = len(d)
        self.scale = np.abs(d).max(initial=0.0)
        self.mean = d.mean() if self.n else np.nan
        self.t_S = self.centred_S = np.zeros(len(signs))
        self.sd = np.nan
        if self.n > 1:
            self.t_S, self.sd = self._statistics(signs * d)
            self.centred_S, _ = self._statistics(signs * (d - self.mean))
        flipped_S = (signs < 0).sum(1)
        whole_S = (flipped_S == 0) | (flipped_S == self.n)
        first_S = np.where(signs < 0, d, 0.0).sum(1) / np.where(whole_S, 1, flipped_S)
        second_S = np.where(signs > 0, d, 0.0).sum(1) / np.where(whole_S, 1, self.n - flipped_S)
        low_S = np.where(whole_S, -np.inf, np.minimum(first_S, second_S))
        high_S = np.where(whole_S, np.inf, np.maximum(first_S, second_S))
        self.own = self._snap(low_S), self._snap(high_S)

    def _statistics(self, flipped_SN: np.ndarray) -> tuple[np.ndarray, float]:
        sd_S = flipped_SN.std(axis=1, ddof=1)
        sd_S[sd_S <= ROUNDING * self.scale] = 0.0
        size_S = np.abs(flipped_SN.mean(axis=1)) * np.sqrt(self.n)
        size_S[size_S <= ROUNDING * self.scale] = 0.0
        with np.errstate(divide="ignore", invalid="ignore"):
            t_S = np.where(size_S == 0, 0.0, size_S / sd_S)
        return t_S, sd_S[0]

    def _snap(self, end_S: np.ndarray) -> np.ndarray:
        return np.where(np.abs(end_S) <= ROUNDING * self.scale, 0.0, end_S)

    def ends(self, other_S: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The shifts at which a flip reaches the observed |t|, by this column or another's `other_S`."""
        if self.n < 2:
            return self.own
        error = self.sd / np.sqrt(self.n)
        half_S = np.where(np.isinf(other_S), np.inf, error * np.where(np.isinf(other_S), 0.0, other_S))
        low_S = np.minimum(self.own[0], self._snap(self.mean - half_S))
        return low_S, np.maximum(self.own[1], self._snap(self.mean + half_S))

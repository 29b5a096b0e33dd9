"""The level of the tests, and the p values that a number of pairs can give at all. Needs no library."""

import math

ALPHA = 0.05
"""One-sided level of all tests: two-sided p are compared with twice as much."""

ALL_FLIPS_UP_TO = 14
SAMPLED_FLIPS = 2**14


def smallest_p(n: int) -> float:
    """Least two-sided p that n pairs can give: ``max(2 / 2^n, 1 / 2^14)``, 1 without pairs.

    Adjusted for a family it is the same: one joint flip of the seeds serves all tests.

    Example:
        >>> smallest_p(5)
        0.0625
    """
    return 1.0 if n < 1 else max(2.0 ** (1 - n), 1 / SAMPLED_FLIPS)


def attained(n: int, alpha: float = ALPHA) -> float:
    """Return the two-sided level that the test of n pairs attains: the largest possible p that is at most 2 alpha.

    >>> attained(5), attained(8)
    (0.0625, 0.09375)
    """
    flips = 2 ** (n - 1) if n <= ALL_FLIPS_UP_TO else SAMPLED_FLIPS
    return math.floor(2 * alpha * flips + 1e-9) / flips


def least_pairs(alpha: float = ALPHA) -> int:
    """Return the fewest pairs with which anything can be significant.

    >>> least_pairs()
    5
    """
    n = 1
    while smallest_p(n) > 2 * alpha:
        n += 1
    return n

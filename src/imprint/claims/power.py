"""What a test can find: the smallest effect at a number of pairs, and the pairs that an effect needs."""

import functools
import math

import numpy as np
from scipy import optimize, stats

from imprint.claims.attainable import ALPHA, attained, smallest_p

POWER = 0.8
"""Probability with which the stated effect is found."""

MOST_PAIRS = 100_000
"""Where the search for a number of pairs ends."""

SHORT_OF_EXACT = {5: 1.10, 6: 1.03}
"""Exact distance over that of Student's t, one test: with so few flips the sign-flip test loses power.

At five pairs it rejects where all signs agree, so the exact distance is ``Phi^-1(POWER^(1/5))``.
"""


@functools.cache
def detectable(n: int, tests: int = 1, alpha: float = ALPHA, power: float = POWER) -> float:
    """Return the effect, in standard deviations, that n pairs find in its direction with this power.

    The flips of normal differences give Student's t, and T independent tests need its critical value at the level
    ``1 - (1 - a)^(1 / T)``, a being what the test attains (Sidak 1967). With that critical value c the effect is the
    delta at which the noncentral ``t(n - 1, delta sqrt(n))`` exceeds c with this power. Tests that are correlated, or
    have effects themselves, find more. NaN where no data can be significant.

    Args:
        n: pairs.
        tests: in the family.
        alpha: one-sided level.
        power: probability of being found.
    """
    if smallest_p(n) > 2 * alpha:
        return math.nan
    level = -math.expm1(math.log1p(-attained(n, alpha)) / tests)
    critical = stats.t.isf(level / 2, n - 1)

    def lacking(effect: float) -> float:
        return float(stats.nct.sf(critical, n - 1, effect * math.sqrt(n))) - power

    highest = 2 * (critical + 5) / math.sqrt(n)
    while lacking(highest) < 0:
        highest *= 2
    return SHORT_OF_EXACT.get(n, 1.0) * float(optimize.brentq(lacking, 0.0, highest, xtol=1e-9))


def needed(effect: float, tests: int = 1, alpha: float = ALPHA, power: float = POWER) -> float:
    """Return the least number of pairs that finds an effect, in standard deviations, with this power.

    NaN for an effect of 0, infinite above `MOST_PAIRS`.

    >>> needed(1.75), needed(0.0)
    (5.0, nan)
    """
    if not effect > 0:
        return math.nan

    def enough(n: int) -> bool:
        return detectable(n, tests, alpha, power) <= effect

    low, high = 4, 8
    while not enough(high):
        low, high = high, 2 * high
        if high > MOST_PAIRS:
            return math.inf
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return float(high)


def of_claim(form: str, margin: float, sd: float, n: int, tests: int, alpha: float = ALPHA) -> dict[str, float]:
    """Return what a claim's test can find at its n, in the unit of ``sd``.

    ``p_smallest`` is the least p, adjusted or not: one joint flip of the seeds serves all tests. ``detectable`` is the
    distance of the mean from what it is tested against; of ``equal_within`` the margin that is shown where there is no
    difference, for which both ends must be found. ``n_needed`` are the pairs at which ``detectable`` is the margin;
    NaN for bounds, which have no smallest effect of interest.
    """
    equal = form == "equal_within"
    power = 1 - (1 - POWER) / 2 if equal else POWER
    has_margin = equal or form in ("greater_by", "less_by")
    distance = sd * detectable(n, tests, alpha, power)
    pairs = math.nan
    if has_margin and np.isfinite(sd) and margin > 0:
        pairs = needed(margin / sd if sd > 0 else math.inf, tests, alpha, power)
    return {"p_smallest": smallest_p(n), "detectable": distance, "n_needed": pairs}

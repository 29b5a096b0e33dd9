"""How many replicas of a pool one draw of the calibration takes."""

from imprint.claims.attainable import least_pairs

SETTINGS = 3
"""Settings, alike in truth, from which the calibration of the selection chooses."""

TUNING_SEEDS = 2
"""Tuning seeds of each of them."""


def taken(seeds: int) -> int:
    """Return how many replicas the selection takes at most: settings on tuning seeds, settings and another on seeds.

    >>> taken(8)
    38
    """
    return SETTINGS * TUNING_SEEDS + (SETTINGS + 1) * seeds


def judged(counts: set[int], pool: int) -> list[int]:
    """Return those numbers of seeds that a test needs and a pool of this size allows.

    >>> judged({2, 8, 10, 48}, pool=64)
    [8, 10]
    """
    return sorted(n for n in counts if n >= least_pairs() and taken(n) <= pool)

"""Cosine decay (Loshchilov and Hutter 2017, arXiv 1608.03983, without restarts), with a linear warmup."""

from imprint.recipes.schedule.warmup_stable_decay import cooldown, warmed


def multiplier(step: int, length: int, *, final: float = 0.0, warmup: float = 0.0) -> float:
    """Return ``final + (1 - final) (1 + cos(pi place)) / 2`` after the warmup, at its place from 0 to 1.

    Args:
        step: counted from 1.
        length: steps of the whole training.
        final: fraction of the rate that the schedule ends at.
        warmup: fraction of the steps in which the rate rises linearly.
    """
    rise, place = warmed(step, length, warmup)
    return rise * (final + (1 - final) * cooldown(place, "cosine"))

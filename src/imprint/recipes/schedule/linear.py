"""Linear decay (Defazio et al. 2023, arXiv 2310.07831), with a linear warmup."""

from imprint.recipes.schedule.warmup_stable_decay import cooldown, warmed


def multiplier(step: int, length: int, *, final: float = 0.0, warmup: float = 0.0) -> float:
    """Return ``final + (1 - final) (1 - place)`` after the warmup, at its place from 0 to 1.

    Args:
        step: counted from 1.
        length: steps of the whole training.
        final: fraction of the rate that the schedule ends at.
        warmup: fraction of the steps in which the rate rises linearly.
    """
    rise, place = warmed(step, length, warmup)
    return rise * (final + (1 - final) * cooldown(place, "linear"))

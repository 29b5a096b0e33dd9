"""One constant trunk with several cooldown branches (Hägele et al. 2024, arXiv 2405.18392): each length for one run."""

from collections.abc import Sequence

from imprint.recipes.schedule.warmup_stable_decay import cooldown, warmed


def multiplier(
    step: int,
    length: int,
    *,
    branches: Sequence[float],
    warmup: float = 0.0,
    decay: float = 0.1,
    shape: str = "sqrt",
) -> float:
    """Return the trunk's factor at a step: linear up to 1, then 1.

    Args:
        step: counted from 1.
        length: steps of the trunk.
        branches: where branches leave the trunk, fractions of its length in (0, 1].
        warmup: fraction of the trunk that warms up.
        decay: length of every branch, a fraction of the trunk's.
        shape: of the branches' cooldown.
    """
    return warmed(step, length, warmup)[0]


def branches(
    length: int, *, branches: Sequence[float], warmup: float = 0.0, decay: float = 0.1, shape: str = "sqrt"
) -> list[tuple[int, list[float]]]:
    """Return for each branch the trunk's step after which it leaves, and the factors of its own steps.

    A branch is the end of a warmup-stable-decay run whose last steps are the branch.

    Raises:
        ValueError: for a place outside (0, 1], places that are not ascending, or another shape.
    """
    if list(branches) != sorted(set(branches)) or not all(0 < place <= 1 for place in branches):
        raise ValueError(f"trunk: branches {list(branches)} are not ascending fractions in (0, 1]")
    steps = max(round(decay * length), 1)
    factors = [cooldown(number / steps, shape) for number in range(steps)]
    return [(max(round(place * length), 1), factors) for place in branches]

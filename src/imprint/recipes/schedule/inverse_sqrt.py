"""Learning rate falling with the square root of the step, as margin maximization needs (arXiv 2502.04664)."""


def multiplier(step: int) -> float:
    """Return ``1 / sqrt(step)`` for steps counted from 1."""
    return step**-0.5

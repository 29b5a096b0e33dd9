"""Constant learning rate."""


def multiplier(step: int) -> float:
    """Return 1 at every step."""
    return 1.0

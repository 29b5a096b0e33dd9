"""A smaller rate with every task of a sequence (Mirzadeh et al. 2020, arXiv 2006.06958)."""


def multiplier(step: int, stage: int, *, factor: float = 0.4) -> float:
    """Return ``factor^stage``: 1 in the first task, less in each one after it.

    Args:
        step: counted from 1; not used.
        stage: the task of the sequence, counted from 0.
        factor: from one task to the next, in (0, 1].

    Raises:
        ValueError: for another factor.
    """
    if not 0 < factor <= 1:
        raise ValueError(f"staged: factor {factor} is not in (0, 1]")
    return factor**stage

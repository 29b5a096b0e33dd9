"""Stochastic weight averaging (Izmailov et al. 2018, arXiv 1803.05407): the mean of late iterates."""

from torch import Tensor


def begin(weights: Tensor) -> dict[str, Tensor]:
    """Return the memory at the initial weights ``[R, P]``."""
    return {"average": weights.clone()}


def average(memory: dict[str, Tensor], weights: Tensor, step: int, *, start: int, every: int = 1) -> dict[str, Tensor]:
    """Return the mean of the weights at steps ``start, start + every, ...`` so far.

    Before ``start`` the average is the current weights.

    Args:
        memory: of the step before.
        weights: ``[R, P]``.
        step: counted from 1.
        start: first step that counts.
        every: steps between two that count.

    Raises:
        ValueError: if ``start`` or ``every`` is less than 1.
    """
    if min(start, every) < 1:
        raise ValueError(f"swa: start {start} and every {every} must be at least 1")
    if step < start:
        return begin(weights)
    if (step - start) % every:
        return memory
    count = (step - start) // every + 1
    return {"average": (memory["average"] * (count - 1) + weights) / count}

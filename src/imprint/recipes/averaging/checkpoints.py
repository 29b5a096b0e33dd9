"""Mean of the latest checkpoints (Kaddour 2022, arXiv 2209.14981: LAWA)."""

import torch
from torch import Tensor


def begin(weights: Tensor) -> dict[str, Tensor]:
    """Return the memory at the initial weights ``[R, P]``, which fill the place of the first checkpoint."""
    return {"average": weights.clone(), "checkpoints": weights.unsqueeze(1).clone()}


def average(memory: dict[str, Tensor], weights: Tensor, step: int, *, every: int, last: int = 6) -> dict[str, Tensor]:
    """Return the mean of the ``last`` latest checkpoints, taken at steps ``every, 2 every, ...``.

    While there are fewer, the mean of those there are; before the first, the current weights.

    Args:
        memory: of the step before.
        weights: ``[R, P]``.
        step: counted from 1.
        every: steps between two checkpoints.
        last: how many checkpoints count.

    Raises:
        ValueError: if ``every`` or ``last`` is less than 1.
    """
    if min(every, last) < 1:
        raise ValueError(f"checkpoints: every {every} and last {last} must be at least 1")
    if step < every:
        return begin(weights)
    if step % every:
        return memory
    count = min(step // every, last)
    held = torch.cat([memory["checkpoints"], weights.unsqueeze(1)], 1)[:, -count:]
    return {"average": held.mean(1), "checkpoints": held}

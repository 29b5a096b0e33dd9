"""Lookahead (Zhang et al. 2019, arXiv 1907.08610): slow weights that the fast ones return to."""

from torch import Tensor


def begin(weights: Tensor) -> dict[str, Tensor]:
    """Return the slow weights, at the initial ones ``[R, P]``."""
    return {"average": weights.clone()}


def average(
    memory: dict[str, Tensor], weights: Tensor, step: int, *, every: int = 5, alpha: float = 0.5
) -> dict[str, Tensor]:
    """Return the slow weights, ``s <- s + alpha (w - s)`` every ``every`` steps.

    Args:
        memory: of the step before.
        weights: the fast ones, ``[R, P]``.
        step: counted from 1.
        every: steps of the fast weights per step of the slow ones.
        alpha: size of a slow step, in (0, 1].

    Raises:
        ValueError: if ``every`` is less than 1 or alpha not in (0, 1].
    """
    if every < 1:
        raise ValueError(f"lookahead: every {every} is less than 1")
    if not 0 < alpha <= 1:
        raise ValueError(f"lookahead: alpha {alpha} is not in (0, 1]")
    if step % every:
        return memory
    return {"average": (1 - alpha) * memory["average"] + alpha * weights}


def restart(memory: dict[str, Tensor], weights: Tensor, step: int, *, every: int = 5, alpha: float = 0.5) -> Tensor:
    """Return where the fast weights go on: at the slow ones after each of their steps, else where they are.

    The state of the update stays, as in the paper's default.
    """
    return weights if step % every else memory["average"]

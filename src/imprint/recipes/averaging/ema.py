"""Exponential moving average of the weights (Polyak averaging with forgetting; Tarvainen and Valpola 2017)."""

from torch import Tensor


def begin(weights: Tensor) -> dict[str, Tensor]:
    """Return the memory at the initial weights ``[R, P]``."""
    return {"average": weights.clone()}


def average(
    memory: dict[str, Tensor], weights: Tensor, step: int, *, decay: float = 0.999, debias: bool = False
) -> dict[str, Tensor]:
    """Return ``a_t = decay a_(t-1) + (1 - decay) w_t``, which starts at the initial weights ``a_0 = w_0``.

    With ``debias``, ``a_t = sum_(i<=t) decay^(t-i) w_i / sum_(i<=t) decay^(t-i)``: the initial weights do not count,
    as in Adam's correction of an average that starts at 0.

    Args:
        memory: of the step before.
        weights: ``[R, P]``.
        step: counted from 1.
        decay: in [0, 1); the average remembers about ``1 / (1 - decay)`` steps.
        debias: whether the average forgets where it began.

    Raises:
        ValueError: if the decay is not in [0, 1).
    """
    if not 0 <= decay < 1:
        raise ValueError(f"ema: decay {decay} is not in [0, 1)")
    rate = (1 - decay) / (1 - decay**step) if debias else 1 - decay
    return {"average": (1 - rate) * memory["average"] + rate * weights}

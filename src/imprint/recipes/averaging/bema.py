"""Bias-corrected exponential moving average (Block and Zhang 2025, arXiv 2508.00180)."""

from torch import Tensor


def begin(weights: Tensor) -> dict[str, Tensor]:
    """Return the memory at the initial weights ``[R, P]``."""
    return {"average": weights.clone(), "ema": weights.clone(), "start": weights.clone()}


def average(
    memory: dict[str, Tensor],
    weights: Tensor,
    step: int,
    *,
    ema_power: float = 0.5,
    bias_power: float = 0.2,
    multiplier: float = 1.0,
    lag: float = 10.0,
    burn_in: int = 0,
    every: int = 1,
) -> dict[str, Tensor]:
    """Return ``a_t = m_t + (lag + multiplier t)^-bias_power (w_t - w_0)``.

    ``m_t = (1 - b_t) m_(t-1) + b_t w_t`` with ``b_t = (lag + multiplier t)^-ema_power``. Up to the step ``burn_in``
    the weights themselves are ``w_0``, ``m`` and the average; afterwards all is refreshed every ``every`` steps, and
    ``t`` counts all steps of the training, as in the paper's algorithm 1.

    The defaults are those of the authors but for ``every``, which they set to 400 to spare transfers of memory; in the
    paper's letters the options are kappa, eta, gamma, rho, tau and phi.

    Args:
        memory: of the step before.
        weights: ``[R, P]``.
        step: ``t``, counted from 1.
        ema_power: how fast the moving average slows down; 0 follows the weights.
        bias_power: how fast the correction fades; large values leave the moving average alone.
        multiplier: of the step.
        lag: added to the step; at least 1.
        burn_in: steps before the averaging begins.
        every: steps between two refreshes.

    Raises:
        ValueError: if the lag is less than 1, or ``every`` is.
    """
    if lag < 1:
        raise ValueError(f"bema: lag {lag} is less than 1, so that early weights would count more than whole")
    if every < 1:
        raise ValueError(f"bema: every {every} is less than 1")
    if step <= burn_in:
        return begin(weights)
    if (step - burn_in) % every:
        return memory
    age = lag + multiplier * step
    share = age**-ema_power
    ema = (1 - share) * memory["ema"] + share * weights
    return {**memory, "average": ema + age**-bias_power * (weights - memory["start"]), "ema": ema}

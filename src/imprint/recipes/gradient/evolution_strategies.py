"""Evolution strategies (Salimans et al. 2017, arXiv 1703.03864): antithetic pairs, centred ranks."""

import torch
from torch import Tensor

from imprint.fleet.oracle import Oracle
from imprint.recipes.draw import Draw


def gradient(
    oracle: Oracle, weights: Tensor, draw: Draw, *, population: int = 32, sigma: float = 0.02
) -> tuple[Tensor, Tensor]:
    """Return the loss ``[R]`` and ``sum_i r_i e_i / (n sigma)`` over a population of n.

    Member ``i`` has the weights ``w + sigma e_i``; the members come in pairs ``e, -e`` of standard normal numbers.
    ``r_i`` is the rank of its loss, moved and scaled to [-1/2, 1/2], the worst highest; members of equal loss share
    their mean rank, and a loss that is not a number is the worst. So the estimate points as the gradient does in
    expectation on a linear loss, but its length does not depend on the loss's scale. The loss returned is that at
    ``weights``. Costs ``n + 1`` forward passes.

    Args:
        oracle: the batch.
        weights: ``[R, P]``.
        draw: each replica's own noise, new at every step.
        population: ``n``, an even number.
        sigma: standard deviation of the noise, in units of the weights.

    Raises:
        ValueError: if the population is odd or less than 2, or sigma is not positive.
    """
    if population < 2 or population % 2:
        raise ValueError(f"evolution_strategies: population {population} is not an even number of at least 2")
    if sigma <= 0:
        raise ValueError(f"evolution_strategies: sigma {sigma} is not positive")
    noise = draw.normal(population // 2)
    above = [oracle.loss(weights + sigma * e) for e in noise.unbind(1)]
    below = [oracle.loss(weights - sigma * e) for e in noise.unbind(1)]
    first, second = centred_ranks(torch.stack(above + below, 1)).chunk(2, 1)
    estimate = torch.zeros_like(weights)
    for e, weight in zip(noise.unbind(1), (first - second).unbind(1), strict=True):
        estimate += (weight / (population * sigma)).unsqueeze(1) * e
    return oracle.loss(weights), estimate


def centred_ranks(losses: Tensor) -> Tensor:
    """Return the ranks of losses ``[R, n]`` in each row, from -1/2 (smallest) to 1/2; equal ones share their mean."""
    losses = torch.where(losses.isnan(), torch.inf, losses)
    mine, others = losses.unsqueeze(2), losses.unsqueeze(1)
    doubled = 2 * (others < mine).sum(2) + (others == mine).sum(2) - 1
    return doubled.to(losses.dtype) / (2 * (losses.shape[1] - 1)) - 0.5

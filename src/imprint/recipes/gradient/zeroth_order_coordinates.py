"""Finite differences along coordinates (Lian et al. 2016, arXiv 1606.00498)."""

import torch
from torch import Tensor

from imprint.fleet.oracle import Oracle
from imprint.recipes.draw import Draw


def gradient(
    oracle: Oracle,
    weights: Tensor,
    draw: Draw,
    *,
    coordinates: int | None = None,
    step: float = 1e-3,
    difference: str = "central",
) -> tuple[Tensor, Tensor]:
    """Return the loss ``[R]`` and ``(P/k) (L(w + step e_i) - L(w - step e_i)) / (2 step)`` at k coordinates ``i``.

    The other coordinates of the estimate are 0. The factor ``P/k`` makes its expectation over the drawn coordinates
    that of all of them; it is 1 when all are taken. Central differences are exact for a quadratic loss, forward ones,
    ``(L(w + step e_i) - L(w)) / step``, for a linear one. The loss returned is that at ``weights``.

    Costs ``2k + 1`` forward passes (central) or ``k + 1`` (forward).

    Args:
        oracle: the batch.
        weights: ``[R, P]``.
        draw: each replica's own coordinates, new at every step.
        coordinates: ``k``, how many different coordinates are drawn; all of them when None.
        step: size of the difference, in units of the weights.
        difference: ``central`` or ``forward``.

    Raises:
        ValueError: for another difference, a step that is not positive, or a number of coordinates outside 1 to P.
    """
    count, columns = coordinates, weights.shape[1]
    if difference not in ("central", "forward"):
        raise ValueError(f"zeroth_order_coordinates: difference {difference!r} is not 'central' or 'forward'")
    if step <= 0:
        raise ValueError(f"zeroth_order_coordinates: step {step} is not positive")
    if count is not None and not 1 <= count <= columns:
        raise ValueError(f"zeroth_order_coordinates: coordinates {count} is not between 1 and the {columns} weights")
    loss = oracle.loss(weights)
    if count is None:
        chosen = torch.arange(columns, device=weights.device).expand(len(weights), -1)
    else:
        chosen = draw.choose(count)
    slopes = [_slope(oracle, weights, place.unsqueeze(1), step, loss, difference) for place in chosen.unbind(1)]
    estimate = torch.zeros_like(weights)
    estimate.scatter_(1, chosen, torch.stack(slopes, 1) * (columns / chosen.shape[1]))
    return loss, estimate


def _slope(oracle: Oracle, weights: Tensor, place: Tensor, step: float, loss: Tensor, difference: str) -> Tensor:
    """Return the difference quotient ``[R]`` along one coordinate of each replica, ``place`` ``[R, 1]``."""
    held = weights.gather(1, place)
    above = oracle.loss(weights.scatter(1, place, held + step))
    if difference == "forward":
        return (above - loss) / step
    return (above - oracle.loss(weights.scatter(1, place, held - step))) / (2 * step)

"""Low-rank factors: a weight as the product of a tall and a wide matrix."""

import torch
from torch import Tensor


def split(weight: Tensor, *, rank: int) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Return ``a = U s^(1/2)`` ``[R, m, r]`` and ``b = s^(1/2) V'`` ``[R, r, n]`` of ``W = U s V'``; nothing is fixed.

    ``r`` is ``rank``, at most ``min(m, n)``; with fewer than all singular values the product is the best approximation
    of that rank in the Frobenius norm (Eckart and Young 1936). The factors are balanced: ``a' a = b b'``. A weight of
    zeros has factors of zeros, which no gradient moves.

    Raises:
        ValueError: if the rank is less than 1.
    """
    if rank < 1:
        raise ValueError(f"low_rank: rank {rank} is less than 1")
    left, values, right = torch.linalg.svd(weight, full_matrices=False)
    root = values[:, :rank].sqrt()
    return {"a": left[:, :, :rank] * root.unsqueeze(1), "b": root.unsqueeze(2) * right[:, :rank]}, {}


def weight(parameters: dict[str, Tensor], fixed: dict[str, Tensor], *, rank: int) -> Tensor:
    """Return ``W = a b``, ``[R, m, n]``.

    Args:
        parameters: ``a`` ``[R, m, r]`` and ``b`` ``[R, r, n]``.
        fixed: nothing.
        rank: of the factors, as in :func:`split`.
    """
    return parameters["a"] @ parameters["b"]

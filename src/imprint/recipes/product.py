"""Matrix products of replicas; a replica's result does not depend on how many of them are stacked."""

from torch import Tensor
from torch.nn import functional


def product(left: Tensor, right: Tensor) -> Tensor:
    """Return ``A B`` ``[..., m, n]`` of ``[..., m, k]`` and ``[..., k, n]``.

    An axis of length 1 is padded with zeros to 2: with it the library multiplies a matrix by a vector, and the order of
    its sums then depends on how many matrices there are.
    """
    rows, inner, columns = *left.shape[-2:], right.shape[-1]
    if min(rows, inner, columns) > 1:
        return left @ right
    left = functional.pad(left, (0, inner == 1, 0, rows == 1))
    right = functional.pad(right, (0, columns == 1, 0, inner == 1))
    return (left @ right)[..., :rows, :columns]


def add_gram(total: Tensor, matrix: Tensor, keep: float, add: float) -> None:
    """Replace ``S`` by ``keep S + add A A'``; ``total`` ``[..., m, m]``, contiguous, and ``matrix`` ``[..., m, n]``."""
    if min(matrix.shape[-2:]) == 1:
        total.mul_(keep).add_(product(matrix, matrix.mT), alpha=add)
    else:
        stacked = matrix.reshape(-1, *matrix.shape[-2:])
        total.view(-1, *total.shape[-2:]).baddbmm_(stacked, stacked.mT, beta=keep, alpha=add)

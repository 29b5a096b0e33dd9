"""REG (Liu et al. 2025): momentum with balanced rows and columns in the place of Muon's orthogonalization."""

import math

import torch
from torch import Tensor
from torch.optim import Optimizer

NORMS = {1: 1, 2: 2, "max": math.inf}
SCHEMES = ("rows_first", "columns_first", "symmetric")


def scale_rows_and_columns(matrix: Tensor, norm: int | str, scheme: str, eps: float) -> Tensor:
    """Return ``D M E`` of ``[..., m, n]``: positive diagonal ``D`` and ``E`` balance the norms of rows and columns.

    ``rows_first`` divides each row by its ``norm`` and then each column by the norm it has by now; ``columns_first``
    the other way round; ``symmetric`` divides each element by the roots of the norms of its row and of its column.
    To every norm ``eps`` is added.
    """
    order = NORMS[norm]
    if scheme == "symmetric":
        rows, columns = (torch.linalg.vector_norm(matrix, order, dim=axis, keepdim=True) + eps for axis in (-1, -2))
        return matrix / (rows.sqrt() * columns.sqrt())
    for axis in (-1, -2) if scheme == "rows_first" else (-2, -1):
        matrix = matrix / (torch.linalg.vector_norm(matrix, order, dim=axis, keepdim=True) + eps)
    return matrix


class Reg(Optimizer):
    """``M <- beta M + (1-beta) G``; ``W <- W - lr sqrt(mn) X / ||X||_F`` with ``X = RACS(M)`` (arXiv 2510.03691).

    RACS is the row-and-column-scaling operator, :func:`scale_rows_and_columns`; ``lr`` is the root mean square of a
    step's elements (a constant such as 0.2, which brings a step to the size of Adam's, is part of ``lr``).

    Accounts of the paper agree on momentum without a second moment, on p-norms of rows and columns with ``p = 2`` the
    best, and on a step of fixed root mean square. They do not give the operator's formula: ``scheme`` makes it an
    option, by default the two divisions in the order of its name.

    Args:
        params: matrices ``[..., m, n]``; leading axes are replicas.
        lr: root mean square of a step's elements.
        momentum: ``beta``.
        norm: 1, 2 or ``max``.
        scheme: ``rows_first``, ``columns_first`` or ``symmetric``.
        eps: added to the norms.
    """

    def __init__(
        self,
        params,
        lr: float = 1e-3,
        momentum: float = 0.95,
        norm: int | str = 2,
        scheme: str = "rows_first",
        eps: float = 1e-8,
    ):
        if norm not in NORMS:
            raise ValueError(f"Reg: norm {norm!r} is not 1, 2 or 'max'")
        if scheme not in SCHEMES:
            raise ValueError(f"Reg: scheme {scheme!r} is not one of {', '.join(SCHEMES)}")
        super().__init__(params, {"lr": lr, "momentum": momentum, "norm": norm, "scheme": scheme, "eps": eps})

    @torch.no_grad()
    def step(self, closure=None) -> None:
        """Make one step on every matrix."""
        for group in self.param_groups:
            for p in group["params"]:
                state = self.state[p]
                if not state:
                    state["momentum"] = torch.zeros_like(p, memory_format=torch.contiguous_format)
                momentum = state["momentum"].mul_(group["momentum"]).add_(p.grad, alpha=1 - group["momentum"])
                scaled = scale_rows_and_columns(momentum, group["norm"], group["scheme"], group["eps"])
                length = torch.linalg.matrix_norm(scaled, keepdim=True).clamp_min(1e-30)
                p.add_(scaled / length, alpha=-group["lr"] * math.sqrt(p.shape[-2] * p.shape[-1]))

"""COSMOS (Liu et al. 2025): SOAP in the leading eigenspace of the gradients, Muon in the rest."""

import math

import torch
from torch import Tensor
from torch.optim import Optimizer

from imprint.recipes.update.muon import orthogonalize


def leading_vectors(matrix: Tensor, rank: int) -> Tensor:
    """Return the first left singular vectors ``[..., m, rank]`` of ``[..., m, n]``, ``m <= n``; NaN if not finite.

    They are the leading eigenvectors of ``GG'``, without the accuracy that forming ``GG'`` would cost.
    """
    finite = torch.isfinite(matrix).all(-1).all(-1)[..., None, None]
    left, _, _ = torch.linalg.svd(torch.where(finite, matrix, 0.0), full_matrices=False)
    return torch.where(finite, left[..., :rank], torch.nan)


def unit(matrix: Tensor) -> Tensor:
    """Return ``[..., m, n]`` at Frobenius norm 1; zero stays zero."""
    return matrix / torch.linalg.matrix_norm(matrix, keepdim=True).clamp_min(1e-30)


def remainder(matrix: Tensor, part: Tensor) -> Tensor:
    """Return ``matrix - part`` for a projection ``part`` of ``matrix``, ``[..., m, n]``; 0 where it is only rounding.

    Rounding means a Frobenius norm of at most ``8 sqrt(m) eps`` times the matrix's.
    """
    rest = matrix - part
    rounding = 8 * math.sqrt(matrix.shape[-2]) * torch.finfo(matrix.dtype).eps
    norms = torch.linalg.matrix_norm(rest, keepdim=True), torch.linalg.matrix_norm(matrix, keepdim=True)
    return torch.where(norms[0] <= rounding * norms[1], 0.0, rest)


class Cosmos(Optimizer):
    """``W <- W - lr sqrt(mn) U(A + ratio sqrt(mn) U(NS(U(M - PP'M))))``, ``U(X) = X / ||X||_F`` (arXiv 2502.17410).

    ``M <- b1 M + (1-b1) G``. The orthonormal columns of ``P [m, r]`` follow the leading eigenspace of the average of
    ``GG'`` by one power step: ``Q = QR(b3 PS + (1-b3) GG'P)``, ``T = P'Q``, ``S <- b3 T'ST + (1-b3) Q'GG'Q``,
    ``P <- Q``. They begin at the leading eigenvectors of the first ``GG'``, with ``S = (1-b3) P'GG'P``. In that basis
    Adam's second moment is ``V <- b2 V + (1-b2) (P'G)^2``, and ``A = P (P'M / (sqrt(V / (1-b2^t)) + eps)) / (1-b1^t)``.

    ``rank`` dials from Muon (0: ``A`` is absent) to one-sided SOAP (``min(m, n)``: nothing remains for Muon).

    The authors' two files differ; this is their COSMOS.py with these choices:

    - its outer factor ``lr_ratio`` is folded into ``lr``, so that ``lr`` is the root mean square of a step's elements;
      the inner one changes the direction and stays, as ``ratio``;
    - ``P`` and ``S`` are kept from step to step, as in their COSMOS_optim.py (COSMOS.py keeps only the first ``P``);
    - ``P`` lies on the smaller side of the matrix (COSMOS.py: on the left one, COSMOS_optim.py: on the right one), so
      that the largest rank leaves no remainder;
    - a remainder that is only rounding counts as 0, where normalizing would make it a full step.

    Args:
        params: matrices ``[..., m, n]``; leading axes are replicas.
        lr: root mean square of a step's elements.
        rank: columns of ``P``; more than ``min(m, n)`` means ``min(m, n)``.
        ratio: weight of the remainder's part.
        beta1: memory of ``M``.
        beta2: memory of ``V``.
        beta3: memory of the average of ``GG'``.
        eps: added to the root of ``V``.
        ns_steps: Newton-Schulz iterations, in the parameters' precision.
    """

    def __init__(
        self,
        params,
        lr: float = 1e-3,
        rank: int = 64,
        ratio: float = 0.1,
        beta1: float = 0.9,
        beta2: float = 0.95,
        beta3: float = 0.95,
        eps: float = 1e-8,
        ns_steps: int = 5,
    ):
        if rank < 0:
            raise ValueError(f"Cosmos: rank {rank} is negative; 0 is Muon, min(m, n) is one-sided SOAP")
        super().__init__(
            params,
            {
                "lr": lr,
                "rank": rank,
                "ratio": ratio,
                "beta1": beta1,
                "beta2": beta2,
                "beta3": beta3,
                "eps": eps,
                "ns_steps": ns_steps,
            },
        )

    @torch.no_grad()
    def step(self, closure=None) -> None:
        """Make one step on every matrix."""
        for group in self.param_groups:
            for p in group["params"]:
                tall = p.shape[-2] > p.shape[-1]
                direction = self._direction(p.grad.mT if tall else p.grad, self.state[p], group)
                size = math.sqrt(p.shape[-2] * p.shape[-1])
                p.add_(unit(direction.mT if tall else direction), alpha=-group["lr"] * size)

    def _direction(self, gradient: Tensor, state: dict, group: dict) -> Tensor:
        rows, columns = gradient.shape[-2:]
        rank = min(group["rank"], rows)
        if not state:
            state["step"] = 0
            state["momentum"] = torch.zeros_like(gradient, memory_format=torch.contiguous_format)
        state["step"] += 1
        momentum = state["momentum"].mul_(group["beta1"]).add_(gradient, alpha=1 - group["beta1"])
        weight = group["ratio"] * math.sqrt(rows * columns)
        if rank == 0:
            return weight * unit(orthogonalize(unit(momentum), group["ns_steps"]))
        self._follow(gradient, state, rank, group["beta3"])
        basis = state["basis"]
        inside = basis.mT @ momentum
        direction = basis @ self._adam(inside, basis.mT @ gradient, state, group)
        if rank < rows:
            rest = remainder(momentum, basis @ inside)
            direction = direction + weight * unit(orthogonalize(unit(rest), group["ns_steps"]))
        return direction

    @staticmethod
    def _follow(gradient: Tensor, state: dict, rank: int, beta3: float) -> None:
        if "basis" not in state:
            basis = leading_vectors(gradient, rank)
            kept = gradient.new_zeros(*gradient.shape[:-2], rank, rank)
        else:
            old, spectrum = state["basis"], state["spectrum"]
            power = beta3 * old @ spectrum + (1 - beta3) * gradient @ (gradient.mT @ old)
            basis, _ = torch.linalg.qr(power)
            turn = old.mT @ basis
            kept = beta3 * turn.mT @ spectrum @ turn
        inside = basis.mT @ gradient
        state["basis"], state["spectrum"] = basis, kept + (1 - beta3) * inside @ inside.mT

    @staticmethod
    def _adam(first: Tensor, gradient: Tensor, state: dict, group: dict) -> Tensor:
        if "second" not in state:
            state["second"] = torch.zeros_like(gradient)
        second = state["second"].mul_(group["beta2"]).addcmul_(gradient, gradient, value=1 - group["beta2"])
        root = (second / (1 - group["beta2"] ** state["step"])).sqrt() + group["eps"]
        return first / (1 - group["beta1"] ** state["step"]) / root

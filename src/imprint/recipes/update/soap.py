"""SOAP (Vyas et al. 2024): Adam in the eigenbasis of Shampoo's factors, batched over replicas."""

import torch
from torch import Tensor
from torch.optim import Optimizer

from imprint.recipes.product import add_gram, product
from imprint.recipes.update.shampoo import eigenvectors


def turned(matrix: Tensor, left: Tensor, right: Tensor) -> Tensor:
    """Return ``P A Q'`` of ``[..., m, n]``, ``[..., m, m]`` and ``[..., n, n]``."""
    return product(product(left, matrix), right.mT)


def rows_in_order(matrix: Tensor, order: Tensor) -> Tensor:
    """Return ``[..., m, n]`` with row ``order[i]`` in place ``i``, ``[..., m]``."""
    first = torch.arange(0, order.numel(), order.shape[-1], device=order.device)
    rows = order.reshape(-1, order.shape[-1]) + first.unsqueeze(1)
    return matrix.reshape(-1, matrix.shape[-1]).index_select(0, rows.flatten()).view_as(matrix)


def power_iteration(factor: Tensor, basis: Tensor) -> tuple[Tensor, Tensor]:
    """Return an orthonormal basis nearer to the eigenvectors of ``S``, and where its vectors come from.

    The vectors ``S q`` are ordered by their Rayleigh quotients ``q' S q``, the largest first, and orthonormalized in
    that order (QR).

    Args:
        factor: ``S``, symmetric, ``[..., m, m]``.
        basis: orthonormal rows ``q``, ``[..., m, m]``.

    Returns:
        The basis ``[..., m, m]`` and the order ``[..., m]``: row ``i`` began as row ``order[i]``.
    """
    power = product(basis, factor)
    order = (basis * power).sum(-1).argsort(stable=True, dim=-1, descending=True)
    columns, _ = torch.linalg.qr(rows_in_order(power, order).mT)
    # the library returns columns that lie one after another, so this copies nothing; where it does not, the layout of
    # a basis must still not depend on who else is stacked
    return columns.mT.contiguous(), order


class Soap(Optimizer):
    """``W <- W - lr_t * P'NQ``, ``N = M / (sqrt(V) + eps)``: Adam in the bases ``P``, ``Q`` (arXiv 2409.11321).

    ``L <- b3 L + (1-b3) GG'`` and ``R <- b3 R + (1-b3) G'G`` begin with the first gradient; their eigenvectors are the
    first rows of ``P`` and ``Q``, and that step moves nothing. From then on, with ``H = PGQ'``,
    ``M <- b1 M + (1-b1) H`` and ``V <- b2 V + (1-b2) H^2`` give the step, and then ``G`` enters ``L`` and ``R``. Every
    ``precondition_frequency`` steps one power iteration with a QR renews ``P`` and ``Q``: ``M`` is turned into the new
    bases, ``V`` keeps its numbers in the new order of the vectors.

    This is the paper's algorithm as its authors' code has it (both sides; eigenvectors once, then QR; the first step
    is skipped). ``M`` is kept in the bases and turned with them, which is an average of ``G`` kept outside of them. It
    differs from ``pytorch_optimizer``'s SOAP in this:

    - the QR runs in the parameters' precision, not always in float32;
    - every parameter is a matrix and both of its sides have a basis: no axes are merged, vectors have no bases, no
      axis is too long for one (``merge_dims``, ``precondition_1d``, ``max_precondition_dim``, ``data_format``);
    - decay of the weights is another part of a recipe.

    Args:
        params: matrices ``[..., m, n]``; leading axes are replicas.
        lr: learning rate; the step has ``lr_t = lr sqrt(1 - b2^t) / (1 - b1^t)``, ``t`` counts from the second one.
        betas: ``(b1, b2)``, memory of ``M`` and ``V``.
        shampoo_beta: ``b3``, memory of ``L`` and ``R``; None means ``b2``.
        eps: added to the root of ``V``.
        precondition_frequency: steps between two power iterations.
        correct_bias: False means ``lr_t = lr``.
        normalize_gradient: divide ``P'NQ`` by the root mean square of its elements (plus ``eps``).

    Raises:
        ValueError: if a memory is not in [0, 1), or ``precondition_frequency`` is below 1.
    """

    def __init__(
        self,
        params,
        lr: float = 3e-3,
        betas: tuple[float, float] = (0.95, 0.95),
        shampoo_beta: float | None = None,
        eps: float = 1e-8,
        precondition_frequency: int = 10,
        correct_bias: bool = True,
        normalize_gradient: bool = False,
    ):
        for memory in (*betas, betas[1] if shampoo_beta is None else shampoo_beta):
            if not 0 <= memory < 1:
                raise ValueError(f"Soap: a memory of {memory} is not in [0, 1); see betas and shampoo_beta")
        if precondition_frequency < 1:
            raise ValueError(f"Soap: precondition_frequency {precondition_frequency} is below 1 step")
        super().__init__(
            params,
            {
                "lr": lr,
                "betas": betas,
                "shampoo_beta": shampoo_beta,
                "eps": eps,
                "precondition_frequency": precondition_frequency,
                "correct_bias": correct_bias,
                "normalize_gradient": normalize_gradient,
            },
        )

    @torch.no_grad()
    def step(self, closure=None) -> None:
        """Make one step on every matrix."""
        for group in self.param_groups:
            for p in group["params"]:
                state = self.state[p]
                if not state:
                    self._begin(p, state, group)
                    continue
                state["step"] += 1
                p.add_(self._direction(p.grad, state, group), alpha=-self._rate(state["step"], group))
                self._accumulate(p.grad, state, group)
                if state["step"] % group["precondition_frequency"] == 0:
                    self._renew(state)

    def _begin(self, p: Tensor, state: dict, group: dict) -> None:
        rows, columns = p.shape[-2:]
        state["step"] = 0
        state["first"] = torch.zeros_like(p, memory_format=torch.contiguous_format)
        state["second"] = torch.zeros_like(state["first"])
        state["left"] = p.new_zeros(*p.shape[:-2], rows, rows)
        state["right"] = p.new_zeros(*p.shape[:-2], columns, columns)
        self._accumulate(p.grad, state, group)
        for side in ("left", "right"):
            state[f"{side}_basis"] = eigenvectors(state[side])[1].mT.flip(-2).contiguous()

    @staticmethod
    def _accumulate(gradient: Tensor, state: dict, group: dict) -> None:
        memory = group["betas"][1] if group["shampoo_beta"] is None else group["shampoo_beta"]
        add_gram(state["left"], gradient, memory, 1 - memory)
        add_gram(state["right"], gradient.mT, memory, 1 - memory)

    @staticmethod
    def _rate(step: int, group: dict) -> float:
        if not group["correct_bias"]:
            return group["lr"]
        beta1, beta2 = group["betas"]
        return group["lr"] * (1 - beta2**step) ** 0.5 / (1 - beta1**step)

    @staticmethod
    def _direction(gradient: Tensor, state: dict, group: dict) -> Tensor:
        beta1, beta2 = group["betas"]
        left, right = state["left_basis"], state["right_basis"]
        seen = turned(gradient, left, right)
        first = state["first"].lerp_(seen, 1 - beta1)
        second = state["second"].lerp_(seen.square_(), 1 - beta2)
        root = second.sqrt().add_(group["eps"])
        direction = turned(torch.div(first, root, out=root), left.mT, right.mT)
        if group["normalize_gradient"]:
            direction /= direction.square().mean((-2, -1), keepdim=True).sqrt_().add_(group["eps"])
        return direction

    @staticmethod
    def _renew(state: dict) -> None:
        old = state["left_basis"], state["right_basis"]
        (left, rows), (right, columns) = (
            power_iteration(state[side], basis) for side, basis in zip(("left", "right"), old, strict=True)
        )
        state["first"] = turned(state["first"], product(left, old[0].mT), product(right, old[1].mT))
        second = rows_in_order(state["second"], rows)
        state["second"] = second.gather(-1, columns.unsqueeze(-2).expand_as(second))
        state["left_basis"], state["right_basis"] = left, right

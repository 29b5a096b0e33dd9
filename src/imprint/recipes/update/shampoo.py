"""Shampoo (Gupta, Koren and Singer 2018), its variants declared, batched over replicas."""

import contextlib

import torch
from torch import Tensor
from torch.optim import Optimizer

from imprint.recipes.product import add_gram, product


def eigenvectors(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Return eigenvalues ``[..., n]``, ascending, and eigenvectors of symmetric ``[..., n, n]``; NaN if not finite."""
    finite = torch.isfinite(matrix.abs().amax((-2, -1), keepdim=True))
    identity = torch.eye(matrix.shape[-1], dtype=matrix.dtype, device=matrix.device)
    usable = torch.where(finite, matrix, identity)
    try:
        values, vectors = torch.linalg.eigh(usable)
    except torch.linalg.LinAlgError:
        values, vectors = _one_by_one(usable)
    return values.masked_fill_(~finite.squeeze(-1), torch.nan), vectors.masked_fill_(~finite, torch.nan)


def _one_by_one(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Return what eigh does, in double precision for a matrix on which it does not converge; NaN if that fails too.

    In single precision it can fail on benign matrices, such as those with rows of zeros.
    """
    stacked = matrix.reshape(-1, *matrix.shape[-2:])
    values, vectors = torch.full_like(stacked[..., 0], torch.nan), torch.full_like(stacked, torch.nan)
    for row, one in enumerate(stacked):
        for precision in (matrix.dtype, torch.float64):
            with contextlib.suppress(torch.linalg.LinAlgError):
                values[row], vectors[row] = torch.linalg.eigh(one.to(precision))
                break
    return values.view(matrix.shape[:-1]), vectors.view(matrix.shape)


def inverse_root(matrix: Tensor, power: float, eps: float) -> Tensor:
    """Return ``(A + eps I)^-power`` of positive semidefinite ``A`` ``[..., n, n]``; NaN where it is not finite."""
    values, vectors = eigenvectors(matrix)
    # not `pow`: its result for an element depends on the element's place in the tensor
    roots = torch.exp(-power * torch.log(values.clamp_min(0) + eps))
    return product(vectors * roots.unsqueeze(-2), vectors.mT)


class Shampoo(Optimizer):
    """``L <- b L + (1-b) G G'``, ``R <- b R + (1-b) G'G``; ``W <- W - lr * L^-p M R^-p``.

    Args:
        params: matrices ``[..., m, n]``; leading axes are replicas.
        lr: learning rate.
        momentum: ``M <- momentum M + G``.
        accumulation: ``sum`` (the paper's: ``L <- L + GG'``) or ``average`` (exponential, bias-corrected).
        beta2: memory of the average.
        exponent: ``p``; the paper's 1/4 for matrices.
        eps: added to the eigenvalues of ``L`` and ``R``.
        refresh: steps between two computations of the roots.
        graft: ``none``, or ``adam``: the step takes the Frobenius norm of Adam's step (beta1 0.9, ``beta2``).
    """

    def __init__(
        self,
        params,
        lr: float = 1e-2,
        momentum: float = 0.9,
        accumulation: str = "average",
        beta2: float = 0.99,
        exponent: float = 0.25,
        eps: float = 1e-6,
        refresh: int = 1,
        graft: str = "none",
    ):
        if accumulation not in ("sum", "average"):
            raise ValueError(f"Shampoo: accumulation {accumulation!r} is not 'sum' or 'average'")
        if graft not in ("none", "adam"):
            raise ValueError(f"Shampoo: graft {graft!r} is not 'none' or 'adam'")
        super().__init__(
            params,
            {
                "lr": lr,
                "momentum": momentum,
                "accumulation": accumulation,
                "beta2": beta2,
                "exponent": exponent,
                "eps": eps,
                "refresh": refresh,
                "graft": graft,
            },
        )

    @torch.no_grad()
    def step(self, closure=None) -> None:
        """Make one step on every matrix."""
        for group in self.param_groups:
            for p in group["params"]:
                state = self.state[p]
                if not state:
                    self._begin(p, state)
                state["step"] += 1
                self._accumulate(p.grad, state, group)
                momentum = torch.add(p.grad, state["momentum"], alpha=group["momentum"], out=state["momentum"])
                direction = product(product(state["left_root"], momentum), state["right_root"])
                if group["graft"] == "adam":
                    direction *= self._graft(p.grad, direction, state, group["beta2"])
                p.add_(direction, alpha=-group["lr"])

    @staticmethod
    def _begin(p: Tensor, state: dict) -> None:
        rows, columns = p.shape[-2:]
        state["step"] = 0
        state["momentum"] = torch.zeros_like(p, memory_format=torch.contiguous_format)
        state["left"] = p.new_zeros(*p.shape[:-2], rows, rows)
        state["right"] = p.new_zeros(*p.shape[:-2], columns, columns)

    @staticmethod
    def _accumulate(gradient: Tensor, state: dict, group: dict) -> None:
        average = group["accumulation"] == "average"
        keep, add = (group["beta2"], 1 - group["beta2"]) if average else (1.0, 1.0)
        add_gram(state["left"], gradient, keep, add)
        add_gram(state["right"], gradient.mT, keep, add)
        if (state["step"] - 1) % group["refresh"] == 0:
            correction = 1 - group["beta2"] ** state["step"] if average else 1.0
            for side in ("left", "right"):
                state[f"{side}_root"] = inverse_root(state[side] / correction, group["exponent"], group["eps"])

    @staticmethod
    def _graft(gradient: Tensor, direction: Tensor, state: dict, beta2: float) -> Tensor:
        if "first" not in state:
            state["first"], state["second"] = torch.zeros_like(direction), torch.zeros_like(direction)
        first = state["first"].lerp_(gradient, 0.1)
        second = state["second"].mul_(beta2).addcmul_(gradient, gradient, value=1 - beta2)
        root = (second / (1 - beta2 ** state["step"])).sqrt_().add_(1e-8)
        adam = torch.linalg.matrix_norm(torch.div(first, root, out=root), keepdim=True) / (1 - 0.9 ** state["step"])
        return adam / torch.linalg.matrix_norm(direction, keepdim=True).clamp_min(1e-30)

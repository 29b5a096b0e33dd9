"""Muon (Jordan et al. 2024): momentum, orthogonalized by Newton-Schulz iterations, batched over replicas."""

import torch
from torch import Tensor
from torch.optim import Optimizer

COEFFICIENTS = (
    3.4445,
    -4.7750,
    2.0315,
)  # the quintic of the reference implementation, kellerjordan.github.io/posts/muon


def orthogonalize(matrix: Tensor, steps: int) -> Tensor:
    """Return nearly ``U V'`` of ``[..., m, n]``: singular values are sent into about [0.7, 1.2].

    The quintic ``a X + b (XX')X + c (XX')^2 X`` is iterated from ``X / ||X||_F`` in the parameters' own precision
    (``torch.optim.Muon`` iterates in bfloat16).
    """
    a, b, c = COEFFICIENTS
    tall = matrix.shape[-2] > matrix.shape[-1]
    x = (matrix.mT if tall else matrix).reshape(-1, min(matrix.shape[-2:]), max(matrix.shape[-2:]))
    x = x / (torch.linalg.matrix_norm(x, keepdim=True) + 1e-7)
    for _ in range(steps):
        gram = torch.bmm(x, x.mT)
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return (x.mT if tall else x).reshape(matrix.shape)


class Muon(Optimizer):
    """``M <- beta M + G``; ``W <- W - lr * scale * NS(beta M + G)`` (Nesterov), ``scale = sqrt(max(1, m / n))``.

    Parameters are matrices ``[..., m, n]``; leading axes are replicas.
    """

    def __init__(self, params, lr: float = 0.02, momentum: float = 0.95, nesterov: bool = True, ns_steps: int = 5):
        super().__init__(params, {"lr": lr, "momentum": momentum, "nesterov": nesterov, "ns_steps": ns_steps})

    @torch.no_grad()
    def step(self, closure=None) -> None:
        """Make one step on every matrix."""
        for group in self.param_groups:
            for p in group["params"]:
                state = self.state[p]
                if not state:
                    state["momentum"] = torch.zeros_like(p, memory_format=torch.contiguous_format)
                momentum = state["momentum"].mul_(group["momentum"]).add_(p.grad)
                direction = p.grad + group["momentum"] * momentum if group["nesterov"] else momentum
                rows, columns = p.shape[-2:]
                scale = max(1.0, rows / columns) ** 0.5
                p.add_(orthogonalize(direction, group["ns_steps"]), alpha=-group["lr"] * scale)

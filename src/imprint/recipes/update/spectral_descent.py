"""Spectral descent: steepest descent in the spectral norm of each matrix, by the exact singular value decomposition."""

import torch
from torch import Tensor
from torch.optim import Optimizer


def polar_factor(matrix: Tensor) -> Tensor:
    """Return ``U V'`` of the singular value decomposition of ``[..., m, n]``, above rounding."""
    left, values, right = torch.linalg.svd(matrix, full_matrices=False)
    tolerance = values[..., :1] * max(matrix.shape[-2:]) * torch.finfo(matrix.dtype).eps
    return (left * (values > tolerance).to(matrix.dtype).unsqueeze(-2)) @ right


class SpectralDescent(Optimizer):
    """``W <- W - lr * U V'`` for every matrix, batched over leading axes; the limit that Muon approximates."""

    def __init__(self, params, lr: float = 1e-3):
        super().__init__(params, {"lr": lr})

    @torch.no_grad()
    def step(self, closure=None) -> None:
        """Make one step on every matrix."""
        for group in self.param_groups:
            for p in group["params"]:
                p.add_(polar_factor(p.grad), alpha=-group["lr"])

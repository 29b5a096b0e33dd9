"""Normalized gradient descent: steepest descent in the Euclidean norm of all parameters together."""

import torch
from torch.optim import Optimizer


class NormalizedDescent(Optimizer):
    """``w <- w - lr * g / ||g||``, with the norm over all parameters of a replica; no step where the gradient is 0."""

    def __init__(self, params, lr: float = 1e-3):
        super().__init__(params, {"lr": lr})

    @torch.no_grad()
    def step(self, closure=None) -> None:
        """Make one step on all parameters."""
        gradients = [p.grad for group in self.param_groups for p in group["params"]]
        norm = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(g) for g in gradients]))
        scale = torch.where(norm > 0, norm, torch.ones_like(norm)).reciprocal()
        for group in self.param_groups:
            for p in group["params"]:
                p.sub_(group["lr"] * scale * p.grad)

"""Sign descent: steepest descent in the max norm."""

import torch
from torch.optim import Optimizer


class SignDescent(Optimizer):
    """``w <- w - lr * sign(g)``; equals Adam with ``beta1 = beta2 = 0`` and ``eps -> 0``."""

    def __init__(self, params, lr: float = 1e-3):
        super().__init__(params, {"lr": lr})

    @torch.no_grad()
    def step(self, closure=None) -> None:
        """Make one step on every parameter that has a gradient."""
        for group in self.param_groups:
            for p in group["params"]:
                p.add_(p.grad.sign(), alpha=-group["lr"])

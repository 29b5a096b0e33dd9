"""Gradient descent that fails where a file named `fault` in the working folder says how and when: `raise 7`."""

from pathlib import Path

import torch

FAULT = Path("fault")
LEAK = 2**28


class Hers(torch.optim.Optimizer):
    """Plain gradient descent; from step `nan_at` on, if that is not negative, weights are NaN."""

    def __init__(self, params, lr=0.1, nan_at=-1):
        super().__init__(params, {"lr": lr, "nan_at": nan_at})
        self.steps = 0
        self.leaked = []

    @torch.no_grad()
    def step(self, closure=None):
        """Make a step."""
        self.steps += 1
        fault, _, step = FAULT.read_text().partition(" ") if FAULT.exists() else ("", "", "")
        fault = fault if fault and self.steps >= int(step) else ""
        if fault == "raise":
            raise RuntimeError("her optimizer gave up")
        if fault == "leak":
            self.leaked.append(torch.empty(LEAK))
        for group in self.param_groups:
            for weight in group["params"]:
                weight.sub_(group["lr"] * weight.grad)
                if 0 <= group["nan_at"] < self.steps:
                    weight.fill_(torch.nan)

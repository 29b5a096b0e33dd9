"""Entropy-SGD (Chaudhari et al. 2017): gradient descent on the local entropy, by Langevin steps around the weights."""

import math

import torch
from torch.optim import Optimizer


class EntropySgd(Optimizer):
    """``w <- w - outer (w - mu)``, where ``mu`` averages ``inner`` Langevin steps around ``w`` (arXiv 1611.01838).

    A step is one Langevin step, with one gradient ``g``, taken at the inner iterate ``x`` that the parameter holds:
    ``x <- x - lr (g - gamma (w - x)) + sqrt(lr) noise N(0, 1)``; ``mu <- (1 - alpha) mu + alpha x``. After ``inner``
    of them ``w`` moves, and ``x`` and ``mu`` begin anew at ``w``. ``eval`` puts ``w`` into the parameter, ``train``
    puts ``x`` back. Noise is drawn from the global generator: one instance per network.

    This is the paper's algorithm 1, plain: no momentum in either loop. Its outer rate times gamma is one number here,
    ``outer``, as in the authors' code. That code weighs the old ``mu`` by 0.75, which is ``alpha = 0.25``, and draws
    noise larger by the root of 2. ``gamma`` grows by the factor ``1 + scoping`` with every move of ``w``.

    Args:
        params: tensors of any shape.
        lr: rate of the inner loop (the paper's eta').
        gamma: scope; the inner iterate is drawn to ``w`` with this strength.
        scoping: growth of ``gamma`` per move of ``w``.
        inner: inner steps per move of ``w`` (the paper's L).
        noise: standard deviation of the noise before ``sqrt(lr)`` (the paper's epsilon).
        alpha: weight of the newest iterate in ``mu``.
        outer: part of the way from ``w`` to ``mu`` that a move goes (the paper's eta gamma).
    """

    def __init__(
        self,
        params,
        lr: float = 0.1,
        gamma: float = 1e-4,
        scoping: float = 1e-3,
        inner: int = 20,
        noise: float = 1e-4,
        alpha: float = 0.25,
        outer: float = 1.0,
    ):
        if inner < 1:
            raise ValueError(f"EntropySgd: inner {inner} is not at least 1")
        super().__init__(
            params,
            {
                "lr": lr,
                "gamma": gamma,
                "scoping": scoping,
                "inner": inner,
                "noise": noise,
                "alpha": alpha,
                "outer": outer,
            },
        )

    @torch.no_grad()
    def step(self, closure=None) -> None:
        """Make one inner step and, where it was the last one, move the weights.

        Raises:
            RuntimeError: after :meth:`eval`, before :meth:`train`.
        """
        for group in self.param_groups:
            for p in group["params"]:
                state = self.state[p]
                if not state:
                    state["step"], state["weights"], state["mean"] = 0, p.clone(), p.clone()
                if "iterate" in state:
                    raise RuntimeError("EntropySgd: step() after eval(); call train() to go on from the inner iterate")
                weights, mean = state["weights"], state["mean"]
                gamma = group["gamma"] * (1 + group["scoping"]) ** (state["step"] // group["inner"])
                p.sub_(group["lr"] * (p.grad - gamma * (weights - p)))
                if group["noise"]:
                    p.add_(torch.randn_like(p), alpha=math.sqrt(group["lr"]) * group["noise"])
                mean.mul_(1 - group["alpha"]).add_(p, alpha=group["alpha"])
                state["step"] += 1
                if state["step"] % group["inner"] == 0:
                    weights.sub_(group["outer"] * (weights - mean))
                    mean.copy_(weights)
                    p.copy_(weights)

    @torch.no_grad()
    def eval(self) -> None:
        """Put the outer weights into the parameters."""
        for p, state in self.state.items():
            if "iterate" not in state:
                state["iterate"] = p.clone()
                p.copy_(state["weights"])

    @torch.no_grad()
    def train(self) -> None:
        """Put the inner iterates back into the parameters, as they were."""
        for p, state in self.state.items():
            if "iterate" in state:
                p.copy_(state.pop("iterate"))

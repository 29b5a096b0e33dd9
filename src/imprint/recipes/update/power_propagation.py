"""Powerpropagation (Schwarz et al. 2021) as an optimizer of the weights themselves."""

import torch
from torch import Tensor
from torch.optim import Optimizer


def power(base: Tensor, exponent: float) -> Tensor:
    """Return ``base^exponent`` of nonnegative elements, for a positive exponent."""
    # not `pow`: its result for an element depends on the element's place in the tensor
    return torch.exp(exponent * torch.log(base))


class PowerPropagation(Optimizer):
    """Gradient descent on ``phi`` in ``w = phi |phi|^(alpha-1)``, written on ``w`` (arXiv 2110.00296).

    ``phi = sign(w) |w|^(1/alpha)``; ``phi <- phi - lr alpha |phi|^(alpha-1) g``; ``w <- phi |phi|^(alpha-1)``, with the
    gradient ``g`` by ``w``. ``alpha = 1`` is gradient descent, bit for bit. For ``alpha > 1`` a weight of 0 stays 0,
    as in the reparametrized network: tensors that begin at zero need a plain update.

    Elementwise, without state: ``phi`` is computed anew from ``w``, so that whatever else changes ``w`` (decay, a
    restart) is taken up.

    Args:
        params: tensors of any shape.
        lr: learning rate of ``phi``.
        alpha: exponent, at least 1; the paper uses 1 to 5.
    """

    def __init__(self, params, lr: float = 0.1, alpha: float = 2.0):
        if alpha < 1:
            raise ValueError(f"PowerPropagation: alpha {alpha} is less than 1, which is gradient descent")
        super().__init__(params, {"lr": lr, "alpha": alpha})

    @torch.no_grad()
    def step(self, closure=None) -> None:
        """Make one step on every parameter."""
        for group in self.param_groups:
            lr, alpha = group["lr"], group["alpha"]
            for p in group["params"]:
                if alpha == 1:
                    p.add_(p.grad, alpha=-lr)
                    continue
                size = p.abs()
                slope = alpha * power(size, 1 - 1 / alpha)
                phi = torch.copysign(power(size, 1 / alpha), p) - lr * slope * p.grad
                p.copy_(phi * power(phi.abs(), alpha - 1))

"""Adversarial weight perturbation (Wu et al. 2020, arXiv 2004.05884), in one step."""

import torch
from torch import Tensor

from imprint.fleet.layout import Layout
from imprint.recipes.unit import norm, unit


def perturb(weights: Tensor, gradient: Tensor, layout: Layout, *, gamma: float = 0.01) -> Tensor:
    """Return ``w_l + gamma ||w_l|| g_l / ||g_l||`` for each weight tensor ``l``.

    Where a tensor or its gradient is 0 it stays. The inputs are the batch's own: only the weights are attacked. The
    authors' code leaves tensors of one axis alone; here each tensor moves, as in the paper's formula.

    Args:
        weights: ``[R, P]``.
        gradient: at the weights, ``[R, P]``.
        layout: of the weights.
        gamma: length of the step, relative to the tensor's norm.
    """
    pairs = zip(weights.split(layout.sizes, dim=1), gradient.split(layout.sizes, dim=1), strict=True)
    return weights + torch.cat([gamma * norm(w) * unit(g) for w, g in pairs], dim=1)

"""Adaptive sharpness-aware minimization (Kwon et al. 2021, arXiv 2102.11600)."""

from torch import Tensor

from imprint.recipes.unit import unit


def perturb(weights: Tensor, gradient: Tensor, *, rho: float = 0.5, eta: float = 0.01) -> Tensor:
    """Return ``w + rho T^2 g / ||T g||`` with ``T = diag(|w| + eta)``.

    The norm is over all weights of a replica; where the gradient is 0 the weights stay. This is the paper's elementwise
    operator on every weight; the authors' code leaves biases out of it (``T = 1`` there).

    Args:
        weights: ``[R, P]``.
        gradient: at the weights, ``[R, P]``.
        rho: length of the step, relative to the weights.
        eta: added to the weights' sizes, so that small ones move too.
    """
    scale = weights.abs() + eta
    return weights + rho * scale * unit(scale * gradient)

"""Sharpness-aware minimization (Foret et al. 2021, arXiv 2010.01412), normalized or not."""

from torch import Tensor

from imprint.recipes.unit import unit


def perturb(weights: Tensor, gradient: Tensor, *, rho: float = 0.05, normalize: bool = True) -> Tensor:
    """Return ``w + rho g / ||g||``, or ``w + rho g`` if not normalized.

    The norm is over all weights of a replica; where the gradient is 0 the weights stay. The unnormalized step is the
    one that Andriushchenko and Flammarion analyse (2022, arXiv 2206.06232).

    Args:
        weights: ``[R, P]``.
        gradient: at the weights, ``[R, P]``.
        rho: length of the step, in units of the weights; if not normalized, its factor.
        normalize: whether the step has the same length everywhere.
    """
    return weights + rho * (unit(gradient) if normalize else gradient)

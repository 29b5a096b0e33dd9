"""Second-order regression: outputs quadratic in the parameters, with coefficients that the example gives."""

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from imprint.recipes.product import product

EXECUTOR = {"cpu": "stacked", "cuda": "stacked"}


class SecondOrder(nn.Module):
    """``f(x) = b + <j, w> + w' Q w / 2`` of an example ``x = (b, j, Q row by row)``, Q symmetric."""

    def __init__(self, parameters: int):
        super().__init__()
        self.initial_scale = 0.0
        self.layer = nn.Linear(parameters, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map inputs ``[N, 1 + P + P P]`` to outputs ``[N, 1]``."""
        return stacked(self, {"layer.weight": self.layer.weight.unsqueeze(0)}, x)[0][0]


def build(*, inputs: int, classes: int) -> SecondOrder:
    """Return the module (Agarwala et al. 2023, arXiv 2210.04860), with all parameters 0 where training starts.

    Args:
        inputs: ``1 + P + P^2`` for P parameters.
        classes: 1, the one output.

    Raises:
        ValueError: for other numbers of inputs or outputs.
    """
    parameters = (math.isqrt(4 * inputs - 3) - 1) // 2
    if parameters < 1 or 1 + parameters + parameters**2 != inputs:
        raise ValueError(
            f"model second_order: {inputs} inputs are not 1 + P + P^2 for any number P of parameters; take the task "
            "second_order_regression"
        )
    if classes != 1:
        raise ValueError(f"model second_order has 1 output; the task has {classes} classes")
    return SecondOrder(parameters)


def stacked(
    module: SecondOrder, weights: Mapping[str, Tensor], x: Tensor, cut: bool = False
) -> tuple[Tensor, dict[str, Tensor]]:
    """Forward pass of R replicas at once.

    Args:
        module: the architecture; its own weights are not used.
        weights: by parameter name, ``[R, *shape]``.
        x: ``[N, 1 + P + P P]`` shared by the replicas, or ``[R, N, 1 + P + P P]``.
        cut: nothing is hidden, so that nothing is cut.

    Returns:
        Outputs ``[R, N, 1]``, and no hidden activations.
    """
    w_R1P = weights["layer.weight"]
    replicas, _, parameters = w_R1P.shape
    x_RNI = x.expand(replicas, *x.shape[-2:])
    pairs_RPP = (w_R1P.mT * w_R1P / 2).flatten(1).unsqueeze(1)
    coefficients_R1I = torch.cat([torch.ones_like(w_R1P[..., :1]), w_R1P, pairs_RPP], -1)
    return product(coefficients_R1I, x_RNI.mT).mT, {}

"""Two-level problem in three numbers, its lower level solved by steps that the upper level differentiates through."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

EXECUTOR = {"cpu": "stacked", "cuda": "stacked"}


class Bilevel(nn.Module):
    """``f(e) = 1 + e_1 (x - y_2) + e_2 (y_1 - 1)`` with the weight x and the y that the lower level finds for it."""

    def __init__(self, steps: int, rate: float, aggregate: float):
        super().__init__()
        self.steps, self.rate, self.aggregate = steps, rate, aggregate
        self.upper = nn.Linear(1, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map inputs ``[N, 2]`` to outputs ``[N, 1]``."""
        return stacked(self, {"upper.weight": self.upper.weight.unsqueeze(0)}, x)[0][0]


def build(*, inputs: int, classes: int, steps: int = 50, rate: float = 0.9, aggregate: float = 0.0) -> Bilevel:
    r"""Return the module (counter-example of Liu et al. 2020, arXiv 2006.04045).

    With :math:`F = (x - y_2)^2/2 + (y_1 - 1)^2/2` above and :math:`g = y_1^2/2 - x y_1` below, whose minima leave
    :math:`y_2` open, the best x is 1. Which method trains x is a matter of the lower level's steps from y = 0,
    :math:`y \leftarrow y - r ((1 - a_k) \nabla_y g + a_k \nabla_y F)` with :math:`a_k = a / k`: unrolled
    differentiation for a = 0, descent aggregation above. Backpropagation goes through all of them.

    Args:
        inputs: 2, as the task ``bilevel`` gives them.
        classes: 1, the one output.
        steps: number of steps k of the lower level.
        rate: r.
        aggregate: a, weight of the upper level in the first step.

    Raises:
        ValueError: for other numbers of inputs or outputs, or an option outside its range.
    """
    if (inputs, classes) != (2, 1):
        raise ValueError(
            f"model bilevel: {inputs} inputs, {classes} outputs; it has 2 and 1, those of the task bilevel"
        )
    if steps < 1 or not 0 < rate < 2 or not 0 <= aggregate <= 1:
        raise ValueError(
            f"model bilevel: steps {steps}, rate {rate}, aggregate {aggregate}; at least 1 step, at a rate between 0 "
            "and 2, with a weight in [0, 1]"
        )
    return Bilevel(steps, rate, aggregate)


def lower(x: Tensor, steps: int, rate: float, aggregate: float) -> tuple[Tensor, Tensor]:
    """Return ``y_1`` and ``y_2`` after the lower level's steps, in the shape of x.

    >>> lower(torch.tensor([4.0]), steps=1, rate=0.5, aggregate=0.5)
    (tensor([1.2500]), tensor([1.]))
    """
    first, second = torch.zeros_like(x), torch.zeros_like(x)
    for k in range(1, steps + 1):
        share = aggregate / k
        first, second = (
            first - rate * ((1 - share) * (first - x) + share * (first - 1)),
            second - rate * share * (second - x),
        )
    return first, second


def stacked(
    module: Bilevel, weights: Mapping[str, Tensor], x: Tensor, cut: bool = False
) -> tuple[Tensor, dict[str, Tensor]]:
    """Forward pass of R replicas at once.

    Args:
        module: the architecture; its own weights are not used.
        weights: by parameter name, ``[R, *shape]``.
        x: ``[N, 2]`` shared by the replicas, or ``[R, N, 2]``.
        cut: nothing is hidden, so that nothing is cut.

    Returns:
        Outputs ``[R, N, 1]``, and no hidden activations.
    """
    upper_R11 = weights["upper.weight"]
    first_R11, second_R11 = lower(upper_R11, module.steps, module.rate, module.aggregate)
    return 1 + x[..., :1] * (upper_R11 - second_R11) + x[..., 1:] * (first_R11 - 1), {}

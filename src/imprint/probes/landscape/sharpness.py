"""How much does the loss rise within a ball around the weights: by ascent, at worst, on average?"""

from collections.abc import Callable

import torch
import xarray as xr
from torch import Tensor

from imprint.solution import Replicas, Solution
from imprint.streams import generator
from imprint.task import Task

NEEDS = ()
MEASURES = {
    "ascent": {
        "long_name": "rise of the training loss by one normalized step along its gradient",
        "units": "1",
        "dims": ("scaling",),
        "prefer": None,
        "source": "Foret et al. 2021, arXiv 2010.01412; Kwon et al. 2021, arXiv 2102.11600",
    },
    "worst": {
        "long_name": "largest rise of the training loss among projected steps along its gradient",
        "units": "1",
        "dims": ("scaling",),
        "prefer": None,
        "source": "Andriushchenko et al. 2023, arXiv 2302.07011",
    },
    "average": {
        "long_name": "mean rise of the training loss on the sphere around the weights",
        "units": "1",
        "dims": ("scaling",),
        "prefer": None,
        "source": "Andriushchenko et al. 2023, arXiv 2302.07011",
    },
    "average_error": {
        "long_name": "standard error of the mean rise over the draws of the noise",
        "units": "1",
        "dims": ("scaling",),
        "prefer": "low",
        "source": "definition",
    },
}
SCALINGS = ("plain", "adaptive")
STEP = 0.5  # of the radius, in every step after the first
Loss = Callable[[Tensor], Tensor]


def loss_and_slope(loss: Loss, weight_RP: Tensor) -> tuple[Tensor, Tensor]:
    """Return the loss ``[R]`` and its gradient ``[R, P]``."""
    with torch.enable_grad():
        leaf_RP = weight_RP.detach().requires_grad_()
        loss_R = loss(leaf_RP)
        (slope_RP,) = torch.autograd.grad(loss_R.sum(), leaf_RP)
    return loss_R.detach(), slope_RP


def ascend(loss: Loss, weight_RP: Tensor, scale_RP: Tensor, radius: float, steps: int) -> Tensor:
    r"""Return the rise of the loss after each of K projected steps along the gradient, ``[K, R]``.

    The steps are those of e in :math:`L(w + s \odot e) - L(w)`, within :math:`\|e\|_2 \le \rho`. The first,
    :math:`e = \rho \, (s \odot g) / \|s \odot g\|_2` at the gradient g of the weights, is the perturbation of SAM for
    s = 1 (Foret et al. 2021) and of ASAM for s = \|w\| (Kwon et al. 2021); it stays 0 where g is. Each further one adds
    half a radius along the scaled gradient where it is and returns to the ball.

    Args:
        loss: from weights ``[R, P]`` to one loss per replica.
        weight_RP: the weights w.
        scale_RP: s, at least 0.
        radius: of the ball.
        steps: K.

    >>> slope = torch.tensor([3.0, 4.0])
    >>> ascend(lambda weight: weight @ slope, torch.zeros(1, 2), torch.ones(1, 2), radius=0.1, steps=2)
    tensor([[0.5000],
            [0.5000]])
    """
    offset_RP = torch.zeros_like(weight_RP)
    start_R, slope_RP = loss_and_slope(loss, weight_RP)
    rises = []
    for step in range(steps):
        slope_RP = scale_RP * slope_RP
        length_R1 = slope_RP.norm(dim=-1, keepdim=True)
        direction_RP = (slope_RP / length_R1).where(length_R1 > 0, 0)
        offset_RP = offset_RP + (STEP if step else 1) * radius * direction_RP
        offset_RP = offset_RP * (radius / offset_RP.norm(dim=-1, keepdim=True)).clamp(max=1)
        loss_R, slope_RP = loss_and_slope(loss, weight_RP + scale_RP * offset_RP)
        rises.append(loss_R - start_R)
    return torch.stack(rises)


def scatter(loss: Loss, weight_RP: Tensor, scale_RP: Tensor, radius: float, noise_MP: Tensor) -> Tensor:
    r"""Return ``(L(w + s e) + L(w - s e)) / 2 - L(w)`` with :math:`e = \rho z / \|z\|_2` for every noise z, ``[M, R]``.

    Both signs are equally likely, and together they are free of the slope at w.

    Args:
        loss: from weights ``[R, P]`` to one loss per replica.
        weight_RP: the weights w.
        scale_RP: s, at least 0.
        radius: of the sphere.
        noise_MP: Gaussian, the same for every replica.

    >>> bowl = lambda weight: weight.square().sum(-1) / 2
    >>> noise = torch.tensor([[3.0, 4.0]])
    >>> scatter(bowl, torch.ones(1, 2), torch.ones(1, 2), 2.0, noise).round(decimals=4)
    tensor([[2.]])
    """
    start_R = loss(weight_RP)
    rises = []
    for noise_P in noise_MP:
        offset_RP = scale_RP * (radius * noise_P / noise_P.norm())
        rises.append((loss(weight_RP + offset_RP) + loss(weight_RP - offset_RP)) / 2 - start_R)
    return torch.stack(rises)


def sharpness(
    loss: Loss, weight_RP: Tensor, scale_RP: Tensor, radius: float, steps: int, noise_MP: Tensor
) -> dict[str, Tensor]:
    """Return the measures of one scaling, each ``[R]``; arguments are those of :func:`ascend` and :func:`scatter`.

    ``worst`` is at least ``ascent``, which it begins with, and at least 0, the rise at the centre of the ball.
    """
    rise_KR = ascend(loss, weight_RP, scale_RP, radius, steps)
    rise_MR = scatter(loss, weight_RP, scale_RP, radius, noise_MP)
    return {
        "ascent": rise_KR[0],
        "worst": rise_KR.amax(0).clamp(min=0),
        "average": rise_MR.mean(0),
        "average_error": rise_MR.std(0) / len(noise_MP) ** 0.5,
    }


def measure(
    solution: Solution,
    task: Task,
    *,
    radius: float = 0.05,
    adaptive_radius: float = 0.5,
    steps: int = 10,
    draws: int = 5,
    examples: int = 300,
    seed: int = 0,
) -> xr.Dataset:
    r"""Measure the rise of the mean loss of the first training examples within a ball around the weights.

    The ball is :math:`\|d\|_2 \le \rho` (``plain``), or :math:`\|d / |w| \,\|_2 \le \rho` with a division entry by
    entry (``adaptive``): weights of 0 stay, and a network whose weights are rescaled without a change of its function
    keeps its adaptive sharpness, but not its plain one. The defaults of the radii are those of the two papers for
    CIFAR-10. At equal radius the worst case exceeds the average by a factor that grows with the number of weights.

    Args:
        solution: the solution.
        task: its task.
        radius: of the plain ball, in units of the weights.
        adaptive_radius: of the adaptive ball, without unit.
        steps: along the gradient, the first of a full radius.
        draws: of the noise, each taken with both signs, the same for all replicas; at least 2.
        examples: how many of the first training examples (all, if there are fewer).
        seed: of the draws.

    Returns:
        ``ascent``, ``worst``, ``average``, ``average_error`` in the loss's unit, dims ``(setting, seed, snapshot,
        scaling)``.

    Raises:
        ValueError: an option outside its range.
    """
    if min(radius, adaptive_radius) <= 0:
        raise ValueError(f"sharpness: radius={radius} and adaptive_radius={adaptive_radius} must be positive")
    if draws < 2 or steps < 1 or examples < 1:
        raise ValueError(
            f"sharpness: draws={draws} is at least 2 (for a standard error), steps={steps} and examples={examples} at "
            "least 1"
        )
    shapes = {name: weight.shape for name, weight in task.model.named_parameters()}
    sizes = [shape.numel() for shape in shapes.values()]
    noise_MP = torch.randn(draws, sum(sizes), generator=generator(seed, "sharpness"), dtype=torch.float64)
    noise_MP = noise_MP.to(task.device, task.precision)

    def kernel(replicas: Replicas) -> dict[str, Tensor]:
        x, y = replicas.x("train")[..., :examples, :], replicas.y("train")[..., :examples]
        weight_RP = torch.cat([replicas.weights[name].flatten(1) for name in shapes], -1)

        def loss(vector_RP: Tensor) -> Tensor:
            parts = zip(shapes.items(), vector_RP.split(sizes, -1), strict=True)
            weights = {name: part.unflatten(-1, shape) for (name, shape), part in parts}
            return task.loss(task.logits(weights, x), y).double().mean(-1)

        cases = ((torch.ones_like(weight_RP), radius), (weight_RP.abs(), adaptive_radius))
        found = [sharpness(loss, weight_RP, scale_RP, size, steps, noise_MP) for scale_RP, size in cases]
        return {name: torch.stack([each[name] for each in found], -1) for name in MEASURES}

    return solution.each(task, kernel, MEASURES, {"scaling": list(SCALINGS)})

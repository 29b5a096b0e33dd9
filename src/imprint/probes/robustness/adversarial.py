"""What is left of the accuracy when every input is changed a little, in the worst direction that is found?"""

import torch
import xarray as xr
from torch import Tensor

from imprint.probes.function.performance import accuracy
from imprint.solution import Replicas, Solution
from imprint.task import Task

NEEDS = ()
MEASURES = {
    "accuracy": {
        "long_name": "accuracy on attacked test examples",
        "units": "1",
        "dims": ("ball", "attack"),
        "prefer": "high",
        "source": "Goodfellow et al. 2015, arXiv 1412.6572; Madry et al. 2018, arXiv 1706.06083",
    },
    "drop": {
        "long_name": "accuracy on test examples as they are minus that on attacked ones",
        "units": "1",
        "dims": ("ball", "attack"),
        "prefer": "low",
        "source": "definition",
    },
    "loss": {
        "long_name": "mean loss on attacked test examples",
        "units": "1",
        "dims": ("ball", "attack"),
        "prefer": "low",
        "source": "Madry et al. 2018, arXiv 1706.06083",
    },
}
BALLS = ("max", "euclidean")
ATTACKS = ("one_step", "iterated")
OVERSHOOT = 2.5  # the steps of the iterated attack are together so many radii long (Madry et al. 2018)


def length(change: Tensor, axes: tuple[int, ...]) -> Tensor:
    """Return the Euclidean norm over the axes of an example, which stay with length 1."""
    return torch.linalg.vector_norm(change, dim=axes, keepdim=True)


def steepest(gradient: Tensor, ball: str) -> Tensor:
    """Return the change of norm 1 along which a linear function grows most, ``[R, N, ...]``; 0 where it does not grow.

    >>> steepest(torch.tensor([[[3.0, -4.0]]]), "max"), steepest(torch.tensor([[[3.0, -4.0]]]), "euclidean")
    (tensor([[[ 1., -1.]]]), tensor([[[ 0.6000, -0.8000]]]))
    """
    if ball == "max":
        return gradient.sign()
    # scaled first: the squares of small gradients vanish
    axes = tuple(range(2, gradient.dim()))
    largest = gradient.abs().amax(axes, keepdim=True)
    scaled = gradient / largest.where(largest > 0, 1)
    size = length(scaled, axes)
    return scaled / size.where(size > 0, 1)


def project(change: Tensor, radius: float, ball: str) -> Tensor:
    """Return the nearest change in the ball of a radius around 0, ``[R, N, ...]``.

    >>> project(torch.tensor([[[3.0, -4.0]]]), 2.5, "euclidean"), project(torch.tensor([[[3.0, -4.0]]]), 3.5, "max")
    (tensor([[[ 1.5000, -2.0000]]]), tensor([[[ 3.0000, -3.5000]]]))
    """
    if ball == "max":
        return change.clamp(-radius, radius)
    size = length(change, tuple(range(2, change.dim())))
    return change * (radius / size.clamp(min=radius)) if radius > 0 else torch.zeros_like(change)


def ascent(task: Task, weights: dict[str, Tensor], x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Return the loss of every example, ``[R, N]``, and its gradient by the example, ``[R, N, ...]``."""
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        loss_RN = task.loss(task.logits(weights, x), y)
        (gradient,) = torch.autograd.grad(loss_RN.sum(), x)
    return loss_RN.detach(), gradient


def attacked(
    task: Task, weights: dict[str, Tensor], x: Tensor, y: Tensor, *, ball: str, radius: float, steps: int
) -> Tensor:
    """Return attacked examples, ``[R, N, ...]``.

    One step is ``x + radius d(g)`` with g the gradient of the loss and d :func:`steepest`. Several steps begin at x and
    are ``2.5 radius / steps`` long, each :func:`project`-ed; of the places visited, x among them, the one with the
    largest loss is taken.

    Args:
        task: whose model and loss it is.
        weights: ``[R, *shape]``.
        x: ``[R, N, ...]``.
        y: ``[N]`` or ``[R, N]``.
        ball: ``max`` or ``euclidean``, the norm of changes.
        radius: largest norm of a change, at least 0.
        steps: 1 is the fast gradient method, more is projected ascent.
    """
    loss_RN, gradient = ascent(task, weights, x, y)
    if steps == 1:
        return x + radius * steepest(gradient, ball)
    best, best_RN, change = x, loss_RN, torch.zeros_like(x)
    for _ in range(steps):
        change = project(change + OVERSHOOT * radius / steps * steepest(gradient, ball), radius, ball)
        loss_RN, gradient = ascent(task, weights, x + change, y)
        better = (loss_RN > best_RN).view(*loss_RN.shape, *[1] * (x.dim() - 2))
        best, best_RN = torch.where(better, x + change, best), torch.maximum(loss_RN, best_RN)
    return best


def measure(
    solution: Solution,
    task: Task,
    *,
    max_radius: float = 0.1,
    euclidean_radius: float = 1.0,
    steps: int = 10,
    examples: int = 500,
) -> xr.Dataset:
    """Measure accuracy and loss on attacked test examples; the attacker knows the weights.

    Changes are in units of the task's inputs (standardized pixels, for images), and are not kept in their range.

    Args:
        solution: the solution.
        task: its task, with real inputs.
        max_radius: largest change of any number of an input.
        euclidean_radius: largest Euclidean norm of the change of an input.
        steps: of the ``iterated`` attack, at least 2.
        examples: how many of the first test examples (all, if there are fewer).

    Returns:
        ``accuracy``, ``drop`` and ``loss``; dims ``(setting, seed, snapshot, ball, attack)``.

    Raises:
        ValueError: an option outside its range, or inputs that are not real.
    """
    if min(max_radius, euclidean_radius) <= 0 or steps < 2 or examples < 1:
        raise ValueError(
            f"adversarial: radii {max_radius} and {euclidean_radius} are above 0, steps {steps} is at least 2, "
            f"examples {examples} at least 1"
        )
    if not task.tensor("x_test").is_floating_point():
        raise ValueError(
            f"adversarial changes real inputs and those of this task are {task.tensor('x_test').dtype}; take this "
            "probe out of the experiment"
        )
    radii = {"max": max_radius, "euclidean": euclidean_radius}

    def kernel(replicas: Replicas) -> dict[str, Tensor]:
        x, y = replicas.x("test"), replicas.y("test")[..., :examples]
        x = x.narrow(int(task.seeded), 0, y.shape[-1])
        x = x if task.seeded else x.expand(len(replicas), *x.shape)
        clean_R = accuracy(task.logits(replicas.weights, x), y)
        found = {name: [] for name in MEASURES}
        for ball in BALLS:
            for count in (1, steps):
                moved = attacked(task, replicas.weights, x, y, ball=ball, radius=radii[ball], steps=count)
                logits_RNC = task.logits(replicas.weights, moved)
                found["accuracy"].append(accuracy(logits_RNC, y))
                found["drop"].append(clean_R - found["accuracy"][-1])
                found["loss"].append(task.loss(logits_RNC, y).double().mean(-1))
        return {name: torch.stack(values, -1).unflatten(-1, (2, 2)) for name, values in found.items()}

    return solution.each(task, kernel, MEASURES, {"ball": list(BALLS), "attack": list(ATTACKS)})

"""Do the examples that a step helps most and those it harms most pull in opposite directions?"""

from itertools import pairwise

import torch
import xarray as xr
from torch import Tensor

from imprint.probes.dynamics.interference import cosine, gradient
from imprint.probes.dynamics.relearning import descend
from imprint.solution import Replicas, Solution
from imprint.streams import generator
from imprint.task import Task

NEEDS = ()
MEASURES = {
    "cosine": {
        "long_name": "cosine between the mean gradients of the examples whose loss rises most and falls most in a step",
        "units": "1",
        "dims": (),
        "prefer": None,
        "source": "Rosenfeld and Risteski 2023, arXiv 2311.04163",
    },
    "random_cosine": {
        "long_name": "the same cosine between two random groups of as many examples",
        "units": "1",
        "dims": (),
        "prefer": None,
        "source": "definition",
    },
    "opposed": {
        "long_name": "share of the steps at which the cosine between the two groups is below -0.5",
        "units": "1",
        "dims": (),
        "prefer": None,
        "source": "Rosenfeld and Risteski 2023, arXiv 2311.04163; the bound is declared here",
    },
    "share": {
        "long_name": "share of the sum of all absolute loss changes in a step that is of the two groups",
        "units": "1",
        "dims": (),
        "prefer": None,
        "source": "Rosenfeld and Risteski 2023, arXiv 2311.04163",
    },
    "rising": {
        "long_name": "share of the examples whose loss rises in a step",
        "units": "1",
        "dims": (),
        "prefer": None,
        "source": "definition",
    },
    "loss": {
        "long_name": "mean loss of the copy after all steps over that at the snapshot",
        "units": "1",
        "dims": (),
        "prefer": None,
        "source": "definition",
    },
}
OPPOSED = -0.5


def extremes(change_RN: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Return the examples whose loss rises most and those whose loss falls most.

    Args:
        change_RN: of the loss of each example.
        count: of examples in each group, K; an example is a member only if its loss changes in the group's direction.

    Returns:
        Places ``[2, R, K]`` and whether they are members ``[2, R, K]``, rising first.

    >>> extremes(torch.tensor([[3.0, -1.0, -2.0, -4.0]]), 2)[0].tolist()
    [[[0, 1]], [[3, 2]]]
    >>> extremes(torch.tensor([[3.0, -1.0, -2.0, -4.0]]), 2)[1].tolist()
    [[[True, False]], [[True, True]]]
    """
    top_2RK = torch.stack([change_RN, -change_RN]).topk(count, dim=-1)
    return top_2RK.indices, top_2RK.values > 0


def share(change_RN: Tensor, place_2RK: Tensor, member_2RK: Tensor) -> Tensor:
    """Return the members' part of the sum of all absolute changes, ``[R]`` in [0, 1]; NaN if nothing changes.

    >>> change = torch.tensor([[3.0, -1.0, -2.0, -4.0]])
    >>> share(change, *extremes(change, 1))
    tensor([0.7000])
    """
    size_RN = change_RN.abs()
    own_R = (size_RN.expand(2, -1, -1).gather(-1, place_2RK) * member_2RK).sum((0, -1))
    return own_R / size_RN.sum(-1)


def group_cosine(
    task: Task, weights: dict[str, Tensor], x: Tensor, y: Tensor, place_2RK: Tensor, member_2RK: Tensor
) -> Tensor:
    """Return the cosine between two groups' gradients of their mean losses, ``[R]``; NaN where a group is empty.

    Gradients of sums have the cosine of those of means.

    Args:
        task: whose model and loss.
        weights: where the gradients are taken.
        x: examples ``[N, ...]``, or ``[R, N, ...]`` where they are drawn per seed.
        y: their targets.
        place_2RK: the examples of each group.
        member_2RK: which of them count.
    """

    def group_gradient(place_RK: Tensor, member_RK: Tensor) -> Tensor:
        rows_R1 = torch.arange(len(place_RK), device=place_RK.device).unsqueeze(-1)
        own_x, own_y = (value[rows_R1, place_RK] if task.seeded else value[place_RK] for value in (x, y))

        def total_loss(leaves: dict[str, Tensor]) -> Tensor:
            return (task.loss(task.logits(leaves, own_x), own_y) * member_RK).sum(-1)

        return gradient(total_loss, weights)

    rising_RP, falling_RP = (group_gradient(*group) for group in zip(place_2RK, member_2RK, strict=True))
    return cosine(rising_RP.unsqueeze(1), falling_RP).squeeze(1)


def one_step(
    task: Task, x: Tensor, y: Tensor, weights: dict[str, Tensor], change_RN: Tensor, random_2K: Tensor
) -> dict[str, Tensor]:
    """Return what one step says, each ``[R]``, from the weights before it and the change of each example's loss."""
    place_2RK, member_2RK = extremes(change_RN, random_2K.shape[-1])
    drawn_2RK = random_2K.unsqueeze(1).expand_as(place_2RK)
    return {
        "cosine": group_cosine(task, weights, x, y, place_2RK, member_2RK),
        "random_cosine": group_cosine(task, weights, x, y, drawn_2RK, torch.ones_like(member_2RK)),
        "share": share(change_RN, place_2RK, member_2RK),
        "rising": (change_RN > 0).double().mean(-1),
    }


def over_steps(found: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    """Return the means over the steps of what each says, without NaN, and ``opposed``, the share of steps, ``[R]``.

    >>> found = over_steps([{"cosine": torch.tensor([value])} for value in (-0.75, -0.25)])
    >>> {name: value.item() for name, value in found.items()}
    {'cosine': -0.5, 'opposed': 0.5}
    """
    values = {name: torch.stack([one[name] for one in found], -1) for name in found[0]}
    means = {name: value.nanmean(-1) for name, value in values.items()}
    return {**means, "opposed": (values["cosine"] < OPPOSED).double().mean(-1)}


def measure(
    solution: Solution,
    task: Task,
    *,
    rate: float = 0.1,
    steps: int = 5,
    fraction: float = 0.01,
    examples: int = 1000,
    seed: int = 0,
) -> xr.Dataset:
    """Continue copies by full-batch gradient descent and look at the examples that each step changes most.

    In each step the loss of example i changes by ``d_i``. The groups are the ``fraction`` of the examples with the
    largest rises and as many with the largest falls; their gradients are those at the weights before the step. The
    literature finds cosines below -0.5 between them. Two random groups of as many examples, the same for all replicas,
    say what the cosine would be without a choice. Rate and steps are the same for every recipe: what is compared is
    where they start. A step rises and falls along directions of a curvature above ``1 / rate``, so the rate says which
    directions are looked at; ``loss`` says whether the copy is stable there. Changes are those of losses in
    the task's precision: near a loss of 0 many are lost to rounding. Groups are not removed from training.

    Args:
        solution: the solution.
        task: its task.
        rate: learning rate of the copies.
        steps: to make; what is measured is the mean over them, of the cosine over those at which both groups have a
            member.
        fraction: of the examples in each group, rounded, at least one.
        examples: how many of the first training examples; they are the full batch.
        seed: of the random groups.

    Returns:
        ``cosine``, ``random_cosine`` in [-1, 1], ``opposed``, ``share``, ``rising`` in [0, 1], ``loss``; dims
        ``(setting, seed, snapshot)``. NaN where the copy's loss is not finite at the end.

    Raises:
        ValueError: if ``steps`` or ``rate`` is not positive, ``fraction`` is outside (0, 0.5], or there are fewer than
            two examples.
    """
    total = min(examples, task.split("train")[1].shape[-1])
    if steps < 1 or rate <= 0 or not 0 < fraction <= 0.5 or total < 2:
        raise ValueError(
            f"opposing_signals: steps={steps}, rate={rate}, fraction={fraction} of {total} examples; needs at least 1 "
            "step, a positive rate, a fraction in (0, 0.5] and 2 examples"
        )
    count = min(max(round(fraction * total), 1), total // 2)
    stream = generator(seed, "opposing_signals")
    random = [torch.randperm(total, generator=stream)[: 2 * count].view(2, count) for _ in range(steps)]

    def kernel(replicas: Replicas) -> dict[str, Tensor]:
        x, y = replicas.x("train").narrow(int(task.seeded), 0, total), replicas.y("train")[..., :total]

        def losses(weights: dict[str, Tensor]) -> Tensor:
            return task.loss(task.logits(weights, x), y)

        path = descend(lambda weights: losses(weights).mean(-1), replicas.weights, rate, steps)
        states = pairwise((weights, losses(weights).double()) for weights in path)
        found, means = [], []
        for ((weights, before_RN), (_, after_RN)), random_2K in zip(states, random, strict=True):
            found.append(one_step(task, x, y, weights, after_RN - before_RN, random_2K))
            means += [before_RN.mean(-1), after_RN.mean(-1)]
        summary = {**over_steps(found), "loss": means[-1] / means[0]}
        return {name: value.where(means[-1].isfinite(), torch.nan) for name, value in summary.items()}

    return solution.each(task, kernel, MEASURES)

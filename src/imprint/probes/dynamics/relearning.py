"""How fast are the old tasks of a sequence learned again?"""

from collections.abc import Callable, Iterator

import torch
import xarray as xr
from torch import Tensor

from imprint.probes.function.performance import accuracy
from imprint.probes.stages import examples as examples_of
from imprint.solution import Replicas, Solution
from imprint.task import Task

NEEDS = ("stages",)
MEASURES = {
    "steps": {
        "long_name": "steps of gradient descent until the test accuracy on an old task reaches the target",
        "units": "1",
        "dims": ("stage",),
        "prefer": "low",
        "source": "Ashley et al. 2021, arXiv 2102.07686",
    },
    "accuracy_after": {
        "long_name": "test accuracy on an old task after all steps of gradient descent on it",
        "units": "1",
        "dims": ("stage",),
        "prefer": "high",
        "source": "Ashley et al. 2021, arXiv 2102.07686",
    },
    "mean_steps": {
        "long_name": "mean over the old tasks of the steps until the target is reached",
        "units": "1",
        "dims": (),
        "prefer": "low",
        "source": "Ashley et al. 2021, arXiv 2102.07686",
    },
    "mean_accuracy_after": {
        "long_name": "mean over the old tasks of the accuracy after all steps",
        "units": "1",
        "dims": (),
        "prefer": "high",
        "source": "Ashley et al. 2021, arXiv 2102.07686",
    },
    "reached": {
        "long_name": "share of the old tasks on which the target is reached",
        "units": "1",
        "dims": (),
        "prefer": "high",
        "source": "definition",
    },
    "savings": {
        "long_name": "share of the steps from initialization that relearning saves",
        "units": "1",
        "dims": (),
        "prefer": "high",
        "source": "Ebbinghaus 1885; Ashley et al. 2021, arXiv 2102.07686",
    },
}
MEASURED = ("init", "final")
ROUNDING = 1e-9  # of an accuracy


def descend(
    loss: Callable[[dict[str, Tensor]], Tensor], weights: dict[str, Tensor], rate: float, steps: int
) -> Iterator[dict[str, Tensor]]:
    """Yield the weights after 0, 1, ..., ``steps`` steps ``w <- w - rate * gradient``; the given ones stay.

    Args:
        loss: from weights by name, ``[R, *shape]``, to one loss per replica, ``[R]``; replicas share nothing.
        weights: where each replica begins.
        rate: the same for all.
        steps: of full-batch gradient descent.

    >>> path = descend(lambda weights: weights["a"].square().sum(-1) / 2, {"a": torch.ones(1, 1)}, 0.5, 2)
    >>> [weights["a"].item() for weights in path]
    [1.0, 0.5, 0.25]
    """
    yield weights
    for _ in range(steps):
        with torch.enable_grad():
            leaves = {name: weight.detach().requires_grad_() for name, weight in weights.items()}
            slopes = torch.autograd.grad(loss(leaves).sum(), list(leaves.values()))
        weights = {
            name: weight.detach() - rate * slope for (name, weight), slope in zip(leaves.items(), slopes, strict=True)
        }
        yield weights


def first_reached(values_RK: Tensor, target: float) -> Tensor:
    """Return the first place at which a value is at least the target, but for rounding, ``[R]``; K where none is.

    >>> first_reached(torch.tensor([[0.1, 0.9, 0.2], [0.1, 0.2, 0.3]]), 0.9)
    tensor([1, 3])
    """
    missed_RK = values_RK.ge(target - ROUNDING).logical_not().long()
    return missed_RK.cumprod(-1).sum(-1)


def measure(
    solution: Solution,
    task: Task,
    *,
    rate: float = 0.1,
    steps: int = 40,
    examples: int = 200,
    target: float = 0.9,
) -> xr.Dataset:
    """Continue copies by full-batch gradient descent, from the final weights on each old task, one at a time.

    The same is done from the initial weights: ``savings = 1 - sum_t steps_t(final) / sum_t steps_t(init)``, 0 where
    nothing of the old tasks is left and 1 where nothing is to be relearned. The optimizer is the same for every
    recipe: what is compared is where it starts.

    Args:
        solution: the solution.
        task: its task, a sequence.
        rate: learning rate.
        steps: to make.
        examples: how many of the first training examples of a task are learned, and of its test examples judge.
        target: test accuracy, among all classes.

    Returns:
        ``steps`` (``steps + 1`` where the target is not reached) and ``accuracy_after``, dims ``(setting, seed,
        snapshot, stage)``, stages labelled from 1 without the last; ``mean_steps``, ``mean_accuracy_after``,
        ``reached`` and ``savings``, dims ``(setting, seed, snapshot)``. NaN at snapshots other than ``init`` and
        ``final``.

    Raises:
        ValueError: if the sequence has one task only.
    """
    if task.stages < 2:
        raise ValueError(f"relearning needs a sequence of at least 2 tasks; this one has {task.stages}")
    old = range(task.stages - 1)

    def learn(replicas: Replicas, weights: dict[str, Tensor], stage: int) -> Tensor:
        """Accuracy after each step, ``[R, steps + 1]``."""
        x, y = examples_of(replicas, "train", stage, examples)
        x_test, y_test = examples_of(replicas, "test", stage, examples)
        path = descend(lambda own: task.loss(task.logits(own, x), y).mean(-1), weights, rate, steps)
        return torch.stack([accuracy(task.logits(own, x_test), y_test) for own in path], -1)

    def kernel(replicas: Replicas) -> dict[str, Tensor]:
        if replicas.snapshot not in MEASURED:
            return _nothing(len(replicas), len(old))
        curves_TRK = torch.stack([learn(replicas, replicas.weights, stage) for stage in old])
        steps_RT = first_reached(curves_TRK, target).T.double()
        return _summary(steps_RT, curves_TRK[..., -1].T, steps)

    labels = {"stage": [stage + 1 for stage in old]}
    measured = solution.each(task, kernel, MEASURES, labels)
    spent = measured["mean_steps"]
    saved = (1 - spent / spent.sel(snapshot="init").where(lambda first: first > 0)).where(spent.notnull())
    return measured.assign(savings=saved.transpose(*spent.dims).assign_attrs(measured["savings"].attrs))


def _nothing(replicas: int, stages: int) -> dict[str, Tensor]:
    """What is measured of replicas at a snapshot where nothing is relearned."""
    return {
        name: torch.full((replicas, *[stages for _ in entry["dims"]]), torch.nan) for name, entry in MEASURES.items()
    }


def _summary(steps_RT: Tensor, after_RT: Tensor, steps: int) -> dict[str, Tensor]:
    """What is measured, but for the savings, which compare two snapshots."""
    return {
        "steps": steps_RT,
        "accuracy_after": after_RT,
        "mean_steps": steps_RT.mean(-1),
        "mean_accuracy_after": after_RT.mean(-1),
        "reached": (steps_RT <= steps).double().mean(-1),
        "savings": torch.full((len(steps_RT),), torch.nan),
    }

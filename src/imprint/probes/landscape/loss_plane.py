"""How wide is the valley: loss and accuracy on lines and in a plane through the solution, in units of its filters."""

from collections.abc import Callable, Mapping, Sequence

import torch
import xarray as xr
from torch import Tensor

from imprint.probes.function.performance import accuracy
from imprint.probes.landscape.loss_perturbation import along, filter_normalized
from imprint.solution import Replicas, Solution
from imprint.streams import generator
from imprint.task import Task

NEEDS = ()
MEASURES = {
    "loss": {
        "long_name": "training loss on a line along a filter-normalized random direction",
        "units": "1",
        "dims": ("direction", "along"),
        "prefer": None,
        "source": "Li et al. 2018, arXiv 1712.09913",
    },
    "accuracy": {
        "long_name": "test accuracy on a line along a filter-normalized random direction",
        "units": "1",
        "dims": ("direction", "along"),
        "prefer": None,
        "source": "Li et al. 2018, arXiv 1712.09913",
    },
    "plane": {
        "long_name": "training loss in the plane of the first two filter-normalized random directions",
        "units": "1",
        "dims": ("first", "second"),
        "prefer": None,
        "source": "Li et al. 2018, arXiv 1712.09913",
    },
    "width": {
        "long_name": "mean width of the slices of the training loss at the declared rise, at most 2",
        "units": "1",
        "dims": (),
        "prefer": None,
        "source": "Li et al. 2018, arXiv 1712.09913 (slices); width declared here",
    },
    "censored": {
        "long_name": "share of the slices that do not reach the declared rise on both sides",
        "units": "1",
        "dims": (),
        "prefer": "low",
        "source": "definition; such a slice is wider than it counts",
    },
}
Weights = Mapping[str, Tensor]


def line(values: Callable[[dict[str, Tensor]], Tensor], weights: Weights, direction: Weights, at: Sequence) -> Tensor:
    """Return what is measured at w + a d for every a of ``at``, ``[*measured, R, A]``.

    Args:
        values: from weights of R networks to ``[*measured, R]``.
        weights: w, by name, ``[R, *shape]``.
        direction: d, as the weights.
        at: A places, 0 is w.
    """
    return torch.stack([values(along(weights, direction, place)) for place in at], -1)


def crossing(rise_RB: Tensor, at_B: Tensor, rise: float) -> tuple[Tensor, Tensor]:
    """Return where each row first reaches a rise, ``[R]``, by the straight line before it, and whether it does.

    Args:
        rise_RB: above the centre, 0 at the first place.
        at_B: distances from the centre, rising; a row that never reaches the rise gets the last one.
        rise: positive.
    """
    reached_RB = rise_RB >= rise
    known_R = reached_RB.any(-1)
    after_R1 = reached_RB.int().argmax(-1, keepdim=True).clamp(min=1)
    (low_R, high_R), (start_R, end_R) = (
        [values.gather(-1, place_R1)[:, 0] for place_R1 in (after_R1 - 1, after_R1)]
        for values in (rise_RB, at_B.expand_as(rise_RB))
    )
    found_R = start_R + (end_R - start_R) * (rise - low_R) / (high_R - low_R)
    return found_R.where(known_R, at_B[-1]), known_R


def width(loss_RA: Tensor, at_A: Tensor, rise: float) -> tuple[Tensor, Tensor]:
    """Return the width ``[R]`` of a slice where its loss is first a rise above its centre's, and if a side is cut off.

    Args:
        loss_RA: on the slice.
        at_A: the places, rising, an odd number of them, 0 in the middle; a side that does not reach the rise ends here.
        rise: above the centre, positive.

    >>> slice_, at = torch.tensor([[1.0, 0.0, 0.0, 0.5, 4.0]]), torch.linspace(-1, 1, 5)
    >>> width(slice_, at, 0.25), width(slice_, at, 2.25)
    ((tensor([0.8750]), tensor([False])), (tensor([1.7500]), tensor([True])))
    """
    middle = len(at_A) // 2
    rise_RA = loss_RA - loss_RA[:, middle, None]
    right_R, known_R = crossing(rise_RA[:, middle:], at_A[middle:], rise)
    left_R, also_known_R = crossing(rise_RA[:, : middle + 1].flip(-1), -at_A[: middle + 1].flip(-1), rise)
    return left_R + right_R, ~(known_R & also_known_R)


def measure(
    solution: Solution,
    task: Task,
    *,
    rise: float = 0.1,
    directions: int = 2,
    points: int = 41,
    side: int = 11,
    examples: int = 300,
    seed: int = 0,
) -> xr.Dataset:
    """Measure loss and accuracy along random directions through every replica's weights, from -1 to 1.

    The Gaussian directions are the same for all replicas; each is filter-normalized to the replica's own weights
    (:func:`imprint.probes.landscape.loss_perturbation.filter_normalized`), so that at 1 every unit's incoming weights
    have moved by their own norm, and biases stay. A whole layer of a ReLU network may be rescaled against the next one
    without a change; single units may not, since this changes how the incoming norm of the next layer's units is
    shared.

    Args:
        solution: the solution.
        task: its task.
        rise: of the loss above the centre at which the width is taken, positive.
        directions: how many lines, at least 2; the first two span the plane.
        points: on each line, an odd number, at least 3.
        side: points on each side of the plane, an odd number, at least 3.
        examples: how many of the first training examples, for the loss, and test examples, for the accuracy (all, if
            there are fewer).
        seed: of the directions.

    Returns:
        ``loss`` in the task's unit of loss and ``accuracy`` in [0, 1], dims ``(setting, seed, snapshot, direction,
        along)``; ``plane``, with dims ``first``, ``second``; ``width`` in [0, 2] and ``censored`` in [0, 1], dims
        ``(setting, seed, snapshot)``.

    Raises:
        ValueError: an option outside its range.
    """
    if rise <= 0 or directions < 2 or examples < 1:
        raise ValueError(
            f"loss_plane: rise={rise} must be positive, directions={directions} at least 2, examples={examples} at "
            "least 1"
        )
    if any(count < 3 or count % 2 == 0 for count in (points, side)):
        raise ValueError(f"loss_plane: points={points} and side={side} must be odd and at least 3, with one at 0")
    stream = generator(seed, "loss_plane")
    noises = [
        {
            name: torch.randn(weight.shape, generator=stream, dtype=torch.float64).to(task.device, task.precision)
            for name, weight in task.model.named_parameters()
        }
        for _ in range(directions)
    ]
    at, ticks = (torch.linspace(-1, 1, count, dtype=torch.float64) for count in (points, side))

    def kernel(replicas: Replicas) -> dict[str, Tensor]:
        x, y = replicas.x("train")[..., :examples, :], replicas.y("train")[..., :examples]
        test_x, test_y = replicas.x("test")[..., :examples, :], replicas.y("test")[..., :examples]
        weights = replicas.weights
        normalized = [{name: filter_normalized(noise[name], weights[name]) for name in weights} for noise in noises]

        def loss(moved: dict[str, Tensor]) -> Tensor:
            return task.loss(task.logits(moved, x), y).double().mean(-1)

        def both(moved: dict[str, Tensor]) -> Tensor:
            return torch.stack([loss(moved), accuracy(task.logits(moved, test_x), test_y)])

        slices = [line(both, weights, direction, at.tolist()) for direction in normalized]
        loss_RDA, accuracy_RDA = torch.stack(slices, 2)
        rows = [
            line(loss, along(weights, normalized[0], place), normalized[1], ticks.tolist()) for place in ticks.tolist()
        ]
        width_RD, open_RD = (
            torch.stack(parts, 1)
            for parts in zip(*[width(each, at.to(each.device), rise) for each in loss_RDA.unbind(1)], strict=True)
        )
        return {
            "loss": loss_RDA,
            "accuracy": accuracy_RDA,
            "plane": torch.stack(rows, 1),
            "width": width_RD.mean(1),
            "censored": open_RD.double().mean(1),
        }

    labels = {"direction": list(range(1, directions + 1)), "along": at.tolist()}
    return solution.each(task, kernel, MEASURES, {**labels, "first": ticks.tolist(), "second": ticks.tolist()})

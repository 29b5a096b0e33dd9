"""Which training examples were known and lost again on the way to the solution?"""

import torch
import xarray as xr
from torch import Tensor

from imprint.probes.path import on_path, steps
from imprint.solution import Replicas, Solution
from imprint.task import Task

NEEDS = ()
KEPT = ("snapshots",)
MEASURES = {
    "count": {
        "long_name": "how many times a training example was right at a snapshot and wrong at the next one",
        "units": "1",
        "dims": ("example",),
        "prefer": "low",
        "source": "Toneva et al. 2019, arXiv 1812.05159",
    },
    "mean_count": {
        "long_name": "mean over training examples of the number of times that each was forgotten",
        "units": "1",
        "dims": (),
        "prefer": "low",
        "source": "Toneva et al. 2019, arXiv 1812.05159",
    },
    "unforgettable": {
        "long_name": "share of the training examples that were learned and never forgotten",
        "units": "1",
        "dims": (),
        "prefer": "high",
        "source": "Toneva et al. 2019, arXiv 1812.05159",
    },
    "never_learned": {
        "long_name": "share of the training examples that were right at no snapshot",
        "units": "1",
        "dims": (),
        "prefer": "low",
        "source": "Toneva et al. 2019, arXiv 1812.05159",
    },
}


def forgetting(right_RSN: Tensor, known_RS: Tensor) -> dict[str, Tensor]:
    """Return what a series of evaluations says about each example.

    Args:
        right_RSN: whether each example was classified right at each of S evaluations in order, ``[R, S, N]``.
        known_RS: which evaluations there are; the others are skipped, so that the next is compared with the last known.

    Returns:
        ``count`` ``[R, N]``: evaluations at which an example is wrong that was right at the one before. ``mean_count``;
        ``unforgettable``, the share right at one at least and never forgotten; ``never_learned``, the share right at
        none: each ``[R]``. All NaN where no evaluation is known.

    >>> right = torch.tensor([[[1, 0, 1], [0, 0, 1], [1, 0, 1], [0, 0, 1]]]).bool()
    >>> found = forgetting(right, torch.ones(1, 4).bool())
    >>> found["count"].tolist(), round(found["unforgettable"].item(), 2), round(found["never_learned"].item(), 2)
    ([[2.0, 0.0, 0.0]], 0.33, 0.33)
    """
    before_RN = torch.zeros_like(right_RSN[:, 0])
    learned_RN, count_RN = before_RN, torch.zeros(before_RN.shape, dtype=torch.float64)
    for now_RN, known_R in zip(right_RSN.unbind(1), known_RS.unbind(1), strict=True):
        known_R1 = known_R.unsqueeze(-1)
        count_RN = count_RN + (known_R1 & before_RN & ~now_RN)
        learned_RN = learned_RN | (known_R1 & now_RN)
        before_RN = torch.where(known_R1, now_RN, before_RN)
    found = {
        "count": count_RN,
        "mean_count": count_RN.mean(-1),
        "unforgettable": (learned_RN & (count_RN == 0)).double().mean(-1),
        "never_learned": (~learned_RN).double().mean(-1),
    }
    any_R = known_RS.any(-1)
    return {name: value.where(any_R.view(-1, *[1] * (value.dim() - 1)), torch.nan) for name, value in found.items()}


def measure(solution: Solution, task: Task, *, examples: int = 1000) -> xr.Dataset:
    """Count forgetting events over the kept snapshots, in the order of their steps.

    All that is needed is in the snapshots, and nothing is trained: what happens between two of them is not seen, and
    counts grow with their number, so they compare only within one series (``snapshots: {path: {step: [...]}}``). The
    snapshot ``init`` is left out, since what is right before any training was not learned, and so are those of copies
    that branched off. What is said at a snapshot is about those up to it.

    Args:
        solution: the solution.
        task: its task; all examples of a sequence are judged throughout, also before and after their own task.
        examples: how many of the first training examples.

    Returns:
        ``count``, dims ``(setting, seed, snapshot, example)``, examples labelled by their place in the training set,
        from 0; ``mean_count``, ``unforgettable`` and ``never_learned``, dims ``(setting, seed, snapshot)``. NaN at
        ``init`` and at branches.

    Raises:
        ValueError: if ``examples`` is not positive.
    """
    if examples < 1:
        raise ValueError(f"example_forgetting: examples={examples}; at least 1 training example")
    names = [name for name in on_path(solution) if name != "init"]
    total = min(examples, task.split("train")[1].shape[-1])
    labels = {"example": list(range(total))}

    def judge(replicas: Replicas) -> dict[str, Tensor]:
        x, y = replicas.x("train").narrow(int(task.seeded), 0, total), replicas.y("train")[..., :total]
        return {"count": (task.logits(replicas.weights, x).argmax(-1) == y).double()}

    judged = solution.each(task, judge, {"count": MEASURES["count"]}, labels)["count"].sel(snapshot=names)

    def so_far(replicas: Replicas) -> dict[str, Tensor]:
        rows, columns = replicas.cells.T.numpy()
        right_RSN = torch.as_tensor(judged.values[rows, columns])
        step_RS, now_R1 = steps(replicas, names), steps(replicas, [replicas.snapshot])
        known_RS = right_RSN.isfinite().all(-1) & (step_RS <= now_R1)
        if replicas.snapshot not in names:
            known_RS = torch.zeros_like(known_RS)
        order_RS = step_RS.argsort(dim=-1, stable=True)
        right_RSN = right_RSN.gather(1, order_RS.unsqueeze(-1).expand_as(right_RSN))
        return forgetting(right_RSN == 1, known_RS.gather(-1, order_RS))

    return solution.each(task, so_far, MEASURES, labels)

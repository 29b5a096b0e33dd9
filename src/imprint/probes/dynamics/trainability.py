"""Does a network that has learned many tasks still learn the next one as well as the first?"""

import torch
import xarray as xr
from torch import Tensor

from imprint.probes.dynamics.accuracy_matrix import history
from imprint.probes.function.performance import accuracy
from imprint.probes.slopes import slope
from imprint.probes.stages import check_snapshots, examples
from imprint.solution import Replicas, Solution
from imprint.task import Task

NEEDS = ("stages",)
MEASURES = {
    "trained": {
        "long_name": "training accuracy on the task just learned",
        "units": "1",
        "dims": (),
        "prefer": "high",
        "source": "Lewandowski et al. 2025, arXiv 2406.06811",
    },
    "loss": {
        "long_name": "mean training loss on the task just learned",
        "units": "1",
        "dims": (),
        "prefer": "low",
        "source": "Lewandowski et al. 2025, arXiv 2406.06811",
    },
    "tested": {
        "long_name": "test accuracy on the task just learned",
        "units": "1",
        "dims": (),
        "prefer": "high",
        "source": "Lewandowski et al. 2025, arXiv 2406.06811",
    },
    "slope": {
        "long_name": "change per task of the training accuracy just after each",
        "units": "1",
        "dims": (),
        "prefer": "high",
        "source": "after Lewandowski et al. 2025, arXiv 2406.06811",
    },
    "loss_slope": {
        "long_name": "change per task of the mean training loss just after each",
        "units": "1",
        "dims": (),
        "prefer": "low",
        "source": "after Lewandowski et al. 2025, arXiv 2406.06811",
    },
    "tested_slope": {
        "long_name": "change per task of the test accuracy just after each",
        "units": "1",
        "dims": (),
        "prefer": "high",
        "source": "after Lewandowski et al. 2025, arXiv 2406.06811",
    },
    "mean": {
        "long_name": "mean over the tasks so far of the training accuracy just after each",
        "units": "1",
        "dims": (),
        "prefer": "high",
        "source": "definition",
    },
}
NOW = ("trained", "loss", "tested")


def trends(trained_RK: Tensor, loss_RK: Tensor, tested_RK: Tensor) -> dict[str, Tensor]:
    """Return what the values just after each of the first K tasks say together, each ``[R]``.

    Slopes are those of the least-squares line of the value over the number of the task: NaN for K = 1, and NaN where a
    task has no value, so that no slope skips tasks.

    >>> fading = torch.tensor([[1.0, 0.75, 0.5]])
    >>> {name: value.tolist() for name, value in trends(fading, 1 - fading, fading).items()}
    {'slope': [-0.25], 'loss_slope': [0.25], 'tested_slope': [-0.25], 'mean': [0.75]}
    """
    task_K = torch.arange(trained_RK.shape[-1], dtype=trained_RK.dtype)

    def trend(value_RK: Tensor) -> Tensor:
        whole_R = value_RK.isfinite().all(-1)
        return slope(task_K.expand_as(value_RK), value_RK).where(whole_R, torch.nan)

    return {
        "slope": trend(trained_RK),
        "loss_slope": trend(loss_RK),
        "tested_slope": trend(tested_RK),
        "mean": trained_RK.mean(-1),
    }


def measure(solution: Solution, task: Task) -> xr.Dataset:
    """Measure how well each task of the sequence was learned when it was left, and how that changes along it.

    Returns:
        ``trained``, ``tested`` in [0, 1] and ``loss`` of the last task learned, and the measures of :func:`trends` over
        the tasks up to it; dims ``(setting, seed, snapshot)``: at ``task_k`` and ``final``, NaN at other snapshots.

    Raises:
        ValueError: if the solution lacks the snapshot at the end of a task.
    """
    check_snapshots("trainability", solution, task)
    names = solution.data["snapshot"].values.tolist()

    def just_after(replicas: Replicas) -> dict[str, Tensor]:
        learned = len(history(replicas.snapshot, task.stages))
        if not learned:
            return {name: torch.full((len(replicas),), torch.nan) for name in NOW}
        found = {}
        for split, name in (("train", "trained"), ("test", "tested")):
            x, y = examples(replicas, split, learned - 1)
            logits_RNC = task.logits(replicas.weights, x)
            found[name] = accuracy(logits_RNC, y)
            if split == "train":
                found["loss"] = task.loss(logits_RNC, y).double().mean(-1)
        return found

    now = solution.each(task, just_after, {name: MEASURES[name] for name in NOW})

    def over_tasks(replicas: Replicas) -> dict[str, Tensor]:
        rows = [names.index(name) for name in history(replicas.snapshot, task.stages)]
        if not rows:
            return {name: torch.full((len(replicas),), torch.nan) for name in along}
        settings, seeds = replicas.cells.T.numpy()
        return trends(*(torch.as_tensor(now[name].values[settings, seeds][:, rows]) for name in NOW))

    along = {name: entry for name, entry in MEASURES.items() if name not in NOW}
    return now.merge(solution.each(task, over_tasks, along))

"""How well is every class recognized, however rare it was in training?"""

import xarray as xr
from torch import Tensor

from imprint.probes.function.class_losses import class_means
from imprint.solution import Replicas, Solution
from imprint.task import Task

NEEDS = ()
MEASURES = {
    "balanced_accuracy": {
        "long_name": "mean over the classes of the accuracy on their test examples",
        "units": "1",
        "dims": (),
        "prefer": "high",
        "source": "Brodersen et al. 2010; Vasudeva et al. 2025, arXiv 2510.22980",
    },
    "worst_class": {
        "long_name": "smallest accuracy on the test examples of a class",
        "units": "1",
        "dims": (),
        "prefer": "high",
        "source": "definition",
    },
    "recall": {
        "long_name": "accuracy on the test examples of each class",
        "units": "1",
        "dims": ("class",),
        "prefer": "high",
        "source": "definition",
    },
}


def summaries(recall_RC: Tensor) -> dict[str, Tensor]:
    """Return mean and smallest accuracy ``[R]`` over the classes that have test examples.

    >>> import torch
    >>> summaries(torch.tensor([[1.0, 0.5, torch.nan]]))
    {'balanced_accuracy': tensor([0.7500]), 'worst_class': tensor([0.5000])}
    """
    worst_R = recall_RC.nan_to_num(nan=float("inf")).amin(-1)
    return {"balanced_accuracy": recall_RC.nanmean(-1), "worst_class": worst_R}


def measure(solution: Solution, task: Task) -> xr.Dataset:
    """Measure the accuracy on the test examples of each class; a tie of logits is for the first class.

    Returns:
        ``balanced_accuracy`` and ``worst_class`` in [0, 1], dims ``(setting, seed, snapshot)``; ``recall``, dims
        ``(setting, seed, snapshot, class)``, NaN for a class without test examples.
    """

    def kernel(replicas: Replicas) -> dict[str, Tensor]:
        y = replicas.y("test")
        right_RN = (replicas.logits("test").argmax(-1) == y).double()
        recall_RC = class_means(right_RN, y, task.classes)
        return {"recall": recall_RC, **summaries(recall_RC)}

    return solution.each(task, kernel, MEASURES, {"class": list(range(task.classes))})

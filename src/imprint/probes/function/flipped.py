"""Does the prediction follow the shape when a cue that always went with it says the opposite?"""

import xarray as xr
from torch import Tensor

from imprint.probes.function.performance import accuracy
from imprint.solution import Replicas, Solution
from imprint.task import Task

NEEDS = ("flipped",)
MEASURES = {
    "accuracy": {
        "long_name": "accuracy on the test examples with the cue of the other class",
        "units": "1",
        "dims": (),
        "prefer": "high",
        "source": "Vasudeva et al. 2025, arXiv 2505.24022",
    },
    "loss": {
        "long_name": "mean loss on the test examples with the cue of the other class",
        "units": "1",
        "dims": (),
        "prefer": "low",
        "source": "definition",
    },
}


def measure(solution: Solution, task: Task) -> xr.Dataset:
    """Measure accuracy and loss on the view ``flipped``: ``flipped_test (test, feature)``, targets as in the test.

    A classifier that reads nothing of the cue has its test accuracy here, one that reads only the cue has 0.

    Returns:
        ``accuracy`` in [0, 1] and ``loss`` in the task's unit; dims ``(setting, seed, snapshot)``.
    """

    def kernel(replicas: Replicas) -> dict[str, Tensor]:
        logits_RNC, y = task.logits(replicas.weights, replicas.view("flipped_test")), replicas.y("test")
        return {"accuracy": accuracy(logits_RNC, y), "loss": task.loss(logits_RNC, y).double().mean(-1)}

    return solution.each(task, kernel, MEASURES)

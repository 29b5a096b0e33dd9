"""Loss and accuracy on the training, validation and test examples."""

import xarray as xr
from torch import Tensor

from imprint.solution import Replicas, Solution
from imprint.task import Task

NEEDS = ()
MEASURES = {
    "train_loss": {
        "long_name": "mean loss on the training examples",
        "units": "1",
        "dims": (),
        "prefer": "low",
        "source": "definition",
    },
    "train_accuracy": {
        "long_name": "accuracy on the training examples",
        "units": "1",
        "dims": (),
        "prefer": "high",
        "source": "definition",
    },
    "validation_loss": {
        "long_name": "mean loss on the validation examples",
        "units": "1",
        "dims": (),
        "prefer": "low",
        "source": "definition",
    },
    "validation_accuracy": {
        "long_name": "accuracy on the validation examples",
        "units": "1",
        "dims": (),
        "prefer": "high",
        "source": "definition",
    },
    "test_loss": {
        "long_name": "mean loss on the test examples",
        "units": "1",
        "dims": (),
        "prefer": "low",
        "source": "definition",
    },
    "test_accuracy": {
        "long_name": "accuracy on the test examples",
        "units": "1",
        "dims": (),
        "prefer": "high",
        "source": "definition",
    },
}


def accuracy(logits_RNC: Tensor, y: Tensor) -> Tensor:
    """Return the share ``[R]`` of examples whose largest logit is the target's; a tie is for the first class.

    Args:
        logits_RNC: ``[R, N, C]``.
        y: targets, ``[N]`` or ``[R, N]``.

    >>> import torch
    >>> accuracy(torch.tensor([[[2.0, 1.0], [0.0, 1.0], [3.0, 1.0], [1.0, 1.0]]]), torch.tensor([0, 1, 1, 1]))
    tensor([0.5000], dtype=torch.float64)
    """
    return (logits_RNC.argmax(-1) == y).double().mean(-1)


def measure(solution: Solution, task: Task) -> xr.Dataset:
    """Measure the task's loss (in its own unit, nats for cross-entropy) and the accuracy on each split.

    Returns:
        ``<split>_loss`` and ``<split>_accuracy`` in [0, 1], dims ``(setting, seed, snapshot)``.
    """

    def kernel(replicas: Replicas) -> dict[str, Tensor]:
        results = {}
        for split in ("train", "validation", "test"):
            logits_RNC, y = replicas.logits(split), replicas.y(split)
            results[f"{split}_loss"] = task.loss(logits_RNC, y).double().mean(-1)
            results[f"{split}_accuracy"] = accuracy(logits_RNC, y)
        return results

    return solution.each(task, kernel, MEASURES)

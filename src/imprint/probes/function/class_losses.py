"""How does the loss of a class depend on how often the class occurs?"""

import torch
import xarray as xr
from torch import Tensor

from imprint.probes.slopes import slope
from imprint.solution import Replicas, Solution
from imprint.task import Task

NEEDS = ()
MEASURES = {
    "frequency": {
        "long_name": "share of a class among the training examples",
        "units": "1",
        "dims": ("class",),
        "prefer": None,
        "source": "definition",
    },
    "loss": {
        "long_name": "mean loss on the training examples of each class",
        "units": "1",
        "dims": ("class",),
        "prefer": "low",
        "source": "Kunstner et al. 2024, arXiv 2402.19449",
    },
    "probability": {
        "long_name": "mean probability that training examples of each class are given of their class",
        "units": "1",
        "dims": ("class",),
        "prefer": "high",
        "source": "Wang et al. 2025, arXiv 2509.26030",
    },
    "slope": {
        "long_name": "slope of log class loss on log class frequency",
        "units": "1",
        "dims": (),
        "prefer": None,
        "source": "Kunstner et al. 2024, arXiv 2402.19449",
    },
    "variation": {
        "long_name": "coefficient of variation of the class losses",
        "units": "1",
        "dims": (),
        "prefer": "low",
        "source": "definition",
    },
    "gap": {
        "long_name": "largest minus smallest mean probability of the right class, over classes",
        "units": "1",
        "dims": (),
        "prefer": "low",
        "source": "Wang et al. 2025, arXiv 2509.26030",
    },
}


def class_means(values_RN: Tensor, y: Tensor, classes: int) -> Tensor:
    """Return the mean over the examples of each class, ``[R, C]``; NaN for a class without one.

    Args:
        values_RN: one value per example.
        y: class of each example, ``[N]`` or ``[R, N]``.
        classes: C.

    >>> class_means(torch.tensor([[1.0, 3.0, 5.0]]), torch.tensor([0, 0, 1]), classes=3)
    tensor([[2., 5., nan]])
    """
    y_RN = y.expand(values_RN.shape)
    total = values_RN.new_zeros(len(values_RN), classes)
    sum_RC = total.scatter_add(1, y_RN, values_RN)
    return sum_RC / total.scatter_add(1, y_RN, torch.ones_like(values_RN))


def frequencies(y: Tensor, classes: int) -> Tensor:
    """Return the share of each class among targets ``[..., N]``, ``[..., C]`` in float64.

    >>> frequencies(torch.tensor([0, 0, 1, 0]), classes=3)
    tensor([0.7500, 0.2500, 0.0000], dtype=torch.float64)
    """
    return torch.nn.functional.one_hot(y, classes).double().mean(-2)


def variation(values_RC: Tensor) -> Tensor:
    """Return the standard deviation (of all of them, not of a sample) over the mean of the values that are not NaN.

    >>> variation(torch.tensor([[1.0, 3.0, torch.nan]]))
    tensor([0.5000])
    """
    mean_R1 = values_RC.nanmean(-1, keepdim=True)
    return torch.square(values_RC - mean_R1).nanmean(-1).sqrt() / mean_R1.squeeze(-1)


def gap(values_RC: Tensor) -> Tensor:
    """Return the largest minus the smallest of the values that are not NaN.

    >>> gap(torch.tensor([[0.2, 0.9, torch.nan]]))
    tensor([0.7000])
    """
    most_R = values_RC.nan_to_num(nan=-torch.inf).amax(-1)
    return most_R - values_RC.nan_to_num(nan=torch.inf).amin(-1)


def measure(solution: Solution, task: Task) -> xr.Dataset:
    r"""Measure the loss, and the probability of the right class, on the training examples of each class.

    Gradient descent on a linear model from 0 gives class losses :math:`\Theta(1 / (\pi_k t))`: at one time t
    their slope on the frequencies, both in logarithms, is -1. A method that treats classes alike has slope 0
    and no variation.

    Returns:
        ``frequency``, ``loss`` (in the task's unit, nats for cross-entropy) and ``probability``, of the softmax
        of the outputs, dims ``(setting, seed, snapshot, class)``, NaN for a class without training examples;
        ``slope``, ``variation`` and ``gap`` over the other classes, dims ``(setting, seed, snapshot)``. Slope is
        NaN unless two classes differ in frequency, or if a loss is 0.
    """

    def kernel(replicas: Replicas) -> dict[str, Tensor]:
        logits_RNC, y = replicas.logits("train").double(), replicas.y("train")
        right_RN1 = y.expand(logits_RNC.shape[:-1]).unsqueeze(-1)
        probability_RN = logits_RNC.softmax(-1).gather(-1, right_RN1).squeeze(-1)
        loss_RC = class_means(task.loss(logits_RNC, y), y, task.classes)
        probability_RC = class_means(probability_RN, y, task.classes)
        frequency_RC = frequencies(y, task.classes).expand(loss_RC.shape)
        vanished_R = (loss_RC == 0).any(-1)
        return {
            "frequency": frequency_RC.where(frequency_RC > 0, torch.nan),
            "loss": loss_RC,
            "probability": probability_RC,
            "slope": slope(frequency_RC.log(), loss_RC.log()).where(~vanished_R, torch.nan),
            "variation": variation(loss_RC),
            "gap": gap(probability_RC),
        }

    return solution.each(task, kernel, MEASURES, {"class": list(range(task.classes))})

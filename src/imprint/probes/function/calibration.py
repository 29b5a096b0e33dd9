"""Does the confidence of the prediction match its accuracy?"""

import torch
import xarray as xr
from torch import Tensor

from imprint.solution import Replicas, Solution
from imprint.task import Task

NEEDS = ()
MEASURES = {
    "calibration_error": {
        "long_name": "expected calibration error of the confidence on the test examples",
        "units": "1",
        "dims": (),
        "prefer": "low",
        "source": "Guo et al. 2017, arXiv 1706.04599",
    },
    "brier": {
        "long_name": "Brier score, summed over classes, on the test examples",
        "units": "1",
        "dims": (),
        "prefer": "low",
        "source": "Brier 1950",
    },
    "confidence": {
        "long_name": "mean probability of the predicted class on the test examples",
        "units": "1",
        "dims": (),
        "prefer": None,
        "source": "definition",
    },
}


def calibration_error(probabilities_RNC: Tensor, y: Tensor, bins: int) -> Tensor:
    """Return ``sum_b (n_b / N) |accuracy_b - confidence_b|``, ``[R]`` in [0, 1].

    Bin b has the examples whose confidence, the largest probability, is in ``((b - 1) / bins, b / bins]``.

    Args:
        probabilities_RNC: ``[R, N, C]``, rows that sum to 1.
        y: targets, ``[N]`` or ``[R, N]``.
        bins: number of bins of equal width.

    >>> calibration_error(torch.tensor([[[0.75, 0.25], [0.75, 0.25]]]), torch.tensor([0, 1]), bins=15)
    tensor([0.2500])
    """
    confidence_RN, predicted_RN = probabilities_RNC.max(-1)
    excess_RN = confidence_RN - (predicted_RN == y).to(confidence_RN.dtype)
    bin_RN = ((confidence_RN * bins).ceil().long() - 1).clamp(0, bins - 1)
    sums = confidence_RN.new_zeros(len(confidence_RN), bins).scatter_add(1, bin_RN, excess_RN)
    return sums.abs().sum(-1) / confidence_RN.shape[-1]


def brier(probabilities_RNC: Tensor, y: Tensor) -> Tensor:
    """Return the mean over examples of ``sum_c (p_c - [c = y])^2``, ``[R]`` in [0, 2].

    >>> brier(torch.tensor([[[1.0, 0.0], [1.0, 0.0]]]), torch.tensor([0, 1]))
    tensor([1.])
    """
    onehot = torch.nn.functional.one_hot(y, probabilities_RNC.shape[-1])
    return torch.square(probabilities_RNC - onehot).sum(-1).mean(-1)


def measure(solution: Solution, task: Task, *, bins: int = 15) -> xr.Dataset:
    """Measure calibration of the softmax probabilities on the test examples.

    Returns:
        ``calibration_error``, ``brier``, ``confidence``; dims ``(setting, seed, snapshot)``.
    """

    def kernel(replicas: Replicas) -> dict[str, Tensor]:
        probabilities_RNC, y = replicas.logits("test").double().softmax(-1), replicas.y("test")
        return {
            "calibration_error": calibration_error(probabilities_RNC, y, bins),
            "brier": brier(probabilities_RNC, y),
            "confidence": probabilities_RNC.amax(-1).mean(-1),
        }

    return solution.each(task, kernel, MEASURES)

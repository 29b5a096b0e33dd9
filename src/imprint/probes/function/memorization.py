"""Are wrong labels of training examples memorized, or corrected?"""

import xarray as xr
from torch import Tensor

from imprint.solution import Replicas, Solution
from imprint.task import Task

NEEDS = ("true_labels",)
MEASURES = {
    "memorized": {
        "long_name": "share of the training examples with a wrong label that are predicted as it says",
        "units": "1",
        "dims": (),
        "prefer": "low",
        "source": "Liu et al. 2020, arXiv 2007.00151",
    },
    "corrected": {
        "long_name": "share of the training examples with a wrong label that are predicted as their true class",
        "units": "1",
        "dims": (),
        "prefer": "high",
        "source": "Liu et al. 2020, arXiv 2007.00151",
    },
    "clean_accuracy": {
        "long_name": "accuracy on the training examples with a right label",
        "units": "1",
        "dims": (),
        "prefer": "high",
        "source": "Arpit et al. 2017, arXiv 1706.05394",
    },
    "gap": {
        "long_name": "accuracy on the training examples with a right label minus that by wrong labels",
        "units": "1",
        "dims": (),
        "prefer": "high",
        "source": "after Arpit et al. 2017, arXiv 1706.05394",
    },
}


def share(hit_RN: Tensor, among: Tensor) -> Tensor:
    """Return the share ``[R]`` of hits among some examples; NaN if there are none.

    Args:
        hit_RN: booleans.
        among: which examples, booleans ``[N]`` or ``[R, N]``.

    >>> import torch
    >>> share(torch.tensor([[True, True, False]]), torch.tensor([False, True, True]))
    tensor([0.5000], dtype=torch.float64)
    """
    return (hit_RN & among).sum(-1).double() / among.sum(-1)


def shares(predicted_RN: Tensor, given: Tensor, true: Tensor) -> dict[str, Tensor]:
    """Return the measures, ``[R]`` each.

    Args:
        predicted_RN: predicted classes.
        given: labels, ``[N]`` or ``[R, N]``.
        true: classes of the images, of the same shape; a label is wrong where it differs.
    """
    wrong = given != true
    memorized_R, clean_R = share(predicted_RN == given, wrong), share(predicted_RN == given, ~wrong)
    corrected_R = share(predicted_RN == true, wrong)
    return {
        "memorized": memorized_R,
        "corrected": corrected_R,
        "clean_accuracy": clean_R,
        "gap": clean_R - memorized_R,
    }


def measure(solution: Solution, task: Task) -> xr.Dataset:
    """Measure what is predicted of training examples with wrong labels, by the view ``true_labels``.

    The view gives ``true_labels_train (train)``, the class of each training image; its label is wrong where it differs.
    A lookup table of the training set memorizes all wrong labels and has no gap. The true function corrects all of
    them, memorizes none, and its gap is 1. A guess among C classes memorizes 1 / C.

    Returns:
        ``memorized``, ``corrected`` (their sum is at most 1) and ``clean_accuracy`` in [0, 1], ``gap`` in [-1, 1];
        dims ``(setting, seed, snapshot)``.
    """

    def kernel(replicas: Replicas) -> dict[str, Tensor]:
        predicted_RN = replicas.logits("train").argmax(-1)
        return shares(predicted_RN, replicas.y("train"), replicas.view("true_labels_train"))

    return solution.each(task, kernel, MEASURES)

"""How alike are the classes in the last hidden layer?"""

import torch
import xarray as xr
from torch import Tensor

from imprint.probes.representation.activation_rank import hidden_layers
from imprint.solution import Replicas, Solution
from imprint.task import Task

NEEDS = ()
MEASURES = {
    "cosine": {
        "long_name": "mean cosine between class means of the last hidden layer's test activations",
        "units": "1",
        "dims": (),
        "prefer": None,
        "source": "Pascanu et al. 2025, arXiv 2507.12224",
    },
    "centred_cosine": {
        "long_name": "mean cosine between centred class means of the last hidden layer's test activations",
        "units": "1",
        "dims": (),
        "prefer": None,
        "source": "Papyan et al. 2020, arXiv 2008.08186",
    },
    "matrix": {
        "long_name": "cosines between class means of the last hidden layer's test activations",
        "units": "1",
        "dims": ("class", "class_other"),
        "prefer": None,
        "source": "Pascanu et al. 2025, arXiv 2507.12224",
    },
    "centred_matrix": {
        "long_name": "cosines between centred class means of the last hidden layer's test activations",
        "units": "1",
        "dims": ("class", "class_other"),
        "prefer": None,
        "source": "Papyan et al. 2020, arXiv 2008.08186",
    },
}


def class_means(activations_RNH: Tensor, y: Tensor, classes: int) -> Tensor:
    """Return the mean activation of every class, ``[R, C, H]``; NaN for a class without examples.

    Args:
        activations_RNH: ``[R, N, H]``.
        y: class of each example, ``[N]`` or ``[R, N]``.
        classes: C.
    """
    onehot_RNC = torch.nn.functional.one_hot(y, classes).to(activations_RNH.dtype)
    sums_RCH = onehot_RNC.mT @ activations_RNH
    return sums_RCH / onehot_RNC.sum(-2).unsqueeze(-1)


def cosines(vectors_RCH: Tensor) -> Tensor:
    """Return ``<u_i, u_j> / (||u_i|| ||u_j||)``, ``[R, C, C]``; NaN where a vector is zero.

    >>> cosines(torch.tensor([[[1.0, 0.0], [0.0, 2.0], [3.0, 0.0]]]))[0, 0]
    tensor([1., 0., 1.])
    """
    unit_RCH = vectors_RCH / vectors_RCH.norm(dim=-1, keepdim=True)
    return unit_RCH @ unit_RCH.mT


def mean_off_diagonal(matrix_RCC: Tensor) -> Tensor:
    """Return the mean over pairs of different classes, ``[R]``, leaving out pairs that are NaN.

    >>> mean_off_diagonal(torch.tensor([[[1.0, 0.5], [0.5, 1.0]]]))
    tensor([0.5000])
    """
    same_CC = torch.eye(matrix_RCC.shape[-1], dtype=torch.bool, device=matrix_RCC.device)
    return matrix_RCC.masked_fill(same_CC, torch.nan).nanmean((-2, -1))


def measure(solution: Solution, task: Task) -> xr.Dataset:
    """Measure cosines between class means, raw and centred; raw means of ReLU activations are always alike.

    Returns:
        ``cosine`` and ``centred_cosine``, in [-1, 1], dims ``(setting, seed, snapshot)``, and the matrices
        they are means of, dims ``(setting, seed, snapshot, class, class_other)``, NaN for classes without
        test examples. Centred: minus the mean of the class means.
    """
    last = hidden_layers(task)[-1]

    def kernel(replicas: Replicas) -> dict[str, Tensor]:
        means_RCH = class_means(replicas.activations("test")[last].double(), replicas.y("test"), task.classes)
        raw_RCC = cosines(means_RCH)
        centred_RCC = cosines(means_RCH - means_RCH.nanmean(-2, keepdim=True))
        return {
            "cosine": mean_off_diagonal(raw_RCC),
            "centred_cosine": mean_off_diagonal(centred_RCC),
            "matrix": raw_RCC,
            "centred_matrix": centred_RCC,
        }

    labels = list(range(task.classes))
    return solution.each(task, kernel, MEASURES, {"class": labels, "class_other": labels})

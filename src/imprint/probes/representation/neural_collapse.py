"""Have the classes collapsed to the corners of a simplex?"""

import torch
import xarray as xr
from torch import Tensor

from imprint.probes.representation.activation_rank import hidden_layers
from imprint.probes.representation.class_cosine import class_means
from imprint.solution import Replicas, Solution
from imprint.task import Task

NEEDS = ()
MEASURES = {
    "variability": {
        "long_name": "variance within classes over variance between them, last hidden layer, training examples (NC1)",
        "units": "1",
        "dims": (),
        "prefer": None,
        "source": "Papyan et al. 2020, arXiv 2008.08186",
    },
    "norm_spread": {
        "long_name": "standard deviation over mean of the norms of the centred class means (NC2)",
        "units": "1",
        "dims": (),
        "prefer": None,
        "source": "Papyan et al. 2020, arXiv 2008.08186",
    },
    "angle_spread": {
        "long_name": "standard deviation of the cosines between centred class means (NC2)",
        "units": "1",
        "dims": (),
        "prefer": None,
        "source": "Papyan et al. 2020, arXiv 2008.08186",
    },
    "angle_excess": {
        "long_name": "mean of |cosine + 1/(C-1)| over pairs of centred class means (NC2)",
        "units": "1",
        "dims": (),
        "prefer": None,
        "source": "Papyan et al. 2020, arXiv 2008.08186",
    },
    "duality": {
        "long_name": "distance of the last layer's weights from the centred class means, both over their norm (NC3)",
        "units": "1",
        "dims": (),
        "prefer": None,
        "source": "Papyan et al. 2020, arXiv 2008.08186",
    },
}


def variability(activations_RNH: Tensor, y: Tensor, means_RCH: Tensor) -> Tensor:
    r"""Return :math:`\mathrm{tr}(\Sigma_W \Sigma_B^+) / C`, ``[R]``; 0 for classes that are points.

    :math:`\Sigma_W` is the covariance of activations around the mean of their class, all examples alike, and
    :math:`\Sigma_B` that of the C class means around their own mean; directions in which the class means do not vary,
    up to rounding, are no part of it.

    Args:
        activations_RNH: activations.
        y: class of each example, ``[N]`` or ``[R, N]``.
        means_RCH: class means.

    >>> activations = torch.tensor([[[1.0], [3.0], [-1.0], [-3.0]]])
    >>> variability(activations, torch.tensor([0, 0, 1, 1]), torch.tensor([[[2.0], [-2.0]]]))
    tensor([0.1250])
    """
    replicas, _, units = activations_RNH.shape
    classes = means_RCH.shape[1]
    places_RN = y.expand(replicas, -1)
    within_RNH = activations_RNH - means_RCH.gather(1, places_RN.unsqueeze(-1).expand(-1, -1, units))
    _, sigma_RK, direction_RKH = torch.linalg.svd(centred(means_RCH), full_matrices=False)
    rounding = torch.finfo(sigma_RK.dtype).eps * max(classes, units)
    varies_RK = sigma_RK > rounding * sigma_RK.amax(1, keepdim=True)
    along_RK = torch.square(within_RNH @ direction_RKH.mT).mean(1)
    shares_RK = torch.where(varies_RK, along_RK / torch.where(varies_RK, torch.square(sigma_RK) / classes, 1), 0)
    return torch.where(varies_RK.any(1), shares_RK.sum(1) / classes, torch.nan)


def centred(means_RCH: Tensor) -> Tensor:
    """Return the class means minus their mean, every class alike."""
    return means_RCH - means_RCH.mean(1, keepdim=True)


def simplex(means_RCH: Tensor) -> dict[str, Tensor]:
    """Return how far the centred class means are from equal norms and equal angles, ``norm_spread`` and so on, ``[R]``.

    All are 0 for the corners of a simplex, whose cosines are ``-1 / (C - 1)``.
    """
    classes = means_RCH.shape[1]
    norms_RC = centred(means_RCH).norm(dim=2)
    unit_RCH = centred(means_RCH) / norms_RC.unsqueeze(-1)
    first, second = torch.triu_indices(classes, classes, 1, device=means_RCH.device)
    cosines_RP = (unit_RCH @ unit_RCH.mT)[:, first, second]
    return {
        "norm_spread": norms_RC.std(1, correction=0) / norms_RC.mean(1),
        "angle_spread": cosines_RP.std(1, correction=0),
        "angle_excess": (cosines_RP + 1 / (classes - 1)).abs().mean(1),
    }


def duality(head_RCH: Tensor, means_RCH: Tensor) -> Tensor:
    """Return ``|| W / ||W|| - M / ||M|| ||`` with the centred class means M, ``[R]``, from 0 to 2.

    >>> duality(torch.tensor([[[1.0, 0.0], [-1.0, 0.0]]]), torch.tensor([[[5.0, 1.0], [1.0, 1.0]]]))
    tensor([0.])
    """
    sides = (head_RCH, centred(means_RCH))
    head_RCH, means_RCH = (side / side.flatten(1).norm(dim=1)[:, None, None] for side in sides)
    return (head_RCH - means_RCH).flatten(1).norm(dim=1)


def measure(solution: Solution, task: Task, *, examples: int = 5000) -> xr.Dataset:
    """Measure the first three signs of neural collapse in the last hidden layer, on the training examples.

    Args:
        solution: of a model that shows hidden activations.
        task: its task, with every class among the examples.
        examples: how many of the first training examples are looked at.

    Returns:
        ``variability`` (NC1), ``norm_spread``, ``angle_spread``, ``angle_excess`` (NC2) and ``duality`` (NC3, NaN where
        the model trains no matrix ``(class, unit)`` on this layer): dims ``(setting, seed, snapshot)``, 0 in collapse.

    Raises:
        ValueError: if the model shows no hidden activations, or a class has no example.
    """
    last = hidden_layers(task)[-1]

    def kernel(replicas: Replicas) -> dict[str, Tensor]:
        x, y = replicas.x("train"), replicas.y("train")[..., :examples]
        x = x.narrow(-task.input_dims, 0, y.shape[-1])
        activations_RNH = task.activations(replicas.weights, x)[last].double()
        means_RCH = class_means(activations_RNH, y, task.classes)
        if means_RCH.isnan().any():
            raise ValueError(
                f"neural_collapse: a class has no example among the first {y.shape[-1]} of training; raise examples"
            )
        shape = (task.classes, activations_RNH.shape[-1])
        heads = [weight for weight in replicas.weights.values() if tuple(weight.shape[1:]) == shape]
        unknown_R = torch.full((len(replicas),), torch.nan)
        return {
            "variability": variability(activations_RNH, y, means_RCH),
            **simplex(means_RCH),
            "duality": duality(heads[-1].double(), means_RCH) if heads else unknown_R,
        }

    return solution.each(task, kernel, MEASURES)

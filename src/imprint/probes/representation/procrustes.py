"""How far is the shape of each hidden layer's activations from that at initialization?"""

import torch
import xarray as xr
from torch import Tensor

from imprint.probes.representation.activation_rank import hidden_layers
from imprint.probes.stages import weights_at
from imprint.solution import Replicas, Solution
from imprint.task import Task

NEEDS = ()
MEASURES = {
    "from_init": {
        "long_name": "angle between the shape of each hidden layer's test activations and that at initialization",
        "units": "radian",
        "dims": ("layer",),
        "prefer": None,
        "source": "Williams et al. 2021, arXiv 2110.14739",
    },
    "last_from_init": {
        "long_name": "angle between the shape of the last hidden layer's test activations and that at initialization",
        "units": "radian",
        "dims": (),
        "prefer": None,
        "source": "Williams et al. 2021, arXiv 2110.14739",
    },
}


def shape_angle(x_RNH: Tensor, y_RNH: Tensor) -> Tensor:
    r"""Return the angular Procrustes distance of activations, ``[R]``, from 0 to pi / 2.

    :math:`\min_Q \arccos \langle \hat X, \hat Y Q \rangle` over orthogonal Q, for activations that are centred over the
    examples and divided by their Frobenius norm: 0 for shapes that agree up to rotation, reflection, scale and shift.
    A metric (Williams et al. 2021). The angle of unit vectors u and v is computed as :math:`2 \arcsin(||u - v|| / 2)`,
    which keeps its digits near 0. NaN where activations do not vary.

    Args:
        x_RNH: N examples, H units.
        y_RNH: the same examples.

    >>> x = torch.tensor([[[1.0, 0.0], [0.0, 2.0], [-1.0, -2.0]]])
    >>> shape_angle(x, 5 * x.flip(-1) + 1).abs() < 1e-6
    tensor([True])
    """
    x_RNH, y_RNH = _normalized(x_RNH), _normalized(y_RNH)
    known_R = (x_RNH + y_RNH).isfinite().all(2).all(1)
    product_RHH = torch.where(known_R[:, None, None], y_RNH.mT @ x_RNH, 0)
    u_RHH, _, vh_RHH = torch.linalg.svd(product_RHH)
    apart_R = (x_RNH - y_RNH @ (u_RHH @ vh_RHH)).flatten(1).norm(dim=1)
    return 2 * torch.asin((apart_R / 2).clamp(max=1))


def _normalized(x_RNH: Tensor) -> Tensor:
    """Centre over the examples and divide by the Frobenius norm."""
    centred_RNH = x_RNH - x_RNH.mean(1, keepdim=True)
    return centred_RNH / centred_RNH.flatten(1).norm(dim=1)[:, None, None]


def measure(solution: Solution, task: Task, *, examples: int = 2000) -> xr.Dataset:
    """Measure how far every hidden layer has moved, apart from rotations, scale and shift.

    Args:
        solution: of a model that shows hidden activations.
        task: its task.
        examples: how many of the first test examples are looked at; with fewer than units everything looks alike.

    Returns:
        ``from_init``, dims ``(setting, seed, snapshot, layer)``, and ``last_from_init``, dims ``(setting, seed,
        snapshot)``, both in radian, at most pi / 2.

    Raises:
        ValueError: if the model shows no hidden activations.
    """
    layers = hidden_layers(task)

    def kernel(replicas: Replicas) -> dict[str, Tensor]:
        x = replicas.x("test")
        x = x.narrow(-task.input_dims, 0, min(examples, x.shape[-task.input_dims]))
        now, first = (task.activations(weights, x) for weights in (replicas.weights, weights_at(replicas, "init")))
        angles_RL = torch.stack([shape_angle(now[layer].double(), first[layer].double()) for layer in layers], -1)
        return {"from_init": angles_RL, "last_from_init": angles_RL[:, -1]}

    return solution.each(task, kernel, MEASURES, {"layer": layers})

"""How far from the minimum of a least-squares problem, and from that of its Lasso?"""

import warnings
from collections.abc import Sequence

import numpy as np
import torch
import xarray as xr
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import Lasso
from torch import Tensor

from imprint.models.offset_linear import OffsetLinear, split
from imprint.solution import Replicas, Solution
from imprint.task import Task

NEEDS = ()
MEASURES = {
    "excess": {
        "long_name": "mean training loss above its minimum over all weights",
        "units": "squared error / 2",
        "dims": (),
        "prefer": "low",
        "source": "definition",
    },
    "l1_norm": {
        "long_name": "sum of absolute weights",
        "units": "1",
        "dims": (),
        "prefer": None,
        "source": "Tibshirani 1996",
    },
    "zeros": {
        "long_name": "share of weights that are exactly 0",
        "units": "1",
        "dims": (),
        "prefer": None,
        "source": "Tibshirani 1996",
    },
    "lasso_distance": {
        "long_name": "distance from the Lasso of a penalty over the longer of the two",
        "units": "1",
        "dims": ("penalty",),
        "prefer": None,
        "source": "Tibshirani 1996",
    },
    "lasso_l1_norm": {
        "long_name": "sum of the absolute weights of the Lasso of a penalty",
        "units": "1",
        "dims": ("penalty",),
        "prefer": None,
        "source": "Tibshirani 1996",
    },
}


def excess(weights_RD: Tensor, features_RND: Tensor, y_RN: Tensor) -> Tensor:
    """Return ``||A (w - w*)||^2 / (2 N)`` with a minimizer ``w*`` of ``||A w - y||^2``, ``[R]``.

    That is the mean of the losses ``(A w - y)^2 / 2`` less their minimum, without cancellation.

    >>> features = torch.tensor([[[1.0], [1.0]]], dtype=torch.float64)
    >>> y = torch.tensor([[1.0, 3.0]], dtype=torch.float64)
    >>> excess(torch.tensor([[5.0]], dtype=torch.float64), features, y)
    tensor([4.5000], dtype=torch.float64)
    """
    best_RD1 = torch.linalg.pinv(features_RND) @ y_RN.unsqueeze(-1)
    change_RN1 = features_RND @ (weights_RD.unsqueeze(-1) - best_RD1)
    return torch.square(change_RN1).mean((-2, -1)) / 2


def lasso(features_ND: np.ndarray, y_N: np.ndarray, penalty: float) -> np.ndarray:
    """Return the minimizer of ``||A w - y||^2 / (2 N) + penalty ||w||_1``, ``[D]``, by coordinate descent.

    Its duality gap is at most 1e-12 of ``||y||^2 / N``.

    >>> lasso(np.eye(2), np.array([3.0, 0.5]), penalty=0.5)
    array([2., 0.])

    Raises:
        RuntimeError: if coordinate descent does not come that near.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        try:
            fitted = Lasso(alpha=penalty, fit_intercept=False, tol=1e-12, max_iter=100_000).fit(features_ND, y_N)
        except ConvergenceWarning as warning:
            raise RuntimeError(f"least_squares_gap: the Lasso of penalty {penalty} is not found: {warning}") from None
    return fitted.coef_


def distance(one_RD: Tensor, other_RD: Tensor) -> Tensor:
    """Return ``||v - w|| / max(||v||, ||w||)``, ``[R]`` in [0, 2]; 0 where both are 0.

    >>> distance(torch.tensor([[3.0, 4.0], [0.0, 0.0], [1.0, 0.0]]), torch.tensor([[0.0, 0.0], [0.0, 0.0], [2.0, 0.0]]))
    tensor([1.0000, 0.0000, 0.5000])
    """
    longer_R = torch.maximum(one_RD.norm(dim=-1), other_RD.norm(dim=-1))
    return torch.where(longer_R > 0, (one_RD - other_RD).norm(dim=-1) / longer_R, 0)


def measure(solution: Solution, task: Task, *, penalties: Sequence[float] = (0.1,)) -> xr.Dataset:
    r"""Compare the weights with the exact minima of the training loss, alone and plus :math:`\lambda\|w\|_1`.

    Args:
        solution: the solution.
        task: its task, with the model ``offset_linear`` of one output.
        penalties: the lambdas; labels of the dim ``penalty`` are these numbers written out.

    Returns:
        ``excess``, ``l1_norm`` and ``zeros``, dims ``(setting, seed, snapshot)``; ``lasso_distance`` and
        ``lasso_l1_norm`` with a further dim ``penalty``.

    Raises:
        ValueError: for another model, several outputs, or a penalty that is not positive.
        RuntimeError: if the Lasso is not found.
    """
    if not isinstance(task.model, OffsetLinear) or task.classes != 1:
        raise ValueError(
            f"least_squares_gap needs a linear least-squares problem; {type(task.model).__name__} with {task.classes} "
            "outputs is none: use task: {name: least_squares, model: {name: offset_linear}}"
        )
    if not penalties or min(penalties) <= 0:
        raise ValueError(f"least_squares_gap: penalties {list(penalties)}; give positive numbers, at least one")
    solved: dict[tuple[int, float], np.ndarray] = {}

    def kernel(replicas: Replicas) -> dict[str, Tensor]:
        weights_RD = replicas.weights["layer.weight"].double().squeeze(1)
        x_RNI = replicas.x("train").double()
        x_RNI = x_RNI.expand(len(weights_RD), *x_RNI.shape[-2:])
        offset_RN1, features_RND = split(x_RNI, 1)
        y_RN = 1 - offset_RN1.squeeze(-1)
        # settings of a seed share its data, or all replicas do
        owners = replicas.cells[:, 1].tolist() if task.seeded else [0] * len(weights_RD)
        for row, owner in enumerate(owners):
            for penalty in penalties:
                if (owner, penalty) not in solved:
                    solved[owner, penalty] = lasso(features_RND[row].cpu().numpy(), y_RN[row].cpu().numpy(), penalty)
        lasso_PRD = torch.as_tensor(np.array([[solved[owner, penalty] for owner in owners] for penalty in penalties]))
        lasso_PRD = lasso_PRD.to(weights_RD)
        return {
            "excess": excess(weights_RD, features_RND, y_RN),
            "l1_norm": weights_RD.abs().sum(-1),
            "zeros": (weights_RD == 0).double().mean(-1),
            "lasso_distance": torch.stack([distance(weights_RD, lasso_RD) for lasso_RD in lasso_PRD], -1),
            "lasso_l1_norm": lasso_PRD.abs().sum(-1).T,
        }

    return solution.each(task, kernel, MEASURES, {"penalty": [f"{penalty:g}" for penalty in penalties]})

"""How much of the representation that a task was learned with is still there at the end?"""

import torch
import xarray as xr
from torch import Tensor

from imprint.probes.dynamics.accuracy_matrix import history
from imprint.probes.representation.activation_rank import hidden_layers
from imprint.probes.stages import check_snapshots, places, weights_at
from imprint.solution import Replicas, Solution
from imprint.task import Task

NEEDS = ("stages",)
MEASURES = {
    "similarity": {
        "long_name": "CKA of each hidden layer's activations with those of the final network, all test examples",
        "units": "1",
        "dims": ("layer",),
        "prefer": None,
        "source": "Kornblith et al. 2019, arXiv 1905.00414; debiased: Nguyen et al. 2021, arXiv 2010.15327",
    },
    "task_similarity": {
        "long_name": "CKA of each hidden layer with the final network's on the test examples of the task just learned",
        "units": "1",
        "dims": ("layer",),
        "prefer": None,
        "source": "Kornblith et al. 2019, arXiv 1905.00414; debiased: Nguyen et al. 2021, arXiv 2010.15327",
    },
    "drift": {
        "long_name": "1 - CKA, last hidden layer, between the end of a task and the end of all, mean over old tasks",
        "units": "1",
        "dims": (),
        "prefer": "low",
        "source": "Ramasesh et al. 2021, arXiv 2007.07400",
    },
}


def hsic(x_RNH: Tensor, y_RNK: Tensor) -> Tensor:
    """Return the unbiased estimate of the Hilbert-Schmidt independence criterion of linear kernels, ``[R]``.

    With Gram matrices ``K = x x'`` and ``L = y y'`` whose diagonals are set to 0,
    ``(tr(K L) + 1'K1 1'L1 / ((n-1)(n-2)) - 2 1'KL1 / (n-2)) / (n (n-3))`` (Song et al. 2012), computed from products
    of features, never from an n by n matrix. A constant added to a feature changes nothing.

    Args:
        x_RNH: n > 3 examples, ``[R, N, H]``.
        y_RNK: the same examples, ``[R, N, K]``.
    """
    count = x_RNH.shape[-2]
    x_RNH, y_RNK = (values - values.mean(-2, keepdim=True) for values in (x_RNH, y_RNK))
    own_x_RN, own_y_RN = torch.square(x_RNH).sum(-1), torch.square(y_RNK).sum(-1)
    # rows of K and L: of centred features the whole row sums to 0, so what is left is minus the diagonal
    trace_R = torch.square(x_RNH.mT @ y_RNK).sum((-2, -1)) - (own_x_RN * own_y_RN).sum(-1)
    sums_R = own_x_RN.sum(-1) * own_y_RN.sum(-1) / ((count - 1) * (count - 2))
    cross_R = 2 * (own_x_RN * own_y_RN).sum(-1) / (count - 2)
    return (trace_R + sums_R - cross_R) / (count * (count - 3))


def cka(x_RNH: Tensor, y_RNK: Tensor) -> Tensor:
    """Return the debiased linear CKA ``HSIC(x, y) / sqrt(HSIC(x, x) HSIC(y, y))``, ``[R]``, at most 1.

    1 for activations that agree up to rotation, scale and shift; about 0, also below, for independent ones, however
    many features there are; NaN where an activation does not vary.

    >>> x = torch.tensor([[[1.0, 0.0], [0.0, 1.0], [2.0, 1.0], [0.0, 3.0], [1.0, 5.0]]])
    >>> cka(x, 3 * x.flip(-1) + 7).round(decimals=5)
    tensor([1.])
    """
    own_R = hsic(x_RNH, x_RNH) * hsic(y_RNK, y_RNK)
    return hsic(x_RNH, y_RNK) / own_R.where(own_R > 0, torch.nan).sqrt()


def measure(solution: Solution, task: Task) -> xr.Dataset:
    """Measure the similarity of the hidden activations at the end of every task with the final network's.

    Returns:
        ``similarity`` and ``task_similarity``, dims ``(setting, seed, snapshot, layer)``, NaN at snapshots that end no
        task; ``drift``, dims ``(setting, seed, snapshot)``, at ``final`` alone: the mean over the tasks before the
        last of ``1 - task_similarity``.

    Raises:
        ValueError: if the solution lacks the snapshot at the end of a task.
    """
    check_snapshots("cka_drift", solution, task)
    layers = hidden_layers(task)

    def now_and_finally(replicas: Replicas) -> dict[str, Tensor]:
        stage = len(history(replicas.snapshot, task.stages)) - 1
        if stage < 0:
            return {name: torch.full((len(replicas), len(layers)), torch.nan) for name in tables}
        x, chosen = replicas.x("test"), places(task, "test", stage)
        now, last = (task.activations(weights, x) for weights in (replicas.weights, weights_at(replicas, "final")))
        pairs = [(now[layer].double(), last[layer].double()) for layer in layers]
        return {
            "similarity": torch.stack([cka(one, other) for one, other in pairs], -1),
            "task_similarity": torch.stack([cka(one[:, chosen], other[:, chosen]) for one, other in pairs], -1),
        }

    tables = {name: entry for name, entry in MEASURES.items() if entry["dims"]}
    measured = solution.each(task, now_and_finally, tables, {"layer": layers})

    def overall(replicas: Replicas) -> dict[str, Tensor]:
        if replicas.snapshot != "final":
            return {"drift": torch.full((len(replicas),), torch.nan)}
        ends = history("final", task.stages)[:-1]
        settings, seeds = replicas.cells.T.numpy()
        kept = measured["task_similarity"].sel(snapshot=ends, layer=layers[-1]).values[settings, seeds]
        return {"drift": 1 - torch.as_tensor(kept).mean(-1)}

    return measured.merge(solution.each(task, overall, {"drift": MEASURES["drift"]}))

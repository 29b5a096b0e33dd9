"""In how many directions has each weight matrix moved?"""

import torch
import xarray as xr
from torch import Tensor

from imprint.probes.path import ends, weights_before
from imprint.probes.weights.effective_rank import entropy_rank, matrices, stable_rank
from imprint.solution import Replicas, Solution
from imprint.task import Task

NEEDS = ()
MEASURES = {
    "effective_rank": {
        "long_name": "entropy effective rank of each weight matrix's displacement from initialization",
        "units": "1",
        "dims": ("layer",),
        "prefer": None,
        "source": "Roy and Vetterli 2007",
    },
    "stable_rank": {
        "long_name": "stable rank of each weight matrix's displacement from initialization",
        "units": "1",
        "dims": ("layer",),
        "prefer": None,
        "source": "Rudelson and Vershynin 2007, arXiv math/0503442",
    },
    "last_effective_rank": {
        "long_name": "entropy effective rank of each weight matrix's change since the snapshot before",
        "units": "1",
        "dims": ("layer",),
        "prefer": None,
        "source": "Roy and Vetterli 2007",
    },
    "last_stable_rank": {
        "long_name": "stable rank of each weight matrix's change since the snapshot before",
        "units": "1",
        "dims": ("layer",),
        "prefer": None,
        "source": "Rudelson and Vershynin 2007, arXiv math/0503442",
    },
}


def displacement_ranks(now_RMN: Tensor, before_RMN: Tensor) -> tuple[Tensor, Tensor]:
    """Return the entropy effective rank and the stable rank of ``W - W0``, each ``[R]``.

    With singular values s of the difference: ``exp(-sum_i p_i log p_i)`` with ``p = s / sum(s)``, and
    ``sum_i s_i^2 / max_i s_i^2``; both are k for a sum of k orthonormal outer products. NaN where nothing moved, or a
    matrix is not known.

    >>> displacement_ranks(torch.eye(3).unsqueeze(0), torch.zeros(1, 3, 3))
    (tensor([3.]), tensor([3.]))
    """
    change_RMN = now_RMN - before_RMN
    known_R = change_RMN.isfinite().all((-2, -1))
    sigma_RK = torch.linalg.svdvals(change_RMN.where(known_R.view(-1, 1, 1), 0))
    return entropy_rank(sigma_RK), stable_rank(sigma_RK)


def measure(solution: Solution, task: Task) -> xr.Dataset:
    """Measure the rank family of the displacement of every weight matrix, up to each snapshot and since the last one.

    The snapshot before is the one of the next smaller step of the same replica; in a sequence of tasks it is the end of
    the task before, or the start, so that at ``task_k`` the change is that of task k.

    Returns:
        ``effective_rank``, ``stable_rank``, ``last_effective_rank`` and ``last_stable_rank``, from 1 to the smaller
        side of the matrix, dims ``(setting, seed, snapshot, layer)``, where a layer is labelled by the name of its
        parameter; NaN at ``init`` and for a matrix that did not move.
    """
    references = ends(solution, task)

    def kernel(replicas: Replicas) -> dict[str, Tensor]:
        now, first, before = (
            matrices(weights) for weights in (replicas.weights, replicas.initial, weights_before(replicas, references))
        )
        whole = [displacement_ranks(now[layer], first[layer]) for layer in now]
        last = [displacement_ranks(now[layer], before[layer]) for layer in now]
        return {
            "effective_rank": torch.stack([ranks[0] for ranks in whole], -1),
            "stable_rank": torch.stack([ranks[1] for ranks in whole], -1),
            "last_effective_rank": torch.stack([ranks[0] for ranks in last], -1),
            "last_stable_rank": torch.stack([ranks[1] for ranks in last], -1),
        }

    shapes = {name: weight.unsqueeze(0) for name, weight in task.model.named_parameters()}
    return solution.each(task, kernel, MEASURES, {"layer": list(matrices(shapes))})

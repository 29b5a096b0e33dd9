"""Does learning a later task undo, to first order, what earlier tasks have taught?"""

from collections.abc import Callable

import torch
import xarray as xr
from torch import Tensor

from imprint.probes.dynamics.accuracy_matrix import history
from imprint.probes.representation.class_cosine import cosines, mean_off_diagonal
from imprint.probes.stages import check_snapshots, weights_at
from imprint.probes.stages import examples as examples_of
from imprint.probes.weights.distance import flat
from imprint.solution import Replicas, Solution
from imprint.task import Task

NEEDS = ("stages",)
MEASURES = {
    "interference": {
        "long_name": "cosine of an old task's gradient with the weight change of the task just learned",
        "units": "1",
        "dims": ("stage",),
        "prefer": "low",
        "source": "Riemer et al. 2019, arXiv 1810.11910",
    },
    "mean_interference": {
        "long_name": "mean over pairs of tasks of the earlier one's gradient's cosine with the later one's change",
        "units": "1",
        "dims": (),
        "prefer": "low",
        "source": "Riemer et al. 2019, arXiv 1810.11910",
    },
    "change": {
        "long_name": "Euclidean norm of the weight change of the task just learned",
        "units": "1",
        "dims": (),
        "prefer": None,
        "source": "definition",
    },
    "gradient_cosine": {
        "long_name": "cosines between the gradients of two tasks at the same weights",
        "units": "1",
        "dims": ("stage", "stage_other"),
        "prefer": "high",
        "source": "Lopez-Paz and Ranzato 2017, arXiv 1706.08840",
    },
    "mean_gradient_cosine": {
        "long_name": "mean cosine between the gradients of two different tasks at the same weights",
        "units": "1",
        "dims": (),
        "prefer": "high",
        "source": "Lopez-Paz and Ranzato 2017, arXiv 1706.08840",
    },
}


def gradient(loss: Callable[[dict[str, Tensor]], Tensor], weights: dict[str, Tensor]) -> Tensor:
    """Return the gradient of every replica's own loss, ``[R, P]`` in float64.

    Args:
        loss: from weights by name, ``[R, *shape]``, to one loss per replica, ``[R]``.
        weights: by name.

    >>> gradient(lambda weights: weights["a"].square().sum(-1), {"a": torch.tensor([[1.0, 2.0]])})
    tensor([[2., 4.]], dtype=torch.float64)
    """
    with torch.enable_grad():
        leaves = {name: weight.detach().requires_grad_() for name, weight in weights.items()}
        slopes = torch.autograd.grad(loss(leaves).sum(), list(leaves.values()))
    return flat(dict(zip(leaves, slopes, strict=True)))


def cosine(gradients_RTP: Tensor, change_RP: Tensor) -> Tensor:
    """Return ``<g_t, d> / (||g_t|| ||d||)``, ``[R, T]`` in [-1, 1]; NaN where a vector is zero.

    Positive where the step goes up the task's loss, to first order.

    >>> cosine(torch.tensor([[[1.0, 0.0], [0.0, 2.0]]]), torch.tensor([[3.0, 0.0]]))
    tensor([[1., 0.]])
    """
    products_RT = torch.einsum("rtp,rp->rt", gradients_RTP, change_RP)
    norms_RT = gradients_RTP.norm(dim=-1) * change_RP.norm(dim=-1, keepdim=True)
    return products_RT / norms_RT.where(norms_RT > 0, torch.nan)


def measure(solution: Solution, task: Task, *, examples: int = 200) -> xr.Dataset:
    """Measure gradients of the mean loss on held-out examples against weight changes, and against one another.

    With ``w_k`` the weights after task k and ``g_a(w)`` the gradient of task a on its first test examples, row k is
    ``cos(g_a(w_{k-1}), w_k - w_{k-1})`` for the earlier tasks a < k; at ``final`` k is the last task.
    ``mean_interference`` is the mean over all pairs ``a < b <= k``.

    Args:
        solution: the solution.
        task: its task, a sequence.
        examples: how many of the first test examples of every task.

    Returns:
        ``interference`` (NaN for tasks that are not earlier), dims ``(setting, seed, snapshot, stage)``;
        ``gradient_cosine`` at the snapshot's own weights, dims ``(setting, seed, snapshot, stage, stage_other)``;
        ``mean_interference``, ``change`` and ``mean_gradient_cosine`` (over pairs of different tasks), dims
        ``(setting, seed, snapshot)``. What is about a task just learned is NaN at snapshots that end none.

    Raises:
        ValueError: if the solution lacks the snapshot at the end of a task.
    """
    check_snapshots("interference", solution, task)

    def gradients(replicas: Replicas, weights: dict[str, Tensor], stages: int) -> Tensor:
        parts = []
        for stage in range(stages):
            x, y = examples_of(replicas, "test", stage, examples)
            parts.append(gradient(lambda own, x=x, y=y: task.loss(task.logits(own, x), y).mean(-1), weights))
        return torch.stack(parts, 1)

    def one_task(replicas: Replicas) -> dict[str, Tensor]:
        cosines_RTT = cosines(gradients(replicas, replicas.weights, task.stages))
        change_R = cosines_RTT.new_full((len(replicas),), torch.nan)
        row_RT = cosines_RTT.new_full((len(replicas), task.stages), torch.nan)
        learned = history(replicas.snapshot, task.stages)
        if learned:
            before = weights_at(replicas, ["init", *learned][-2])
            change_RP = flat(replicas.weights) - flat(before)
            change_R = change_RP.norm(dim=-1)
            if len(learned) > 1:
                old = len(learned) - 1
                row_RT[:, :old] = cosine(gradients(replicas, before, old), change_RP)
        return {
            "interference": row_RT,
            "change": change_R,
            "gradient_cosine": cosines_RTT,
            "mean_gradient_cosine": mean_off_diagonal(cosines_RTT),
        }

    labels = list(range(1, task.stages + 1))
    single = {name: entry for name, entry in MEASURES.items() if name != "mean_interference"}
    rows = solution.each(task, one_task, single, {"stage": labels, "stage_other": labels})

    def all_tasks(replicas: Replicas) -> dict[str, Tensor]:
        later = history(replicas.snapshot, task.stages)[1:]
        settings, seeds = replicas.cells.T.numpy()
        table_RKT = rows["interference"].sel(snapshot=later).values[settings, seeds]
        return {"mean_interference": torch.as_tensor(table_RKT).nanmean((1, 2))}

    return rows.merge(solution.each(task, all_tasks, {"mean_interference": MEASURES["mean_interference"]}))

"""What does the network know of every task of a sequence after each of them?"""

import torch
import xarray as xr
from torch import Tensor

from imprint.solution import Replicas, Solution
from imprint.task import Task

NEEDS = ("stages",)
MEASURES = {
    "accuracy": {
        "long_name": "test accuracy on each task of the sequence",
        "units": "1",
        "dims": ("stage",),
        "prefer": "high",
        "source": "Lopez-Paz and Ranzato 2017, arXiv 1706.08840",
    },
    "masked_accuracy": {
        "long_name": "test accuracy on each task, among that task's classes",
        "units": "1",
        "dims": ("stage",),
        "prefer": "high",
        "source": "van de Ven and Tolias 2019, arXiv 1904.07734",
    },
    "loss": {
        "long_name": "mean test loss on each task of the sequence",
        "units": "1",
        "dims": ("stage",),
        "prefer": "low",
        "source": "definition",
    },
    "learned": {
        "long_name": "mean over the tasks so far of the accuracy just after each",
        "units": "1",
        "dims": (),
        "prefer": "high",
        "source": "Riemer et al. 2019, arXiv 1810.11910",
    },
    "last": {
        "long_name": "accuracy on the task just learned",
        "units": "1",
        "dims": (),
        "prefer": "high",
        "source": "definition",
    },
    "average": {
        "long_name": "mean accuracy now on the tasks so far",
        "units": "1",
        "dims": (),
        "prefer": "high",
        "source": "Lopez-Paz and Ranzato 2017, arXiv 1706.08840",
    },
    "old": {
        "long_name": "mean accuracy now on the tasks before the last",
        "units": "1",
        "dims": (),
        "prefer": "high",
        "source": "definition",
    },
    "old_masked": {
        "long_name": "mean accuracy now, among each task's classes, on the tasks before the last",
        "units": "1",
        "dims": (),
        "prefer": "high",
        "source": "van de Ven and Tolias 2019, arXiv 1904.07734",
    },
    "old_loss": {
        "long_name": "mean loss now on the tasks before the last",
        "units": "1",
        "dims": (),
        "prefer": "low",
        "source": "definition",
    },
    "forgetting": {
        "long_name": "mean over the tasks before the last of the best earlier accuracy minus that now",
        "units": "1",
        "dims": (),
        "prefer": "low",
        "source": "Chaudhry et al. 2018, arXiv 1801.10112",
    },
    "backward_transfer": {
        "long_name": "mean over the tasks before the last of the accuracy now minus that just after the task",
        "units": "1",
        "dims": (),
        "prefer": "high",
        "source": "Lopez-Paz and Ranzato 2017, arXiv 1706.08840",
    },
}


def stage_means(values_RN: Tensor, stage: Tensor, stages: int) -> Tensor:
    """Return the mean over the examples of each stage, ``[R, T]``.

    Args:
        values_RN: one value per example.
        stage: which of the stages 0..T-1 an example belongs to, ``[N]`` or ``[R, N]``.
        stages: T.

    >>> stage_means(torch.tensor([[1.0, 3.0, 5.0]]), torch.tensor([0, 0, 1]), stages=2)
    tensor([[2., 5.]])
    """
    onehot_NT = torch.nn.functional.one_hot(stage, stages).to(values_RN.dtype)
    return (values_RN.unsqueeze(-2) @ onehot_NT).squeeze(-2) / onehot_NT.sum(-2)


def stage_classes(y: Tensor, stage: Tensor, stages: int, classes: int) -> Tensor:
    """Return whether a class has examples in a stage, ``[..., T, C]``, from both by example, ``[..., N]``."""
    onehot_NT = torch.nn.functional.one_hot(stage, stages).float()
    onehot_NC = torch.nn.functional.one_hot(y, classes).float()
    return onehot_NT.mT @ onehot_NC > 0


def mask_logits(logits_RNC: Tensor, stage: Tensor, allowed_TC: Tensor) -> Tensor:
    """Return the logits with -inf for the classes that an example's stage does not have.

    Args:
        logits_RNC: ``[R, N, C]``.
        stage: ``[N]`` or ``[R, N]``.
        allowed_TC: ``[T, C]`` or ``[R, T, C]``, see :func:`stage_classes`.
    """
    index = stage.unsqueeze(-1).expand(*stage.shape, allowed_TC.shape[-1])
    return logits_RNC.masked_fill(~allowed_TC.gather(-2, index), -torch.inf)


def summaries(accuracy_RKT: Tensor, masked_RKT: Tensor, loss_RKT: Tensor) -> dict[str, Tensor]:
    """Return what the first K rows of the accuracy matrix say, each ``[R]``.

    With ``A[k, t]`` the accuracy on task t after task k, and K the last one learned:
    ``learned = mean_{k<=K} A[k, k]``, ``last = A[K, K]``, ``average = mean_{t<=K} A[K, t]``,
    ``old = mean_{t<K} A[K, t]`` (``old_masked``, ``old_loss`` alike),
    ``forgetting = mean_{t<K} (max_{k<K} A[k, t] - A[K, t])`` and
    ``backward_transfer = mean_{t<K} (A[K, t] - A[t, t])``. What is about old tasks is NaN for K = 1.

    Args:
        accuracy_RKT: a row after each of the first K of T tasks.
        masked_RKT: the same among each task's classes.
        loss_RKT: the same for the loss.

    >>> matrix = torch.tensor([[[0.9, 0.0], [0.2, 1.0]]])
    >>> result = summaries(matrix, matrix, matrix)
    >>> result["old"], result["forgetting"]
    (tensor([0.2000]), tensor([0.7000]))
    """
    learned = accuracy_RKT.shape[-2]
    just_after_RK = accuracy_RKT.diagonal(dim1=-2, dim2=-1)
    now_RK = accuracy_RKT[..., -1, :learned]
    old_RK = now_RK[..., :-1]
    best_RK = accuracy_RKT[..., : max(learned - 1, 1), : learned - 1].amax(-2)
    return {
        "learned": just_after_RK.mean(-1),
        "last": now_RK[..., -1],
        "average": now_RK.mean(-1),
        "old": old_RK.mean(-1),
        "old_masked": masked_RKT[..., -1, : learned - 1].mean(-1),
        "old_loss": loss_RKT[..., -1, : learned - 1].mean(-1),
        "forgetting": (best_RK - old_RK).mean(-1),
        "backward_transfer": (old_RK - just_after_RK[..., :-1]).mean(-1),
    }


def history(snapshot: str, stages: int) -> list[str]:
    """Return the snapshots after the first, second, ... task up to this one; none for other snapshots.

    >>> history("task_2", stages=3), history("final", stages=3), history("init", stages=3)
    (['task_1', 'task_2'], ['task_1', 'task_2', 'final'], [])
    """
    ends = [f"task_{stage}" for stage in range(1, stages + 1)]
    if snapshot == "final":
        return [*ends[:-1], "final"]
    return ends[: ends.index(snapshot) + 1] if snapshot in ends else []


def measure(solution: Solution, task: Task) -> xr.Dataset:
    """Measure the test accuracy on every task of the sequence at every snapshot, and what was forgotten.

    Returns:
        ``accuracy``, ``masked_accuracy`` in [0, 1] and ``loss``, dims ``(setting, seed, snapshot, stage)``,
        stages labelled from 1; and the measures of :func:`summaries`, dims ``(setting, seed, snapshot)``: at
        ``task_k`` about the first k tasks, at ``final`` about all, NaN at other snapshots.

    Raises:
        ValueError: if the solution lacks the snapshot at the end of a task.
    """
    names = solution.data["snapshot"].values.tolist()
    missing = [name for name in history("final", task.stages) if name not in names]
    if missing:
        raise ValueError(
            f"accuracy_matrix needs the snapshots {missing}; the solution has {names}; keep them in training"
        )

    def per_stage(replicas: Replicas) -> dict[str, Tensor]:
        stage, y = replicas.view("stage_test"), replicas.y("test")
        allowed = stage_classes(replicas.y("train"), replicas.view("stage_train"), task.stages, task.classes)
        logits_RNC = replicas.logits("test")
        per_example = {
            "accuracy": logits_RNC.argmax(-1) == y,
            "masked_accuracy": mask_logits(logits_RNC, stage, allowed).argmax(-1) == y,
            "loss": task.loss(logits_RNC, y),
        }
        return {name: stage_means(values_RN.double(), stage, task.stages) for name, values_RN in per_example.items()}

    tables = {name: entry for name, entry in MEASURES.items() if entry["dims"]}
    matrix = solution.each(task, per_stage, tables, {"stage": list(range(1, task.stages + 1))})

    def over_stages(replicas: Replicas) -> dict[str, Tensor]:
        rows = [names.index(name) for name in history(replicas.snapshot, task.stages)]
        if not rows:
            return {name: torch.full((len(replicas),), torch.nan) for name in scalars}
        settings, seeds = replicas.cells.T.numpy()
        cell = {name: torch.as_tensor(matrix[name].values[settings, seeds][:, rows]) for name in tables}
        return summaries(cell["accuracy"], cell["masked_accuracy"], cell["loss"])

    scalars = {name: entry for name, entry in MEASURES.items() if not entry["dims"]}
    return matrix.merge(solution.each(task, over_stages, scalars))

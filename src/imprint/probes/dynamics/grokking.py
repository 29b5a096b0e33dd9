"""When does the network generalize?"""

import torch
import xarray as xr
from torch import Tensor

from imprint.solution import Replicas, Solution
from imprint.task import Task

NEEDS = ()
MEASURES = {
    "time": {
        "long_name": "steps to the validation accuracy that counts as generalizing, or all steps if never",
        "units": "1",
        "dims": (),
        "prefer": "low",
        "source": "Power et al. 2022, arXiv 2201.02177; threshold of Tveit et al. 2025, arXiv 2504.16041",
    },
    "reached": {
        "long_name": "whether the validation accuracy that counts as generalizing was reached",
        "units": "1",
        "dims": (),
        "prefer": "high",
        "source": "Tveit et al. 2025, arXiv 2504.16041",
    },
    "best": {
        "long_name": "largest validation accuracy so far",
        "units": "1",
        "dims": (),
        "prefer": "high",
        "source": "definition",
    },
}


def first_step(accuracy_RE: Tensor, step_E: Tensor, end_R: Tensor, threshold: float) -> Tensor:
    """Return the step of the first evaluation up to ``end`` at which the accuracy reaches a threshold, ``[R]``.

    ``end`` itself if there is none: a lower bound of the time, so that replicas that never get there can be compared.

    Args:
        accuracy_RE: ``[R, E]``, NaN where a replica was not evaluated.
        step_E: step of each evaluation.
        end_R: the last step that counts.
        threshold: an accuracy.

    >>> accuracy = torch.tensor([[0.1, 0.96, 0.5, 0.97], [0.1, 0.2, 0.3, 0.97]])
    >>> first_step(accuracy, torch.tensor([0, 10, 20, 30]), torch.tensor([20, 20]), 0.95)
    tensor([10., 20.], dtype=torch.float64)
    """
    there_RE = (accuracy_RE >= threshold) & (step_E <= end_R.unsqueeze(1))
    return torch.where(there_RE, step_E.double(), end_R.double().unsqueeze(1)).amin(1)


def measure(solution: Solution, task: Task, *, accuracy: float = 0.95) -> xr.Dataset:
    """Measure the time to generalization up to each snapshot, from the validation accuracy in the trace.

    Args:
        solution: the solution.
        task: its task.
        accuracy: the validation accuracy that counts as generalizing.

    Returns:
        ``time`` in steps, a multiple of the steps between evaluations and at most the snapshot's step; ``reached`` 0 or
        1; ``best`` in [0, 1]; dims ``(setting, seed, snapshot)``.

    Raises:
        ValueError: if ``accuracy`` is outside (0, 1].
    """
    if not 0 < accuracy <= 1:
        raise ValueError(f"accuracy={accuracy}: a validation accuracy above 0, at most 1")
    step_E = torch.tensor(solution.data["step"].values)
    known = solution.data["validation_accuracy"].transpose("setting", "seed", ...).values
    taken = solution.data["snapshot_step"].transpose("setting", "seed", "snapshot").values
    names = solution.data["snapshot"].values.tolist()

    def kernel(replicas: Replicas) -> dict[str, Tensor]:
        rows, columns = replicas.cells.T.numpy()
        accuracy_RE = torch.as_tensor(known[rows, columns])
        end_R = torch.as_tensor(taken[rows, columns, names.index(replicas.snapshot)])
        so_far_RE = torch.where(step_E <= end_R.unsqueeze(1), accuracy_RE, torch.nan).nan_to_num(nan=-torch.inf)
        best_R = so_far_RE.amax(1)
        return {
            "time": first_step(accuracy_RE, step_E, end_R, accuracy),
            "reached": (best_R >= accuracy).double(),
            "best": torch.where(best_R.isfinite(), best_R, torch.nan),
        }

    return solution.each(task, kernel, MEASURES)

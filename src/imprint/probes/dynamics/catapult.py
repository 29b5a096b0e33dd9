"""Was the solution thrown out of the valley where training began?"""

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from imprint.solution import Replicas, Solution
from imprint.task import Task

NEEDS = ()
MEASURES = {
    "peak": {
        "long_name": "largest training loss up to the snapshot over the one at the start",
        "units": "1",
        "dims": (),
        "prefer": None,
        "source": "Lewkowycz et al. 2020, arXiv 2003.02218",
    },
    "rise": {
        "long_name": "largest ratio of a training loss to the one at the evaluation before, up to the snapshot",
        "units": "1",
        "dims": (),
        "prefer": None,
        "source": "Lewkowycz et al. 2020, arXiv 2003.02218",
    },
    "loss": {
        "long_name": "training loss at the snapshot over the one at the start",
        "units": "1",
        "dims": (),
        "prefer": "low",
        "source": "definition",
    },
}


def catapult(loss_RE: Tensor) -> dict[str, Tensor]:
    """Return what the losses ``[R, E]`` of successive evaluations say, each ``[R]``; NaN are evaluations not made.

    ``peak = max_e L_e / L_0``, ``rise = max_e L_e / L_(e-1)``, at most 1 where the loss never rose (NaN without a
    second evaluation), and ``loss``, the last one over ``L_0``.

    >>> {name: value.tolist() for name, value in catapult(torch.tensor([[2.0, 6.0, 1.0, torch.nan]])).items()}
    {'peak': [3.0], 'rise': [3.0], 'loss': [0.5]}
    """
    relative_RE = loss_RE / loss_RE[:, :1]
    ratio_RE = loss_RE[:, 1:] / loss_RE[:, :-1]
    last_R = loss_RE.isfinite().sum(-1, keepdim=True) - 1
    return {
        "peak": torch.nanquantile(relative_RE, 1.0, dim=-1),
        "rise": torch.nanquantile(ratio_RE, 1.0, dim=-1) if ratio_RE.shape[-1] else relative_RE[:, 0] * torch.nan,
        "loss": relative_RE.gather(-1, last_R).squeeze(-1),
    }


def measure(solution: Solution, task: Task) -> xr.Dataset:
    """Measure how the training loss went up to each snapshot, from the trace; what happens between is not seen.

    Returns:
        ``peak``, ``rise``, ``loss``; dims ``(setting, seed, snapshot)``.
    """
    steps_E = solution.data["step"].values

    def kernel(replicas: Replicas) -> dict[str, Tensor]:
        rows, columns = replicas.cells.T.numpy()
        reached_R = solution.data["snapshot_step"].sel(snapshot=replicas.snapshot).values[rows, columns]
        loss_RE = solution.data["train_loss"].values[rows, columns].astype(float)
        past_RE = np.where(steps_E <= reached_R[:, None], loss_RE, np.nan)
        return catapult(torch.as_tensor(past_RE))

    return solution.each(task, kernel, MEASURES)

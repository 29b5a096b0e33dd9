"""On how many training examples is the softmax loss rounded to exactly zero, so that nothing more is learned?"""

import math

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from imprint.solution import Replicas, Solution
from imprint.task import Task

NEEDS = ()
MEASURES = {
    "share": {
        "long_name": "training examples whose cross-entropy is exactly 0 in a number format",
        "units": "1",
        "dims": ("format",),
        "prefer": "low",
        "source": "Prieto et al. 2025, arXiv 2501.04697",
    },
    "zero_loss": {
        "long_name": "training examples whose loss, as it is trained, is exactly 0",
        "units": "1",
        "dims": (),
        "prefer": "low",
        "source": "Prieto et al. 2025, arXiv 2501.04697",
    },
    "onset": {
        "long_name": "step of the first kept snapshot with half of the examples at 0, or the last step if none",
        "units": "1",
        "dims": ("format",),
        "prefer": "high",
        "source": "definition",
    },
    "lead": {
        "long_name": "steps from the onset in a format to that in the next wider one",
        "units": "1",
        "dims": ("narrow",),
        "prefer": None,
        "source": "definition",
    },
}
FORMATS = {"float16": torch.float16, "float32": torch.float32, "float64": torch.float64}
HALF = 0.5


def others(logits_RNC: Tensor, y: Tensor) -> Tensor:
    """Return ``log sum_{k != y} exp(z_k - z_y)`` ``[R, N]`` in float64, minus the log odds of the target.

    Args:
        logits_RNC: ``[R, N, C]``.
        y: targets, ``[N]`` or ``[R, N]``.

    >>> others(torch.tensor([[[3.0, 1.0]]]), torch.tensor([0]))
    tensor([[-2.]], dtype=torch.float64)
    """
    logits_RNC = logits_RNC.double()
    index_RN1 = y.expand(logits_RNC.shape[:-1]).unsqueeze(-1)
    rest_RNC = logits_RNC.scatter(-1, index_RN1, -torch.inf)
    return (rest_RNC - logits_RNC.gather(-1, index_RN1)).logsumexp(-1)


def collapsed(others_RN: Tensor, format: torch.dtype) -> Tensor:
    r"""Return whether the cross-entropy is exactly 0 in a number format, ``[R, N]``.

    The loss is :math:`\log(1 + s)` with :math:`s = \sum_{k \ne y} e^{z_k - z_y}`. It is 0 where :math:`1 + s`, rounded
    once to the format, is 1: where :math:`s \le \epsilon / 2`, half of the format's distance from 1 to the next number
    (a tie goes to 1, which is even). Logits are taken as they are, s is not rounded, and so neither the order of a sum
    nor a device matters.

    Args:
        others_RN: ``log s``, see :func:`others`.
        format: a floating type.

    >>> log_s = torch.tensor([-12.0, -11.0, -8.0, -7.0]).double() * math.log(2)
    >>> collapsed(log_s, torch.float16)
    tensor([ True,  True, False, False])
    """
    return others_RN <= math.log(torch.finfo(format).eps / 2)


def onset(share_RKF: Tensor, step_RK: Tensor) -> Tensor:
    """Return the first of K steps with a share of at least one half, or the largest step if there is none, ``[R, F]``.

    Args:
        share_RKF: shares in each of F formats, NaN where a snapshot is absent.
        step_RK: steps of the snapshots.

    >>> onset(torch.tensor([[[0.0, 0.0], [0.6, 0.1], [1.0, 0.4]]]), torch.tensor([[0, 50, 90]]))
    tensor([[50., 90.]], dtype=torch.float64)
    """
    step_RK1 = step_RK.double().unsqueeze(-1)
    return torch.where(share_RKF >= HALF, step_RK1, step_RK1.amax(1, keepdim=True)).amin(1)


def measure(solution: Solution, task: Task) -> xr.Dataset:
    """Measure softmax collapse at every snapshot, and when it came, up to that snapshot.

    Cross-entropy is looked at whatever the task's loss is; ``zero_loss`` is about the task's own.

    Returns:
        ``share`` in [0, 1], which falls with the width of the format, and ``onset`` in steps: dims ``(setting, seed,
        snapshot, format)``; ``zero_loss``: without ``format``; ``lead``: dims ``(setting, seed, snapshot, narrow)``, a
        lower bound where the wider format's onset had not come, and 0 where neither had.
    """
    labels = {"format": list(FORMATS)}

    def per_snapshot(replicas: Replicas) -> dict[str, Tensor]:
        log_s_RN = others(replicas.logits("train"), replicas.y("train"))
        shares = [collapsed(log_s_RN, format).double().mean(1) for format in FORMATS.values()]
        return {"share": torch.stack(shares, 1), "zero_loss": (replicas.loss("train") == 0).double().mean(1)}

    now = {name: MEASURES[name] for name in ("share", "zero_loss")}
    shares = solution.each(task, per_snapshot, now, labels)
    steps = solution.data["snapshot_step"].transpose("setting", "seed", "snapshot").values
    names = solution.data["snapshot"].values.tolist()

    def up_to(replicas: Replicas) -> dict[str, Tensor]:
        rows, columns = replicas.cells.T.numpy()
        step_RK = steps[rows, columns]
        end_R1 = step_RK[:, [names.index(replicas.snapshot)]]
        share_RKF = np.where((step_RK <= end_R1)[..., None], shares["share"].values[rows, columns], np.nan)
        onset_RF = onset(torch.as_tensor(share_RKF), torch.as_tensor(np.minimum(step_RK, end_R1)))
        return {"onset": onset_RF, "lead": onset_RF.diff(dim=1)}

    then = {name: MEASURES[name] for name in ("onset", "lead")}
    return shares.merge(solution.each(task, up_to, then, {**labels, "narrow": list(FORMATS)[:-1]}))

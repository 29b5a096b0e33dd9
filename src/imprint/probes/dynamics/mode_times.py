"""In which order, and when, does a linear network learn the singular modes of its task?"""

import torch
import xarray as xr
from torch import Tensor

from imprint.probes.slopes import slope
from imprint.probes.weights.effective_rank import entropy_rank
from imprint.solution import Replicas, Solution
from imprint.task import Task

NEEDS = ("modes",)
KEPT = ("snapshots",)
MEASURES = {
    "value": {
        "long_name": "singular value of the input-output correlation",
        "units": "1",
        "dims": ("mode",),
        "prefer": None,
        "source": "Saxe et al. 2014, arXiv 1312.6120",
    },
    "strength": {
        "long_name": "share of each singular mode that is learned",
        "units": "1",
        "dims": ("mode",),
        "prefer": None,
        "source": "Saxe et al. 2014, arXiv 1312.6120",
    },
    "time": {
        "long_name": "step of the first kept snapshot at which each singular mode is learned",
        "units": "1",
        "dims": ("mode",),
        "prefer": "low",
        "source": "Saxe et al. 2014, arXiv 1312.6120",
    },
    "learned": {
        "long_name": "number of singular modes learned at this snapshot",
        "units": "1",
        "dims": (),
        "prefer": "high",
        "source": "Dragutinovic and Ranganath 2026, arXiv 2603.00742",
    },
    "slope": {
        "long_name": "slope of log learning time on log singular value",
        "units": "1",
        "dims": (),
        "prefer": None,
        "source": "Vasudeva et al. 2025, arXiv 2510.22980",
    },
    "spread": {
        "long_name": "longest over shortest learning time of a singular mode",
        "units": "1",
        "dims": (),
        "prefer": None,
        "source": "Vasudeva et al. 2025, arXiv 2510.22980",
    },
    "plateaus": {
        "long_name": "waits between two learned modes in which the steps grow by more than a fifth",
        "units": "1",
        "dims": (),
        "prefer": None,
        "source": "Dragutinovic and Ranganath 2026, arXiv 2603.00742",
    },
    "rank": {
        "long_name": "entropy effective rank of the map from inputs to outputs",
        "units": "1",
        "dims": (),
        "prefer": None,
        "source": "Roy and Vetterli 2007",
    },
}
LEARNED = 0.9
WAIT = 1.2


def first_times(strength_RSM: Tensor, step_RS: Tensor) -> Tensor:
    """Return the earliest step at which each mode is learned, ``[R, M]``; NaN for one that never is.

    Args:
        strength_RSM: learned share of each mode at each snapshot.
        step_RS: steps of the snapshots, in any order; negative for one that was not reached.

    >>> first_times(torch.tensor([[[1.0, 0.2], [0.3, 0.1], [0.95, 0.8]]]), torch.tensor([[50, 0, 20]]))
    tensor([[20., nan]], dtype=torch.float64)
    """
    step_RS1 = step_RS.double().unsqueeze(-1)
    time_RSM = torch.where((strength_RSM >= LEARNED) & (step_RS1 >= 0), step_RS1, torch.inf)
    first_RM = time_RSM.amin(1)
    return first_RM.where(first_RM.isfinite(), torch.nan)


def spread(time_RM: Tensor) -> Tensor:
    """Return the largest over the smallest of the values that are not NaN; NaN if all are.

    >>> spread(torch.tensor([[10.0, 40.0, torch.nan], [torch.nan, torch.nan, torch.nan]]))
    tensor([4., nan])
    """
    most_R, least_R = time_RM.nan_to_num(nan=-torch.inf).amax(-1), time_RM.nan_to_num(nan=torch.inf).amin(-1)
    return torch.where(least_R.isfinite(), most_R / least_R, torch.nan)


def plateaus(time_RM: Tensor) -> Tensor:
    """Return how many times the number of learned modes waits for the next one while steps grow by over a fifth.

    Zero for modes that are learned together; at most one less than the number of modes.

    >>> plateaus(torch.tensor([[100.0, 10.0, 105.0, torch.nan], [100.0, 110.0, 100.0, 120.0]]))
    tensor([1, 0])
    """
    ranked_RM = time_RM.nan_to_num(nan=torch.inf).sort(-1).values
    later, sooner = ranked_RM[:, 1:], ranked_RM[:, :-1]
    return ((later > WAIT * sooner) & later.isfinite()).sum(-1)


def is_linear(replicas: Replicas, probes_RND: Tensor) -> bool:
    """Whether doubling the inputs doubles the outputs."""
    once = replicas.task.logits(replicas.weights, probes_RND)
    twice = replicas.task.logits(replicas.weights, 2 * probes_RND)
    return torch.allclose(twice, 2 * once, rtol=1e-4, atol=1e-6)


def respond(replicas: Replicas) -> tuple[Tensor, Tensor]:
    """Return the learned share of each mode, ``u' W v / strength``, ``[R, M]``, and the rank of W, ``[R]``.

    Raises:
        ValueError: if the network is not linear.
    """
    count = len(replicas)
    left, right, strength = (replicas.view(f"modes_{name}") for name in ("left", "right", "strength"))
    axes = torch.eye(right.shape[-1], dtype=right.dtype, device=right.device)
    map_RDC = replicas.task.logits(replicas.weights, axes.expand(count, -1, -1))
    if not is_linear(replicas, axes.expand(count, -1, -1)):
        raise ValueError(
            f"mode_times needs a linear network, but doubling the inputs does not double the outputs of model "
            f"{type(replicas.task.model).__name__}; use model: {{name: deep_linear}}"
        )
    share_RM = ((right @ map_RDC) * left).sum(-1) / strength
    return share_RM.double(), entropy_rank(torch.linalg.svdvals(map_RDC.double()))


def measure(solution: Solution, task: Task) -> xr.Dataset:
    r"""Measure when each singular mode of the view ``modes`` is learned to 90 %, over the kept snapshots.

    The view gives unit vectors u among the outputs and v among the features of every mode, its singular value
    in the input-output correlation, and its singular value s in the map to be learned; the learned share of a
    mode by a network that computes :math:`Wx` is :math:`u^\top W v / s`. What is said at a snapshot is about
    the snapshots up to it, and no time is known better than they are apart.

    Returns:
        ``value``, ``strength`` and ``time`` in steps (NaN for a mode not learned so far), dims ``(setting, seed,
        snapshot, mode)``, modes labelled from 1; ``learned``, ``rank``, and over the modes that were learned by
        training (not at step 0) ``slope``, ``spread`` and ``plateaus``, dims ``(setting, seed, snapshot)``.

    Raises:
        ValueError: if the network is not linear.
    """
    modes = task.data.sizes["mode"]
    names = solution.data["snapshot"].values.tolist()

    def at_snapshot(replicas: Replicas) -> dict[str, Tensor]:
        strength_RM, rank_R = respond(replicas)
        value_RM = replicas.view("modes_value").double().expand(strength_RM.shape)
        learned_R = (strength_RM >= LEARNED).sum(-1)
        return {"strength": strength_RM, "value": value_RM, "learned": learned_R, "rank": rank_R}

    coords = {"mode": list(range(1, modes + 1))}
    known = ("strength", "value", "learned", "rank")
    now = solution.each(task, at_snapshot, {name: MEASURES[name] for name in known}, coords)

    def so_far(replicas: Replicas) -> dict[str, Tensor]:
        settings, seeds = replicas.cells.T.numpy()
        strength_RSM = torch.as_tensor(now["strength"].values[settings, seeds])
        step_RS = torch.as_tensor(solution.data["snapshot_step"].values[settings, seeds])
        current_R1 = step_RS[:, [names.index(replicas.snapshot)]]
        time_RM = first_times(strength_RSM, step_RS.where(step_RS <= current_R1, -1))
        trained_RM = time_RM.where(time_RM > 0, torch.nan)
        return {
            "time": time_RM,
            "slope": slope(replicas.view("modes_value").double().log().expand(time_RM.shape), trained_RM.log()),
            "spread": spread(trained_RM),
            "plateaus": plateaus(trained_RM),
        }

    rest = {name: entry for name, entry in MEASURES.items() if name not in known}
    return now.merge(solution.each(task, so_far, rest, coords))[list(MEASURES)]

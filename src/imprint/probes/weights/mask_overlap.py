"""Are the largest weights at the end those that were the largest at the start?"""

import torch
import xarray as xr
from torch import Tensor

from imprint.probes.weights.pruning_curve import largest
from imprint.solution import Replicas, Solution
from imprint.task import Task

NEEDS = ()
MEASURES = {
    "overlap": {
        "long_name": "share of the initially largest weights of each layer that are among the largest now",
        "units": "1",
        "dims": ("percent",),
        "prefer": None,
        "source": "Schwarz et al. 2021, arXiv 2110.00296",
    },
    "agreement": {
        "long_name": "share of all weights that are among the largest, or not, both initially and now",
        "units": "1",
        "dims": ("percent",),
        "prefer": None,
        "source": "definition",
    },
}
PERCENT = (1, 5, 15, 50)


def overlap(weights: list[Tensor], initial: list[Tensor], kept: float) -> tuple[Tensor, Tensor]:
    """Return the overlap of two networks' masks of the largest weights, and their agreement, each ``[R]``.

    A mask has ``round(kept * P)`` of each layer's P weights (more with ties). Overlap: weights in both masks over
    weights in the initial one, by chance ``kept``. Agreement: weights in both or in neither over all weights, by
    chance ``kept^2 + (1 - kept)^2``.

    Args:
        weights: of each layer, ``[R, *shape]``.
        initial: the same at the start.
        kept: fraction of each layer in its mask.

    >>> now, before = torch.tensor([[4.0, 3.0, 1.0, 0.0]]), torch.tensor([[4.0, 1.0, 3.0, 0.0]])
    >>> overlap([now], [before], 0.5)
    (tensor([0.5000], dtype=torch.float64), tensor([0.5000], dtype=torch.float64))
    """
    pairs = [[largest(side.flatten(1).abs(), kept) for side in layer] for layer in zip(weights, initial, strict=True)]
    now_RP, before_RP = (torch.cat(side, -1) for side in zip(*pairs, strict=True))
    both_R = (now_RP & before_RP).double().sum(-1)
    return both_R / before_RP.sum(-1), (now_RP == before_RP).double().mean(-1)


def measure(solution: Solution, task: Task) -> xr.Dataset:
    """Measure the overlap of the masks of the largest weights now and at the snapshot ``init``, over all layers.

    Returns:
        ``overlap`` and ``agreement`` in [0, 1], dims ``(setting, seed, snapshot, percent)``; 1 at ``init``.
    """

    def kernel(replicas: Replicas) -> dict[str, Tensor]:
        names = [name for name, weight in replicas.weights.items() if weight.dim() > 2]
        now, before = ([side[name] for name in names] for side in (replicas.weights, replicas.initial))
        pairs = [overlap(now, before, percent / 100) for percent in PERCENT]
        return {
            "overlap": torch.stack([pair[0] for pair in pairs], -1),
            "agreement": torch.stack([pair[1] for pair in pairs], -1),
        }

    return solution.each(task, kernel, MEASURES, {"percent": list(PERCENT)})

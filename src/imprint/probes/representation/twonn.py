"""On how many dimensions do the activations of each hidden layer lie?"""

import torch
import xarray as xr
from torch import Tensor

from imprint.probes.representation.activation_rank import hidden_layers
from imprint.solution import Replicas, Solution
from imprint.task import Task

NEEDS = ()
MEASURES = {
    "dimension": {
        "long_name": "intrinsic dimension of each hidden layer's test activations, from two nearest neighbours",
        "units": "1",
        "dims": ("layer",),
        "prefer": None,
        "source": "Facco et al. 2017, doi 10.1038/s41598-017-11873-y; Ansuini et al. 2019, arXiv 1905.12784",
    },
    "last_dimension": {
        "long_name": "intrinsic dimension of the last hidden layer's test activations, from two nearest neighbours",
        "units": "1",
        "dims": (),
        "prefer": None,
        "source": "Facco et al. 2017, doi 10.1038/s41598-017-11873-y; Ansuini et al. 2019, arXiv 1905.12784",
    },
}
FEWEST = 3


def neighbour_ratios(x_NH: Tensor) -> Tensor:
    """Return for each of N points the distance of its second neighbour over that of its first, ``[N]``.

    NaN where another point is at the same place.

    >>> neighbour_ratios(torch.tensor([[0.0], [1.0], [3.0]]))
    tensor([3.0000, 2.0000, 1.5000])
    """
    distance_NN = torch.cdist(x_NH, x_NH, compute_mode="donot_use_mm_for_euclid_dist")
    distance_NN.fill_diagonal_(torch.inf)
    first_N, second_N = distance_NN.topk(2, largest=False).values.unbind(-1)
    return second_N / first_N.where(first_N > 0, torch.nan)


def dimension(ratios_RN: Tensor, discard: float = 0.1) -> Tensor:
    r"""Return the dimension from ratios of neighbour distances, ``[R]``.

    Where the density hardly changes between neighbours the ratio has the distribution :math:`F(\mu) = 1 - \mu^{-d}`. So
    d is the slope through 0 of :math:`-\log(1 - i/n)` on :math:`\log \mu_i`, the i-th smallest of n, without the
    largest (Facco et al. 2017). NaN with fewer than three ratios, or if all are 1.

    Args:
        ratios_RN: at least 1; NaN are left out.
        discard: share of the largest that are left out.

    >>> ratios = torch.exp(-torch.log1p(-torch.arange(1, 10) / 10) / 4)
    >>> dimension(ratios.unsqueeze(0), discard=0)
    tensor([4.])
    """
    log_RN = ratios_RN.log().sort(-1).values  # NaN last
    count_R1 = log_RN.isfinite().sum(-1, keepdim=True)
    rank_N = torch.arange(1, log_RN.shape[-1] + 1, device=log_RN.device)
    kept_RN = rank_N <= torch.floor((1 - discard) * count_R1)
    height_RN = -torch.log1p(-torch.where(kept_RN, rank_N / (count_R1 + 1), 0))
    log_RN = torch.where(kept_RN, log_RN, 0)
    spread_R = torch.square(log_RN).sum(-1)
    known_R = (count_R1.squeeze(-1) >= FEWEST) & (spread_R > 0)
    return torch.where(known_R, (log_RN * height_RN).sum(-1) / spread_R, torch.nan)


def measure(solution: Solution, task: Task, *, examples: int = 1000, discard: float = 0.1) -> xr.Dataset:
    """Measure the intrinsic dimension of every hidden layer.

    Args:
        solution: of a model that shows hidden activations.
        task: its task.
        examples: how many of the first test examples are looked at; their number squared is the cost.
        discard: share of the largest ratios that are left out.

    Returns:
        ``dimension``, dims ``(setting, seed, snapshot, layer)``, and ``last_dimension``, dims ``(setting, seed,
        snapshot)``; with n examples and dimension d the standard error is about ``d / sqrt(n)``.

    Raises:
        ValueError: if the model shows no hidden activations.
    """
    layers = hidden_layers(task)

    def kernel(replicas: Replicas) -> dict[str, Tensor]:
        hidden = replicas.activations("test")
        ratios = [
            torch.stack([neighbour_ratios(x_NH) for x_NH in hidden[layer][:, :examples].double()]) for layer in layers
        ]
        found_RL = torch.stack([dimension(ratios_RN, discard) for ratios_RN in ratios], -1)
        return {"dimension": found_RL, "last_dimension": found_RL[:, -1]}

    return solution.each(task, kernel, MEASURES, {"layer": layers})

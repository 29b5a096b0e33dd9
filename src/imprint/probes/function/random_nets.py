"""How complex are functions of networks with random weights? A check of the measures, not of a solution."""

import itertools
import math

import torch
import xarray as xr
from scipy.stats import rankdata
from torch import Tensor

from imprint.models.activations import ACTIVATIONS
from imprint.probes.function.complexity import KINDS, chebyshev, fourier, lempel_ziv, points
from imprint.solution import Replicas, Solution
from imprint.streams import generator
from imprint.task import Task

NEEDS = ()
MEASURES = {
    "relu_change": {
        "long_name": "relative change of the mean frequency of rectifier networks when parameters are multiplied by 10",
        "units": "1",
        "dims": ("scaled",),
        "prefer": None,
        "source": "Teney et al. 2024, arXiv 2403.02241",
    },
    "tanh_ratio": {
        "long_name": "mean frequency of tanh networks after over before parameters are multiplied by 10",
        "units": "1",
        "dims": ("scaled",),
        "prefer": None,
        "source": "Teney et al. 2024, arXiv 2403.02241",
    },
    "width_change": {
        "long_name": "relative change of the mean frequency of rectifier networks from width 32 to 512",
        "units": "1",
        "dims": (),
        "prefer": None,
        "source": "Teney et al. 2024, arXiv 2403.02241",
    },
    "agreement": {
        "long_name": "least rank correlation of two complexity measures over random networks",
        "units": "1",
        "dims": ("pool",),
        "prefer": "high",
        "source": "Teney et al. 2024, arXiv 2403.02241",
    },
}
SCALED = ("weights", "all")
POOLS = ("tanh", "both")
WIDTHS = (32, 64, 512)
SCALES = (1.0, 3.0, 10.0, 30.0)
LEVELS = 10

Layers = list[tuple[Tensor, Tensor]]


def draw(width: int, depth: int, stream: torch.Generator) -> Layers:
    """Return weights and biases of a network from 2 inputs over ``depth`` hidden layers to 1 output.

    A layer's weights are uniform on ``[-s, s]`` with ``s = sqrt(6 / (inputs + outputs))`` (Glorot and Bengio 2010),
    biases on ``[-1, 1]``.
    """
    sizes = [2, *[width] * depth, 1]
    layers = []
    for inputs, outputs in itertools.pairwise(sizes):
        bound = math.sqrt(6 / (inputs + outputs))
        weight = torch.empty(outputs, inputs, dtype=torch.float64).uniform_(-bound, bound, generator=stream)
        layers.append((weight, torch.empty(outputs, dtype=torch.float64).uniform_(-1, 1, generator=stream)))
    return layers


def scaled_by(layers: Layers, factor: float, which: str) -> Layers:
    """Return the layers with their ``weights``, or ``all`` their parameters, multiplied by a factor."""
    return [(factor * weight, bias if which == "weights" else factor * bias) for weight, bias in layers]


def evaluate(layers: Layers, activation: str, x_ND: Tensor) -> Tensor:
    """Return the network's output on inputs ``[N, 2]``, ``[N]``."""
    for weight, bias in layers[:-1]:
        x_ND = ACTIVATIONS[activation](x_ND @ weight.mT + bias)
    weight, bias = layers[-1]
    return (x_ND @ weight.mT + bias).squeeze(-1)


def surfaces(networks: list[Layers], activation: str, grid: int, kind: str) -> Tensor:
    """Return the networks' outputs on a grid of the square, ``[networks, G, G]``."""
    x_ND = points(grid, kind)
    return torch.stack([evaluate(layers, activation, x_ND).view(grid, grid) for layers in networks])


def rank_correlation(values_NM: Tensor) -> Tensor:
    """Return Spearman's correlations of the M columns over N rows, ``[M, M]``; ties get their mean rank.

    >>> rank_correlation(torch.tensor([[1.0, 10.0], [2.0, 30.0], [3.0, 20.0]]))[0, 1].round(decimals=6)
    tensor(0.5000, dtype=torch.float64)
    """
    return torch.corrcoef(torch.as_tensor(rankdata(values_NM.numpy(), axis=0)).mT)


def of_seed(seed: int, *, nets: int, depth: int, grid: int) -> dict[str, Tensor]:
    """Return the measures of one seed, each without a replica axis; see :func:`measure`."""
    drawn = {
        width: [draw(width, depth, generator(seed, "nets", width, net)) for net in range(nets)] for width in WIDTHS
    }

    def frequency(networks: list[Layers], activation: str) -> Tensor:
        return fourier(surfaces(networks, activation, grid, "even")).mean()

    def factor(activation: str, which: str) -> Tensor:
        after = [scaled_by(layers, 10.0, which) for layers in drawn[64]]
        return frequency(after, activation) / frequency(drawn[64], activation)

    three = {activation: [] for activation in ("relu", "tanh")}
    for activation, factor_of in itertools.product(three, SCALES):
        networks = [scaled_by(layers, factor_of, "all") for layers in drawn[64]]
        even, zeros = (surfaces(networks, activation, grid, kind) for kind in KINDS)
        three[activation].append(torch.stack([fourier(even), chebyshev(zeros), lempel_ziv(even, LEVELS)], -1))
    pools = {"tanh": three["tanh"], "both": [*three["relu"], *three["tanh"]]}
    return {
        "relu_change": torch.stack([factor("relu", which) - 1 for which in SCALED]),
        "tanh_ratio": torch.stack([factor("tanh", which) for which in SCALED]),
        "width_change": frequency(drawn[512], "relu") / frequency(drawn[32], "relu") - 1,
        "agreement": torch.stack([rank_correlation(torch.cat(pools[pool])).min() for pool in POOLS]),
    }


def measure(solution: Solution, task: Task, *, nets: int = 6, depth: int = 2, grid: int = 24) -> xr.Dataset:
    """Measure random networks on the square ``[-1, 1]^2``: drawn for every seed, the same whatever was trained.

    Frequencies are means over networks before they are compared; networks that are compared over scales are the same
    up to the scale.

    Args:
        solution: of which only the seeds count.
        task: not used.
        nets: how many networks of every width are drawn for a seed.
        depth: number of hidden layers.
        grid: points along a side.

    Returns:
        ``relu_change`` and ``tanh_ratio`` by ``scaled`` (``weights`` alone, as in the source, or ``all`` parameters),
        at width 64; ``width_change``; ``agreement`` by ``pool`` (``tanh`` networks at scales 1 to 30 of all
        parameters, or ``both`` these and rectifier networks); with dims ``(setting, seed, snapshot)`` before.
    """
    found = {seed: of_seed(seed, nets=nets, depth=depth, grid=grid) for seed in solution.data["seed"].values.tolist()}
    seeds = list(found)

    def kernel(replicas: Replicas) -> dict[str, Tensor]:
        own = [found[seeds[column]] for column in replicas.cells[:, 1].tolist()]
        return {name: torch.stack([values[name] for values in own]) for name in MEASURES}

    return solution.each(task, kernel, MEASURES, {"scaled": list(SCALED), "pool": list(POOLS)})

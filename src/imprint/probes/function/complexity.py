"""How complex is the function that a network computes on a square of inputs?"""

import math

import torch
import xarray as xr
from torch import Tensor

from imprint.solution import Replicas, Solution
from imprint.task import Task

NEEDS = ()
MEASURES = {
    "fourier": {
        "long_name": "mean frequency of the logits on the square, weighted by amplitude",
        "units": "cycles per side",
        "dims": (),
        "prefer": None,
        "source": "after Teney et al. 2024, arXiv 2403.02241",
    },
    "chebyshev": {
        "long_name": "mean order of the Chebyshev polynomials in the logits on the square, weighted by amplitude",
        "units": "1",
        "dims": (),
        "prefer": None,
        "source": "after Teney et al. 2024, arXiv 2403.02241",
    },
    "lempel_ziv": {
        "long_name": "phrases in the Lempel-Ziv dictionary of the rounded logits on the square",
        "units": "1",
        "dims": (),
        "prefer": None,
        "source": "after Teney et al. 2024, arXiv 2403.02241; Ziv and Lempel 1978",
    },
    "growth": {
        "long_name": "mean frequency of the logits over that before training",
        "units": "1",
        "dims": (),
        "prefer": None,
        "source": "after Teney et al. 2024, arXiv 2403.02241",
    },
}
KINDS = ("even", "chebyshev")
DEVIATIONS = 2.0


def coordinates(count: int, kind: str) -> Tensor:
    """Return where a surface is sampled along a side, ``[G]`` from -1 to 1.

    ``even``: the middles of G equal intervals. ``chebyshev``: the zeros of the Chebyshev polynomial of order G.
    """
    middle_G = (torch.arange(count, dtype=torch.float64) + 0.5) / count
    return 2 * middle_G - 1 if kind == "even" else -torch.cos(math.pi * middle_G)


def points(count: int, kind: str) -> Tensor:
    """Return the grid of :func:`coordinates` on the square, ``[G * G, 2]``, the second coordinate running first."""
    return torch.cartesian_prod(coordinates(count, kind), coordinates(count, kind))


def amplitudes(surface: Tensor) -> Tensor:
    r"""Return the sizes of the coefficients of cosines, ``[..., G, G]``, without the constant one.

    :math:`f(x_i, y_j) = \sum_{nm} c_{nm} \cos(\pi n (i + 1/2) / G) \cos(\pi m (j + 1/2) / G)`. On the middles of equal
    intervals this is the Fourier series of the function mirrored at the sides; at the zeros of a Chebyshev polynomial
    it is the series of products of Chebyshev polynomials :math:`T_n(x) T_m(y)`.

    Args:
        surface: values on the grid, ``[..., G, G]``.
    """
    count = surface.shape[-1]
    order_G = torch.arange(count, dtype=torch.float64)
    transform_GG = 2 / count * torch.cos(math.pi / count * torch.outer(order_G, order_G + 0.5))
    transform_GG[0] /= 2
    size = (transform_GG @ surface.double() @ transform_GG.mT).abs()
    size[..., 0, 0] = 0
    return size


def weighted(amplitude: Tensor, level: Tensor) -> Tensor:
    """Return the mean of levels ``[G, G]`` weighted by amplitudes ``[..., G, G]``, ``[...]``; 0 if all of these are."""
    total = amplitude.sum((-1, -2))
    return (amplitude * level).sum((-1, -2)) / total.where(total > 0, 1)


def fourier(surface: Tensor) -> Tensor:
    r"""Return the mean frequency ``[...]`` of a surface on the ``even`` grid, in cycles per side; 0 for a constant.

    :math:`\sum |c_{nm}| \tfrac12 \sqrt{n^2 + m^2} / \sum |c_{nm}|` over all but the constant coefficient. The surface
    is mirrored at the sides before it is taken apart: as it is, it jumps between opposite sides, and high frequencies
    would tell of the jump, for a plane as for any other function.

    >>> wave = torch.cos(math.pi * 3 * coordinates(16, "even"))  # three cycles from -1 to 1
    >>> fourier(wave.expand(16, 16)).round(decimals=6)
    tensor(3., dtype=torch.float64)
    """
    order_G = torch.arange(surface.shape[-1], dtype=torch.float64)
    return weighted(amplitudes(surface), torch.hypot(order_G.unsqueeze(1), order_G) / 2)


def chebyshev(surface: Tensor) -> Tensor:
    r"""Return the mean order ``[...]`` of a surface on the ``chebyshev`` grid; 0 for a constant.

    :math:`\sum |c_{nm}| (n + m) / \sum |c_{nm}|` over all but the constant coefficient.

    >>> x = coordinates(16, "chebyshev")
    >>> chebyshev((4 * x**3 - 3 * x).expand(16, 16)).round(decimals=6)
    tensor(3., dtype=torch.float64)
    """
    order_G = torch.arange(surface.shape[-1], dtype=torch.float64)
    return weighted(amplitudes(surface), order_G.unsqueeze(1) + order_G)


def rounded(surface: Tensor, levels: int) -> Tensor:
    """Return which of so many equal steps from its least to its largest value each number is on, ``[..., G, G]`` uint8.

    >>> rounded(torch.tensor([[0.0, 1.0], [0.6, 0.3]]), 2)
    tensor([[0, 1],
            [1, 0]], dtype=torch.uint8)
    """
    low, high = surface.amin((-1, -2), keepdim=True), surface.amax((-1, -2), keepdim=True)
    share = (surface - low) / (high - low).where(high > low, 1)
    return (share * levels).floor().clamp(max=levels - 1).to(torch.uint8)


def phrases(text: bytes) -> int:
    """Return into how many phrases the parsing of Ziv and Lempel (1978) cuts a text.

    Each phrase is the shortest one that is not yet in the dictionary of phrases; the last may be there already.

    >>> phrases(b"aaaaaa"), phrases(b"abracadabra"), phrases(b"")
    (3, 7, 0)
    """
    known, phrase = set(), b""
    for place in range(len(text)):
        phrase += text[place : place + 1]
        if phrase not in known:
            known.add(phrase)
            phrase = b""
    return len(known) + bool(phrase)


def lempel_ziv(surface: Tensor, levels: int) -> Tensor:
    """Return the :func:`phrases` of surfaces ``[..., G, G]``, the mean of those by rows and by columns, ``[...]``."""
    flat = rounded(surface, levels).reshape(-1, *surface.shape[-2:]).cpu()
    found = [(phrases(rows.numpy().tobytes()) + phrases(rows.mT.contiguous().numpy().tobytes())) / 2 for rows in flat]
    return torch.tensor(found, dtype=torch.float64).view(surface.shape[:-2])


def plane(x_ND: Tensor) -> tuple[Tensor, Tensor]:
    """Return origin ``[D]`` and axes ``[2, D]`` of the plane that is looked at.

    With two features that is the plane itself. With more, it goes through the mean of the inputs along their two
    leading principal directions, and an axis is two standard deviations of the inputs along it.
    """
    count, features = x_ND.shape
    if features == 2:
        return torch.zeros(2, dtype=torch.float64), torch.eye(2, dtype=torch.float64)
    mean_D = x_ND.double().mean(0)
    centred_ND = x_ND.double() - mean_D
    variance, direction = torch.linalg.eigh(centred_ND.mT @ centred_ND / count)
    return mean_D, DEVIATIONS * (direction * variance.clamp(min=0).sqrt())[:, -2:].mT


def measure(solution: Solution, task: Task, *, grid: int = 32, levels: int = 10) -> xr.Dataset:
    """Measure the complexity of the logits on the square ``[-1, 1]^2``, of coordinates of :func:`plane`.

    A surface is a class's logit minus the mean over classes; measures are means over the classes' surfaces.

    Args:
        solution: the solution.
        task: its task, whose inputs are vectors of at least two numbers.
        grid: points along a side, so that frequencies up to half of it are seen.
        levels: to which logits are rounded for ``lempel_ziv``, at least 2.

    Returns:
        ``fourier``, ``chebyshev`` and ``lempel_ziv``, each at least 0, and ``growth``, NaN for a network that was
        constant; dims ``(setting, seed, snapshot)``.

    Raises:
        ValueError: an option outside its range, or inputs that are no such vectors.
    """
    if grid < 4 or not 2 <= levels <= 256:
        raise ValueError(f"complexity: grid {grid} is at least 4, levels {levels} lies between 2 and 256")
    x = task.split("train")[0]
    if task.input_dims != 2 or not x.is_floating_point() or x.shape[-1] < 2:
        raise ValueError(
            f"complexity looks at a plane of vectors of at least 2 numbers; inputs have the shape {list(x.shape)} of "
            f"{x.dtype}: take this probe out of the experiment or choose another task"
        )
    planes = [plane(x_ND) for x_ND in (x if task.seeded else x.unsqueeze(0))]
    inputs = {kind: torch.stack([o + points(grid, kind) @ axes for o, axes in planes]).to(x) for kind in KINDS}
    data_of_seed = task.seed_index(solution.data["seed"].values.tolist())

    def surfaces(weights: dict[str, Tensor], kind: str, own_R: Tensor) -> Tensor:
        logits_RNC = task.logits(weights, inputs[kind][own_R]).double()
        relative_RNC = logits_RNC - logits_RNC.mean(-1, keepdim=True)
        return relative_RNC.mT.unflatten(-1, (grid, grid))

    def kernel(replicas: Replicas) -> dict[str, Tensor]:
        own_R = data_of_seed[replicas.cells[:, 1]]
        even = surfaces(replicas.weights, "even", own_R)
        zeros = surfaces(replicas.weights, "chebyshev", own_R)
        before_R = fourier(surfaces(replicas.initial, "even", own_R)).mean(-1)
        now_R = fourier(even).mean(-1)
        return {
            "fourier": now_R,
            "chebyshev": chebyshev(zeros).mean(-1),
            "lempel_ziv": lempel_ziv(even, levels).mean(-1),
            "growth": (now_R / before_R).where(before_R > 0, torch.nan),
        }

    return solution.each(task, kernel, MEASURES)

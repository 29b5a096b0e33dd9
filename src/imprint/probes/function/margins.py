"""Margin of a linear classifier in three norms, beside a certificate of the best margin there is."""

import numpy as np
import torch
import xarray as xr
from scipy.optimize import linprog
from torch import Tensor

from imprint.solution import Replicas, Solution
from imprint.task import Task

NEEDS = ()
MEASURES = {
    "margin": {
        "long_name": "smallest multiclass margin of the training examples over the norm of the weights",
        "units": "1",
        "dims": ("norm",),
        "prefer": None,
        "source": "Fan et al. 2025, arXiv 2502.04664",
    },
    "bound": {
        "long_name": "certified upper bound on the best margin in each norm",
        "units": "1",
        "dims": ("norm",),
        "prefer": None,
        "source": "minimax theorem",
    },
    "bound_gap": {
        "long_name": "largest possible excess of the bound over the best margin, relative to the bound",
        "units": "1",
        "dims": ("norm",),
        "prefer": "low",
        "source": "Chambolle and Pock 2011",
    },
    "ratio": {
        "long_name": "margin over the certified upper bound",
        "units": "1",
        "dims": ("norm",),
        "prefer": None,
        "source": "Fan et al. 2025, arXiv 2502.04664",
    },
    "max_norm_optimum": {
        "long_name": "best margin in the max-norm, from a linear programme",
        "units": "1",
        "dims": (),
        "prefer": None,
        "source": "Huangfu and Hall 2018",
    },
}
NORMS = ("max", "spectral", "l2")


def norm(weights: Tensor, name: str) -> Tensor:
    """Return the largest entry (``max``) or singular value (``spectral``), or the root of squares (``l2``).

    ``[...]`` from ``[..., C, D]``; signs of entries do not count.
    """
    if name == "max":
        return weights.abs().amax((-2, -1))
    return torch.linalg.matrix_norm(weights, {"spectral": 2, "l2": "fro"}[name])


def dual_norm(gradient: Tensor, name: str) -> Tensor:
    """Return ``max <G, W>`` over ``norm(W) <= 1``: the sum of entries or of singular values, or l2 again."""
    if name == "max":
        return gradient.abs().sum((-2, -1))
    return torch.linalg.matrix_norm(gradient, {"spectral": "nuc", "l2": "fro"}[name])


def project(weights_CD: Tensor, name: str) -> Tensor:
    """Return the nearest matrix with ``norm <= 1``."""
    if name == "max":
        return weights_CD.clamp(-1, 1)
    if name == "l2":
        return weights_CD / weights_CD.norm().clamp(min=1)
    left, sigma, right = torch.linalg.svd(weights_CD, full_matrices=False)
    return (left * sigma.clamp(max=1)) @ right


def score_gaps(weights: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Return ``(w_y - w_j) x`` for every example and class, ``[..., N, C]``; 0 at ``j = y``.

    Args:
        weights: ``[..., C, D]``.
        x: ``[N, D]`` or ``[..., N, D]``.
        y: ``[N]`` or ``[..., N]``.
    """
    scores = x @ weights.mT
    index = y.expand(scores.shape[:-1]).unsqueeze(-1)
    return scores.gather(-1, index) - scores


def margins(weights: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Return ``min over i and j != y_i of (w_{y_i} - w_j) x_i / norm(W)``, ``[..., 3]`` as in ``NORMS``.

    Positive if and only if every example is classified correctly; NaN for zero weights. Arguments as in
    :func:`score_gaps`.

    >>> margins(torch.tensor([[3.0, 0.0], [0.0, 4.0]]), torch.eye(2), torch.tensor([0, 1]))
    tensor([0.7500, 0.7500, 0.6000])
    """
    gaps = score_gaps(weights, x, y)
    own = torch.nn.functional.one_hot(y, weights.shape[-2]).bool()
    smallest = gaps.masked_fill(own, torch.inf).amin((-2, -1))
    return torch.stack([smallest / norm(weights, name) for name in NORMS], -1)


def mean_gradient(multipliers_NC: Tensor, x_ND: Tensor, y_N: Tensor) -> Tensor:
    """Return the weighted sum ``[C, D]`` of the gaps' gradients ``(e_y - e_j) x'``, its adjoint."""
    onehot_NC = torch.nn.functional.one_hot(y_N, multipliers_NC.shape[-1]).to(x_ND.dtype)
    return (onehot_NC * multipliers_NC.sum(-1, keepdim=True) - multipliers_NC).mT @ x_ND


def project_simplex(values: Tensor) -> Tensor:
    """Return the nearest vector with non-negative entries that sum to 1; entries of -inf become 0.

    >>> project_simplex(torch.tensor([1.0, 0.5, -torch.inf]))
    tensor([0.7500, 0.2500, 0.0000])
    """
    ranked = values.sort(descending=True).values
    count = torch.arange(1, len(values) + 1, device=values.device)
    excess = (ranked.cumsum(0) - 1) / count
    return (values - excess[(ranked > excess).sum() - 1]).clamp(min=0)


def best_margin(
    x_ND: Tensor, y_N: Tensor, classes: int, name: str, tolerance: float, iterations: int
) -> tuple[float, float]:
    """Enclose the best margin in one norm, ``max over norm(W) <= 1 of min over i, j of (w_{y_i} - w_j) x_i``.

    By the minimax theorem it equals the smallest dual norm of a weighted mean of the constraint gradients,
    over multipliers on the simplex. *Any* such multipliers bound it from above and any W from below, so the
    answer is certified however it was found: here by primal-dual hybrid gradient steps, keeping the best
    bounds of the iterates and of their running means.

    Args:
        x_ND: inputs.
        y_N: targets.
        classes: C.
        name: one of ``NORMS``.
        tolerance: stop when the bounds differ by less than this fraction of the upper one.
        iterations: at most.

    Returns:
        The upper bound and the largest margin reached.
    """
    own_NC = torch.nn.functional.one_hot(y_N, classes).bool()
    weights_CD = x_ND.new_zeros(classes, x_ND.shape[-1])
    multipliers_NC = (~own_NC).to(x_ND.dtype) / (~own_NC).sum()
    sum_CD, sum_NC = torch.zeros_like(weights_CD), torch.zeros_like(multipliers_NC)
    diameter = {"max": weights_CD.numel(), "spectral": min(weights_CD.shape), "l2": 1}[name] ** 0.5
    size = _operator_norm(x_ND, y_N, classes)
    step, dual_step = diameter / size, 1 / (diameter * size)
    upper, lower = torch.inf, -torch.inf
    for iteration in range(1, iterations + 1):
        new_CD = project(weights_CD + step * mean_gradient(multipliers_NC, x_ND, y_N), name)
        moved_NC = multipliers_NC - dual_step * score_gaps(2 * new_CD - weights_CD, x_ND, y_N)
        multipliers_NC = project_simplex(moved_NC.masked_fill(own_NC, -torch.inf).flatten()).view_as(moved_NC)
        weights_CD = new_CD
        sum_CD, sum_NC = sum_CD + weights_CD, sum_NC + multipliers_NC
        if iteration % 50 == 0 or iteration == iterations:
            for tried_CD, tried_NC in ((weights_CD, multipliers_NC), (sum_CD, sum_NC / sum_NC.sum())):
                upper = min(upper, dual_norm(mean_gradient(tried_NC, x_ND, y_N), name).item())
                lower = max(lower, margins(tried_CD, x_ND, y_N)[NORMS.index(name)].item())
            if upper - lower <= tolerance * upper:
                break
    return upper, lower


def _operator_norm(x_ND: Tensor, y_N: Tensor, classes: int) -> float:
    """Return an upper bound on the largest singular value of ``score_gaps`` as a map of the weights.

    For the scores ``s`` of one example, the squares of ``s_y - s_j`` over all j sum to at most ``C s's``.
    """
    return float(torch.linalg.matrix_norm(x_ND, 2)) * classes**0.5


def max_norm_optimum(x_ND: np.ndarray, y_N: np.ndarray, classes: int) -> float:
    """Return the best margin in the max-norm, the largest m with (w_y - w_j) x >= m and all |w| <= 1."""
    examples, others = np.nonzero(y_N[:, None] != np.arange(classes))
    rows = np.arange(len(examples))
    gradients = np.zeros((len(examples), classes, x_ND.shape[1]))
    gradients[rows, y_N[examples]] = x_ND[examples]
    gradients[rows, others] = -x_ND[examples]
    constraints = np.column_stack([-gradients.reshape(len(rows), -1), np.ones(len(rows))])
    variables = constraints.shape[1] - 1
    solved = linprog(
        np.append(np.zeros(variables), -1.0),
        A_ub=constraints,
        b_ub=np.zeros(len(rows)),
        bounds=[(-1, 1)] * variables + [(None, None)],
        method="highs",
    )
    return -float(solved.fun)


def certificates(
    x_SND: Tensor, y_SN: Tensor, classes: int, tolerance: float, iterations: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the bound ``[S, 3]``, its relative gap ``[S, 3]`` and the max-norm optimum ``[S]`` of S data.

    Raises:
        ValueError: if no linear map without bias separates the classes.
    """
    bounds, gaps, optima = [], [], []
    for x_ND, y_N in zip(x_SND, y_SN, strict=True):
        optimum = max_norm_optimum(x_ND.numpy(), y_N.numpy(), classes)
        if optimum <= 1e-9 * float(x_ND.abs().max()):
            raise ValueError(
                f"the {len(x_ND)} training examples of {classes} classes are not linearly separable without "
                f"a bias (best margin {optimum:.3g}); margins needs a task with fewer examples or more inputs"
            )
        enclosed = [best_margin(x_ND, y_N, classes, name, tolerance, iterations) for name in NORMS]
        bounds.append([upper for upper, _ in enclosed])
        gaps.append([(upper - lower) / upper for upper, lower in enclosed])
        optima.append(optimum)
    return tuple(torch.tensor(values, dtype=torch.float64) for values in (bounds, gaps, optima))


def weight_matrix(task: Task) -> str:
    """Return the name of the only parameter of a linear model without bias.

    Raises:
        ValueError: if the model has other parameters.
    """
    shapes = {name: tuple(weight.shape) for name, weight in task.model.named_parameters()}
    if list(shapes.values()) != [(task.classes, int(task.data.attrs["inputs"]))]:
        raise ValueError(
            f"margins needs a linear model without bias, one matrix [classes, inputs]; model "
            f"{type(task.model).__name__} has {shapes}; use model: {{name: mlp, hidden: [], bias: false}}"
        )
    return next(iter(shapes))


def measure(solution: Solution, task: Task, *, tolerance: float = 2e-3, iterations: int = 5000) -> xr.Dataset:
    """Measure the margin of the training examples, and the best one, in the max-, spectral and l2-norm.

    The bound depends on the data only; ``ratio`` at most 1, and at 1 the solution is optimal in that norm.

    Args:
        solution: of a linear model without bias on separable data.
        task: its task.
        tolerance: aim for ``bound_gap``.
        iterations: at most, to reach it.

    Returns:
        ``margin``, ``bound``, ``bound_gap``, ``ratio``, dims ``(setting, seed, snapshot, norm)``, and
        ``max_norm_optimum``, dims ``(setting, seed, snapshot)``. Margins are in units of the inputs.
    """
    name = weight_matrix(task)
    x, y = task.split("train")
    x_SND, y_SN = (x, y) if task.seeded else (x.unsqueeze(0), y.unsqueeze(0))
    data_of_seed = task.seed_index(solution.data["seed"].values.tolist())
    x_SND, y_SN = x_SND.cpu().double(), y_SN.cpu()
    bound_S3, gap_S3, optimum_S = certificates(x_SND, y_SN, task.classes, tolerance, iterations)

    def kernel(replicas: Replicas) -> dict[str, Tensor]:
        own = data_of_seed[replicas.cells[:, 1]]
        margin_R3 = margins(replicas.weights[name].double().cpu(), x_SND[own], y_SN[own])
        return {
            "margin": margin_R3,
            "bound": bound_S3[own],
            "bound_gap": gap_S3[own],
            "ratio": margin_R3 / bound_S3[own],
            "max_norm_optimum": optimum_S[own],
        }

    return solution.each(task, kernel, MEASURES, {"norm": list(NORMS)})

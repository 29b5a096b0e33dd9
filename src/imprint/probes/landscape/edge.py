"""How close is the curvature to the largest at which the recipe is stable?"""

import json
from collections.abc import Callable
from dataclasses import dataclass

import torch
import xarray as xr
from torch import Tensor

from imprint.probes.landscape import hessian
from imprint.recipes.threshold import hyper, preconditioned, threshold
from imprint.solution import Replicas, Solution
from imprint.streams import generator
from imprint.task import Task

NEEDS = ()
KEPT = ("snapshots", "optimizer_state")
RECIPE = True
MEASURES = {
    "eigenvalue": {
        "long_name": "largest eigenvalues of the Hessian of the training loss, for Adam of the preconditioned one",
        "units": "1",
        "dims": ("rank",),
        "prefer": None,
        "source": "Lanczos 1950; Cohen et al. 2022, arXiv 2207.14484",
    },
    "residual": {
        "long_name": "residual of each eigenpair: an eigenvalue lies within this distance",
        "units": "1",
        "dims": ("rank",),
        "prefer": "low",
        "source": "Parlett 1998, The Symmetric Eigenvalue Problem",
    },
    "curvature": {
        "long_name": "largest eigenvalue of the Hessian of the training loss, without preconditioner",
        "units": "1",
        "dims": (),
        "prefer": None,
        "source": "Cohen et al. 2021, arXiv 2103.00065",
    },
    "trace": {
        "long_name": "trace of the Hessian of the training loss, for Adam of the preconditioned one",
        "units": "1",
        "dims": (),
        "prefer": None,
        "source": "Hutchinson 1990",
    },
    "trace_error": {
        "long_name": "standard error of the trace estimate, 0 where it is exact",
        "units": "1",
        "dims": (),
        "prefer": "low",
        "source": "Hutchinson 1990",
    },
    "threshold": {
        "long_name": "curvature above which the recipe diverges on a quadratic",
        "units": "1",
        "dims": (),
        "prefer": None,
        "source": "Cohen et al. 2021, arXiv 2103.00065; 2022, arXiv 2207.14484",
    },
    "ratio": {
        "long_name": "largest eigenvalue over the stability threshold",
        "units": "1",
        "dims": (),
        "prefer": None,
        "source": "Cohen et al. 2021, arXiv 2103.00065",
    },
    "trace_ratio": {
        "long_name": "trace over the stability threshold of the largest eigenvalue",
        "units": "1",
        "dims": (),
        "prefer": None,
        "source": "linear stability of stochastic gradient descent: at most 1 for batches of one example",
    },
    "first_ratio": {
        "long_name": "largest eigenvalue over the stability threshold at the first snapshot that has both",
        "units": "1",
        "dims": (),
        "prefer": None,
        "source": "Lewkowycz et al. 2020, arXiv 2003.02218",
    },
    "reached": {
        "long_name": "1 if the largest eigenvalue exceeded the declared share of the threshold at a snapshot, else 0",
        "units": "1",
        "dims": (),
        "prefer": None,
        "source": "Cohen et al. 2021, arXiv 2103.00065",
    },
    "plateau": {
        "long_name": "median over the last snapshots of the largest eigenvalue",
        "units": "1",
        "dims": (),
        "prefer": None,
        "source": "Cohen et al. 2021, arXiv 2103.00065",
    },
    "plateau_ratio": {
        "long_name": "median over the last snapshots of the largest eigenvalue over the stability threshold",
        "units": "1",
        "dims": (),
        "prefer": None,
        "source": "Cohen et al. 2021, arXiv 2103.00065",
    },
    "lowest_ratio": {
        "long_name": "smallest ratio of the largest eigenvalue to the stability threshold over the last snapshots",
        "units": "1",
        "dims": (),
        "prefer": None,
        "source": "Cohen et al. 2021, arXiv 2103.00065",
    },
    "highest_ratio": {
        "long_name": "largest ratio of the largest eigenvalue to the stability threshold over the last snapshots",
        "units": "1",
        "dims": (),
        "prefer": None,
        "source": "Cohen et al. 2021, arXiv 2103.00065",
    },
}
OVER_TIME = ("first_ratio", "reached", "plateau", "plateau_ratio", "lowest_ratio", "highest_ratio")
RANKS = [1, 2, 3]
MOMENT = "state.exp_avg_sq."


def preconditioner(moment_RP: Tensor, step_R: Tensor, betas: tuple[float, float], eps: float) -> Tensor:
    r"""Return the diagonal ``[R, P]`` of Adam's preconditioner after a step.

    .. math:: P_t = (1-\beta_1^t) \left(\sqrt{\nu_t/(1-\beta_2^t)} + \epsilon\right)

    The factor with :math:`\beta_1` is the bias correction of the first moment, so that the update is
    :math:`\eta P_t^{-1} m_t` (Cohen et al. 2022, arXiv 2207.14484).

    Args:
        moment_RP: the average of squared gradients.
        step_R: steps made, at least 1.
        betas: memories of the two averages.
        eps: added to the root.

    >>> preconditioner(torch.tensor([[0.19]]), torch.tensor([2]), (0.5, 0.9), 0.0)
    tensor([[0.7500]])
    """
    first_R1, second_R1 = (1 - torch.pow(beta, step_R.double()).unsqueeze(-1) for beta in betas)
    return (first_R1 * (torch.sqrt(moment_RP.double() / second_R1) + eps)).to(moment_RP.dtype)


def over_time(ratio_RT: Tensor, value_RT: Tensor, late_RT: Tensor, share: float) -> dict[str, Tensor]:
    """Return what T snapshots in the order of training say together, each ``[R]``; NaN at a snapshot is left out.

    Args:
        ratio_RT: largest eigenvalue over the stability threshold.
        value_RT: largest eigenvalue.
        late_RT: which snapshots belong to the plateau.
        share: of the threshold above which it counts as reached.

    >>> ratio = torch.tensor([[0.2, 0.95, 1.0, 1.04]])
    >>> found = over_time(ratio, 20 * ratio, torch.tensor([[False, True, True, True]]), 0.9)
    >>> [round(found[name].item(), 2) for name in ("first_ratio", "reached", "plateau", "lowest_ratio")]
    [0.2, 1.0, 20.0, 0.95]
    """
    known_RT = ratio_RT.isfinite()
    any_R = known_RT.any(-1)
    late = {"ratio": ratio_RT.where(late_RT, torch.nan), "value": value_RT.where(late_RT, torch.nan)}
    extremes = [torch.nanquantile(late["ratio"], place, dim=-1) for place in (0.0, 0.5, 1.0)]
    first_R = ratio_RT.gather(-1, known_RT.double().argmax(-1, keepdim=True)).squeeze(-1)
    return {
        "first_ratio": first_R,
        "reached": (ratio_RT > share).any(-1).double().where(any_R, torch.nan),
        "plateau": torch.nanquantile(late["value"], 0.5, dim=-1),
        **dict(zip(("lowest_ratio", "plateau_ratio", "highest_ratio"), extremes, strict=True)),
    }


def recipe_of(solution: Solution) -> tuple[dict, list[dict[str, float]]]:
    """Return the recipe that a solution was trained with, and the hyper-parameters of each of its settings.

    Raises:
        ValueError: if the solution does not say.
    """
    if "spec" not in solution.data.attrs:
        raise ValueError("edge needs the recipe, and this solution has no attribute 'spec'; read it from its store")
    names = [str(name) for name in solution.data if str(name).startswith("hyper.")]
    settings = [
        {name.removeprefix("hyper."): float(solution.data[name].values[place]) for name in names}
        for place in range(solution.data.sizes["setting"])
    ]
    return json.loads(solution.data.attrs["spec"])["recipe"], settings


def moments(replicas: Replicas) -> Tensor:
    """Return Adam's averages of squared gradients ``[R, P]``, NaN where they were not kept.

    Raises:
        ValueError: if the solution keeps no state of the optimizer.
    """
    data = replicas.solution.data
    missing = [MOMENT + name for name in replicas.weights if MOMENT + name not in data]
    if missing:
        raise ValueError(
            f"edge needs {missing[0]!r} for Adam, whose threshold is one of the preconditioned Hessian, and the "
            "solution does not have it; give the experiment keep: [optimizer_state]"
        )
    rows, columns = replicas.cells.T.numpy()
    own = [data[MOMENT + name].sel(snapshot=replicas.snapshot).values[rows, columns] for name in replicas.weights]
    moment_RP = torch.cat([torch.as_tensor(value).flatten(1) for value in own], -1)
    return moment_RP.to(replicas.task.device, replicas.task.precision)


@dataclass(frozen=True)
class Estimator:
    """How spectra are estimated, in the same way for every replica and snapshot.

    Attributes:
        start_P: where Lanczos' method starts.
        signs_MP: sign vectors of the trace estimate.
        iterations: of Lanczos' method.
    """

    start_P: Tensor
    signs_MP: Tensor
    iterations: int

    @classmethod
    def of(cls, task: Task, iterations: int, draws: int) -> "Estimator":
        """Return the estimator for a task's model."""
        parameters = sum(weight.numel() for weight in task.model.parameters())
        stream = generator(0, "edge")
        start_P = torch.randn(parameters, generator=stream, dtype=torch.float64)
        signs_MP = torch.randint(2, (draws, parameters), generator=stream) * 2 - 1
        places = (task.device, task.precision)
        return cls(start_P.to(*places), signs_MP.to(*places), min(iterations, parameters))

    def largest(self, operator: hessian.Operator, replicas: int) -> tuple[Tensor, Tensor]:
        """Return the largest eigenvalues and their residuals, ``[R, K]``."""
        return hessian.top_eigenvalues(operator, self.start_P.expand(replicas, -1), self.iterations, len(RANKS))

    def trace(self, operator: hessian.Operator, replicas: int) -> tuple[Tensor, Tensor]:
        """Return the trace and its standard error, ``[R]``; exact if that takes no more products."""
        if len(self.signs_MP) < len(self.start_P):
            return hessian.trace(operator, self.signs_MP, replicas)
        total_R = hessian.exact_trace(operator, self.start_P.expand(replicas, -1))
        return total_R, torch.zeros_like(total_R)


def scaled(operator: Callable[[Tensor], Tensor], scale_RP: Tensor) -> Callable[[Tensor], Tensor]:
    """Return the operator between two diagonals, ``D A D`` of each replica."""
    return lambda vector_RP: scale_RP * operator(scale_RP * vector_RP)


def scales(replicas: Replicas, recipe: dict, settings: list[dict[str, float]]) -> tuple[Tensor, Tensor]:
    """Return ``P^{-1/2}`` of Adam ``[R, P]``, 1 where its state was not kept, and where it was, ``[R]``."""
    moment_RP = moments(replicas)
    known_R = moment_RP.isfinite().all(-1)
    steps = replicas.solution.data["snapshot_step"].sel(snapshot=replicas.snapshot).values
    step_R = torch.as_tensor(steps[tuple(replicas.cells.T.numpy())]).to(moment_RP.device)
    setting_R = replicas.cells[:, 0].to(moment_RP.device)
    scale_RP = torch.ones_like(moment_RP)
    for place, setting in enumerate(settings):
        rows = known_R & (setting_R == place)
        given = hyper(recipe, setting)
        scale_RP[rows] = preconditioner(moment_RP[rows], step_R[rows], given["betas"], given["eps"]).rsqrt()
    return scale_RP, known_R.cpu()


def where(rows_R: Tensor, value: Tensor) -> Tensor:
    """Return ``value`` ``[R, ...]`` with NaN outside the rows that are marked."""
    return value.where(rows_R.view(-1, *[1] * (value.dim() - 1)), torch.nan)


def spectra(
    replicas: Replicas, task: Task, recipe: dict, settings: list[dict[str, float]], estimator: Estimator
) -> dict[str, Tensor]:
    """Return all that a snapshot says by itself, each ``[R]`` or ``[R, K]``."""
    x, y = replicas.x("train"), replicas.y("train")
    operator = hessian.hessian(lambda weights: task.loss(task.logits(weights, x), y).mean(-1), replicas.weights)
    count = len(replicas)
    value_RK, residual_RK = estimator.largest(operator, count)
    curvature_R, known_R = value_RK[:, 0], torch.ones(count, dtype=torch.bool)
    if preconditioned(recipe):
        scale_RP, known_R = scales(replicas, recipe, settings)
        operator = scaled(operator, scale_RP)
        value_RK, residual_RK = estimator.largest(operator, count)
    trace_R, error_R = estimator.trace(operator, count)
    limits = torch.tensor([threshold(recipe, setting) for setting in settings], dtype=torch.float64)
    limit_R = limits[replicas.cells[:, 0]]
    found = {"eigenvalue": value_RK, "residual": residual_RK, "trace": trace_R, "trace_error": error_R}
    found = {name: where(known_R, value.cpu().double()) for name, value in found.items()}
    ratios = {"ratio": found["eigenvalue"][:, 0] / limit_R, "trace_ratio": found["trace"] / limit_R}
    return {**found, **ratios, "curvature": curvature_R, "threshold": limit_R}


def measure(
    solution: Solution, task: Task, *, iterations: int = 40, draws: int = 20, last: float = 0.4, share: float = 0.9
) -> xr.Dataset:
    r"""Measure the curvature of the loss on all training examples against the recipe's stability threshold.

    The threshold is :func:`imprint.recipes.threshold.threshold`, that of the whole batch. Adam's is one of
    :math:`P^{-1/2} H P^{-1/2}`, which has the eigenvalues of :math:`P^{-1} H`, with its preconditioner P at the
    snapshot; NaN at a snapshot that kept no state of the optimizer, as at the start.

    Args:
        solution: the solution, of a recipe that has a threshold.
        task: its task.
        iterations: of Lanczos' method, from one start vector for all replicas.
        draws: sign vectors of the trace estimate, at least 2; the trace is exact if there are no more parameters.
        last: the part of the training that is the plateau: its last 40 %.
        share: of the threshold that must be exceeded once for it to count as reached.

    Returns:
        At every snapshot ``eigenvalue``, ``residual`` of the three largest, dims ``(setting, seed,
        snapshot, rank)``, ``curvature``, ``trace``, ``trace_error``, ``threshold``, ``ratio``, ``trace_ratio``; over
        all snapshots, at ``final`` only, ``first_ratio``, ``reached``, ``plateau``, ``plateau_ratio``,
        ``lowest_ratio``, ``highest_ratio``; dims ``(setting, seed, snapshot)``.

    Raises:
        ValueError: for a recipe without a known threshold, or Adam without its state.
    """
    recipe, settings = recipe_of(solution)
    for setting in settings:
        threshold(recipe, setting)
    estimator = Estimator.of(task, iterations, draws)
    single = {name: entry for name, entry in MEASURES.items() if name not in OVER_TIME}
    measured = solution.each(
        task, lambda replicas: spectra(replicas, task, recipe, settings, estimator), single, {"rank": RANKS}
    )

    def at_end(replicas: Replicas) -> dict[str, Tensor]:
        if replicas.snapshot != "final":
            return {name: torch.full((len(replicas),), torch.nan) for name in OVER_TIME}
        rows, columns = replicas.cells.T.numpy()
        arrays = (solution.data["snapshot_step"], measured["ratio"], measured["eigenvalue"].isel(rank=0))
        step_RT, ratio_RT, value_RT = (torch.as_tensor(array.values[rows, columns]) for array in arrays)
        order_RT = step_RT.argsort(dim=-1, stable=True)
        step_RT, ratio_RT, value_RT = (value.gather(-1, order_RT) for value in (step_RT, ratio_RT, value_RT))
        return over_time(ratio_RT, value_RT, step_RT >= (1 - last) * step_RT[:, -1:], share)

    return measured.merge(solution.each(task, at_end, {name: MEASURES[name] for name in OVER_TIME}))

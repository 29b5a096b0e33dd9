"""How alike are the predictions of the replicas of a recipe, and of the same replica under other recipes?"""

import json
from collections.abc import Mapping

import torch
import xarray as xr
from torch import Tensor

from imprint.labels import STATUS
from imprint.probes.landscape.connectivity import OWN, partners
from imprint.solution import Replicas, Solution
from imprint.task import Task

NEEDS = ()
ACROSS = True
MEASURES = {
    "agreement": {
        "long_name": "share of test examples that another seed of the recipe predicts alike, mean over seeds",
        "units": "1",
        "dims": (),
        "prefer": "high",
        "source": "Milani Fard et al. 2016 (1 minus churn)",
    },
    "kappa": {
        "long_name": "error consistency beyond chance with another seed of the recipe, mean over seeds",
        "units": "1",
        "dims": (),
        "prefer": None,
        "source": "Geirhos et al. 2020, arXiv 2006.16736",
    },
    "agreement_jackknife": {
        "long_name": "jackknife pseudo-value of the mean agreement over the pairs of seeds of the recipe",
        "units": "1",
        "dims": (),
        "prefer": "high",
        "source": "Milani Fard et al. 2016; Arvesen 1969 (jackknife of means over pairs)",
    },
    "kappa_jackknife": {
        "long_name": "jackknife pseudo-value of the mean error consistency over the pairs of seeds of the recipe",
        "units": "1",
        "dims": (),
        "prefer": None,
        "source": "Geirhos et al. 2020, arXiv 2006.16736; Arvesen 1969 (jackknife of means over pairs)",
    },
    "twin_agreement": {
        "long_name": "share of test examples that the same seed of the partner recipe predicts alike",
        "units": "1",
        "dims": ("partner",),
        "prefer": None,
        "source": "Milani Fard et al. 2016 (1 minus churn)",
    },
    "twin_kappa": {
        "long_name": "error consistency beyond chance with the same seed of the partner recipe",
        "units": "1",
        "dims": ("partner",),
        "prefer": None,
        "source": "Geirhos et al. 2020, arXiv 2006.16736",
    },
}


def agreement(first: Tensor, second: Tensor) -> Tensor:
    """Return the share of equal predictions, ``[...]``, of classes ``[..., N]``.

    >>> agreement(torch.tensor([0, 1, 2, 2]), torch.tensor([0, 1, 1, 0]))
    tensor(0.5000, dtype=torch.float64)
    """
    return (first == second).double().mean(-1)


def error_consistency(first: Tensor, second: Tensor) -> Tensor:
    r"""Return Cohen's kappa of which examples are right, ``[...]`` from -1 to 1.

    :math:`\kappa = (o - e) / (1 - e)`, o the share of examples on which both are right or both are wrong, e that of
    two independent ones of the same accuracies, :math:`e = a_1 a_2 + (1 - a_1)(1 - a_2)`. NaN where both are right
    everywhere, or wrong everywhere: nothing is left to agree on.

    Args:
        first: whether each example is right, booleans ``[..., N]``.
        second: the same of another network.

    >>> yes, no = True, False
    >>> error_consistency(torch.tensor([yes, yes, no, no]), torch.tensor([yes, yes, yes, no]))
    tensor(0.5000, dtype=torch.float64)
    """
    a, b = first.double().mean(-1), second.double().mean(-1)
    chance = a * b + (1 - a) * (1 - b)
    return (agreement(first, second) - chance) / (1 - chance).where(chance < 1, torch.nan)


def compared(first: Tensor, second: Tensor, y: Tensor) -> dict[str, Tensor]:
    """Return ``agreement`` and ``kappa`` of predicted classes ``[..., N]`` with targets that they broadcast to."""
    return {"agreement": agreement(first, second), "kappa": error_consistency(first == y, second == y)}


def summaries(pairs_PP: Tensor) -> tuple[Tensor, Tensor]:
    r"""Return the first network's mean over its pairs, and the jackknife pseudo-value of the mean over all pairs.

    With n networks, :math:`a_i` the mean over the pairs of network i and U that over all pairs, the pseudo-value
    :math:`n U - (n - 1) U_{-i}` is :math:`2 a_i - U_{-i}`, where :math:`U_{-i}` is over the pairs of the others. Pairs
    that are NaN are left out. The mean is NaN for one network, the pseudo-value for two.

    Args:
        pairs_PP: symmetric, a value for each pair of P networks; the diagonal is not read.

    >>> summaries(torch.tensor([[1.0, 0.5, 0.7], [0.5, 1.0, 0.9], [0.7, 0.9, 1.0]]))
    (tensor(0.6000), tensor(0.3000))
    """
    others = pairs_PP[1:, 1:]
    apart = ~torch.eye(len(others), dtype=torch.bool, device=others.device)
    mean = pairs_PP[0, 1:].nanmean()
    return mean, 2 * mean - others[apart].nanmean()


def own_recipe(solution: Solution, others: Mapping[str, Solution]) -> str:
    """Return the name under which a solution's own recipe is among others.

    Raises:
        ValueError: if it is not, or a solution does not say how it was trained.
    """
    for name, other in others.items():
        if _recipe(other) == _recipe(solution):
            return name
    raise ValueError(
        f"agreement: the recipe of this solution is none of {', '.join(others)}; give the solutions of all its seeds"
    )


def _recipe(solution: Solution) -> dict:
    """What the solution was trained by."""
    if "spec" not in solution.data.attrs:
        raise ValueError("agreement needs the recipe, and a solution has no attribute 'spec'")
    return json.loads(solution.data.attrs["spec"])["recipe"]


def peers(replicas: Replicas, own: Solution) -> tuple[dict[str, Tensor], Tensor]:
    """Return weights ``[P, *shape]`` of the replicas of a recipe and which are whose partners, ``[R, P]``.

    Partners have the same setting and another seed. A replica that diverged is no peer, and one that did not reach the
    condition of its stop rule is nobody's partner.

    Args:
        replicas: ours, of the recipe.
        own: the recipe's solution, of all its seeds.
    """
    found = Replicas(own, replicas.task, replicas.snapshot)
    theirs, ours = _labels(found), _labels(replicas)
    partner = [[a != b and a[0] == b[0] for b in theirs] for a in ours]
    fit_P = torch.ones(len(found), dtype=torch.bool)
    if "status" in own.data:
        rows, columns = found.cells.T.numpy()
        fit_P = torch.as_tensor(own.data["status"].values[rows, columns] != STATUS["condition not reached"])
    return found.weights, torch.tensor(partner, dtype=torch.bool).reshape(len(ours), len(theirs)) & fit_P


def _labels(replicas: Replicas) -> list[tuple]:
    """Setting and seed of each replica."""
    settings, seeds = (replicas.solution.data[dim].values.tolist() for dim in ("setting", "seed"))
    return [(settings[row], seeds[column]) for row, column in replicas.cells.tolist()]


def measure(solution: Solution, task: Task, *, others: Mapping[str, Solution] | None = None) -> xr.Dataset:
    """Measure how alike test examples are classified by different seeds of a recipe, and by the same seed of others.

    The churn of Milani Fard et al. is 1 minus the agreement. Networks of high accuracy agree because they are right;
    kappa leaves this out. Where data are drawn per seed, partners classify the replica's own test examples.

    Every pair is in the means of both its seeds. An interval over seeds that takes these as independent is up to half
    as wide as it should be; that of the pseudo-values, whose mean over the seeds is the mean over all pairs, is not. A
    claim over seeds reads the pseudo-values, which may leave the range of the measure; twins are one pair per seed.

    Args:
        solution: the solution.
        task: its task.
        others: solutions of the same task and seeds by recipe, this one's among them; None: this one alone.

    Returns:
        ``agreement`` in [0, 1], ``kappa`` in [-1, 1] (NaN where no partner makes it known, see
        :func:`error_consistency`) and their pseudo-values (see :func:`summaries`), dims ``(setting, seed, snapshot)``;
        ``twin_agreement`` and ``twin_kappa`` with ``partner`` besides, settings paired by the rule that chose them; 1
        for the recipe itself. NaN where there is no partner.

    Raises:
        ValueError: if the solution's own recipe is not among others.
    """
    others = {OWN: solution} if others is None else dict(others)
    own = solution if list(others) == [OWN] else others[own_recipe(solution, others)]

    def kernel(replicas: Replicas) -> dict[str, Tensor]:
        x, y = replicas.x("test"), replicas.y("test")
        y_RN = y.expand(len(replicas), -1)
        predicted_RN = task.logits(replicas.weights, x).argmax(-1)
        weights, partner_RP = peers(replicas, own)
        results = {name: torch.full((len(replicas),), torch.nan, dtype=torch.float64) for name in list(MEASURES)[:4]}
        theirs_PN = None if task.seeded else task.logits(weights, x).argmax(-1)
        for r, some_P in enumerate(partner_RP):
            classified_PN = task.logits(weights, x[r]).argmax(-1) if task.seeded else theirs_PN
            all_PN = torch.cat([predicted_RN[r : r + 1], classified_PN[some_P.to(x.device)]])
            for name, pairs_PP in compared(all_PN.unsqueeze(1), all_PN.unsqueeze(0), y_RN[r]).items():
                results[name][r], results[f"{name}_jackknife"][r] = summaries(pairs_PP)
        return results | _twins(replicas, others, predicted_RN)

    return solution.each(task, kernel, MEASURES, {"partner": list(others)})


def _twins(replicas: Replicas, others: Mapping[str, Solution], predicted_RN: Tensor) -> dict[str, Tensor]:
    """Comparison of each replica with the same seed of each recipe, ``[R, len(others)]``."""
    task, x, y_RN = replicas.task, replicas.x("test"), replicas.y("test").expand(len(replicas), -1)
    shape = (len(replicas), len(others))
    results = {f"twin_{name}": torch.full(shape, torch.nan, dtype=torch.float64) for name in ("agreement", "kappa")}
    for column, other in enumerate(others.values()):
        rows, weights = partners(replicas, other, "same")
        if not len(rows):
            continue
        here = rows.to(x.device)
        theirs_PN = task.logits(weights, x[here] if task.seeded else x).argmax(-1)
        for name, value_P in compared(predicted_RN[here], theirs_PN, y_RN[here]).items():
            results[f"twin_{name}"][rows, column] = value_P.cpu()
    return results

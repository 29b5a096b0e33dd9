"""How high is the barrier on the straight line between two solutions, before and after matching their units?"""

from collections.abc import Callable, Mapping

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from imprint.labels import STATUS
from imprint.models.permutations import Axes, axes_of, matching, permuted
from imprint.solution import Replicas, Solution
from imprint.task import Task

NEEDS = ()
ACROSS = True
MEASURES = {
    "loss_barrier": {
        "long_name": "training loss barrier on the line to a solution of the partner recipe",
        "units": "1",
        "dims": ("partner", "start", "units"),
        "prefer": "low",
        "source": "Entezari et al. 2022, arXiv 2110.06296; Ainsworth et al. 2023, arXiv 2209.04836",
    },
    "accuracy_barrier": {
        "long_name": "test accuracy lost on the line to a solution of the partner recipe",
        "units": "1",
        "dims": ("partner", "start", "units"),
        "prefer": "low",
        "source": "Frankle et al. 2020, arXiv 1912.05671; Ainsworth et al. 2023, arXiv 2209.04836",
    },
    "distance": {
        "long_name": "distance of the two solutions over the root of the product of their norms",
        "units": "1",
        "dims": ("partner", "start", "units"),
        "prefer": None,
        "source": "Ito et al. 2025, arXiv 2402.04051 (what matching takes off it)",
    },
    "remaining": {
        "long_name": "training loss barrier after matching over that before, none below 0.01",
        "units": "1",
        "dims": ("partner", "start"),
        "prefer": "low",
        "source": "Ainsworth et al. 2023, arXiv 2209.04836",
    },
    "permutation_error": {
        "long_name": "change of the partner's training loss by the new order of its units",
        "units": "1",
        "dims": ("partner", "start"),
        "prefer": "low",
        "source": "0 but for rounding",
    },
}
STARTS = ("same", "other")
UNITS = ("given", "matched")
OWN = "own"
FLOOR = 0.01


def barrier(values_KR: Tensor) -> Tensor:
    r"""Return the height of K values on a line above the chord of its ends, ``[R]``, at least 0.

    :math:`\max_k \; v(t_k) - (1 - t_k) v(0) - t_k v(1)` at :math:`t_k = k / (K - 1)` (Entezari et al. 2022). With equal
    ends this is the barrier of Frankle et al. 2020 and Ainsworth et al. 2023, who subtract the mean of the ends.

    >>> barrier(torch.tensor([[0.0], [2.0], [2.0]]))
    tensor([1.])
    """
    t_K1 = torch.linspace(0, 1, len(values_KR), dtype=values_KR.dtype, device=values_KR.device).unsqueeze(1)
    return (values_KR - torch.lerp(values_KR[0], values_KR[-1], t_K1)).amax(0).clamp(min=0)


def line(
    ours: Mapping[str, Tensor],
    theirs: Mapping[str, Tensor],
    values: Callable[[dict[str, Tensor]], Tensor],
    points: int,
) -> Tensor:
    """Return what is measured at evenly spaced points of the lines between R pairs of networks.

    Args:
        ours: weights at the beginning, ``{parameter: [R, *shape]}``.
        theirs: weights at the end.
        values: from weights of R networks to ``[M, R]``.
        points: K, both ends among them.

    Returns:
        ``[M, K, R]``.
    """
    fractions = [k / (points - 1) for k in range(points)]
    between = ({name: torch.lerp(ours[name], theirs[name], t) for name in ours} for t in fractions)
    return torch.stack([values(weights) for weights in between], 1)


def matched(ours: Mapping[str, Tensor], theirs: Mapping[str, Tensor], axes: Axes) -> dict[str, Tensor]:
    """Return their weights ``[R, *shape]`` with each network's units in the order that is nearest to ours."""
    rows = []
    for r in range(len(next(iter(ours.values())))):
        a, b = ({name: value[r] for name, value in side.items()} for side in (ours, theirs))
        order = {layer: found.to(b[next(iter(b))].device) for layer, found in matching(a, b, axes).items()}
        rows.append(permuted(b, axes, order))
    return {name: torch.stack([row[name] for row in rows]) for name in ours}


def distance(ours: Mapping[str, Tensor], theirs: Mapping[str, Tensor]) -> Tensor:
    """Return ``||a - b|| / sqrt(||a|| ||b||)`` over all weights, ``[R]``; sqrt(2) for orthogonal ones of one norm.

    >>> distance({"w": torch.tensor([[3.0, 0.0]])}, {"w": torch.tensor([[0.0, 3.0]])})
    tensor([1.4142])
    """
    a, b = (torch.cat([value.flatten(1) for value in side.values()], 1) for side in (ours, theirs))
    return (a - b).norm(dim=1) / (a.norm(dim=1) * b.norm(dim=1)).sqrt()


def compare(
    ours: Mapping[str, Tensor],
    theirs: Mapping[str, Tensor],
    axes: Axes,
    values: Callable[[dict[str, Tensor]], Tensor],
    points: int,
) -> dict[str, Tensor]:
    """Return the measures of R pairs of networks.

    Args:
        ours: ``{parameter: [R, *shape]}``.
        theirs: the partners.
        axes: see :func:`imprint.models.permutations.axes_of`.
        values: from weights of R networks to loss and accuracy, ``[2, R]``.
        points: on each line, both ends among them.

    Returns:
        ``loss_barrier``, ``accuracy_barrier`` and ``distance`` ``[R, 2]``, for the units as they are and matched;
        ``remaining`` ``[R]``, the second loss barrier over the first, where both count as 0.01 if they are lower, so
        that the ratio of two barriers that are hardly there is 1; ``permutation_error`` ``[R]``.
    """
    found = []
    for partner in (theirs, matched(ours, theirs, axes)):
        loss_KR, accuracy_KR = line(ours, partner, values, points)
        found.append((barrier(loss_KR), barrier(-accuracy_KR), distance(ours, partner), loss_KR[-1]))
    loss_R2, accuracy_R2, distance_R2, end_R2 = (torch.stack(parts, 1) for parts in zip(*found, strict=True))
    before_R, after_R = loss_R2.clamp(min=FLOOR).unbind(1)
    return {
        "loss_barrier": loss_R2,
        "accuracy_barrier": accuracy_R2,
        "distance": distance_R2,
        "remaining": after_R / before_R,
        "permutation_error": end_R2.diff(dim=1).abs().squeeze(1),
    }


def partner_setting(ours: str, theirs: list[str]) -> int | None:
    """Return the place of the partner's setting that was chosen by the same rule.

    Args:
        ours: names of the rules that chose our setting, separated by spaces; ``fixed`` without a search.
        theirs: the same for each setting of the partner.

    >>> partner_setting("best matched", ["matched", "best"]), partner_setting("fixed", ["best"])
    (1, 0)
    """
    for rule in ours.split():
        for place, rules in enumerate(theirs):
            if rule in rules.split() or "fixed" in (rule, *rules.split()):
                return place
    return None


def next_seed(seed: int, seeds: list[int]) -> int | None:
    """Return the seed after this one, the first after the last; None if there is no other.

    >>> next_seed(3, [0, 3, 7]), next_seed(7, [0, 3, 7]), next_seed(0, [0])
    (7, 0, None)
    """
    ordered = sorted({*seeds, seed})
    return ordered[(ordered.index(seed) + 1) % len(ordered)] if len(ordered) > 1 else None


def partners(replicas: Replicas, other: Solution, start: str) -> tuple[Tensor, dict[str, Tensor]]:
    """Return which replicas have a partner, ``[P]``, and the partners' weights ``[P, *shape]``.

    A replica that diverged, or that did not reach the condition of its stop rule, is nobody's partner.

    Args:
        replicas: ours.
        other: the partner recipe's solution, of the same snapshots.
        start: ``same``: the replica of the same seed, begun at the same weights and fed in the same order; ``other``:
            that of the next seed.
    """
    roles, their_roles = _roles(replicas.solution), _roles(other)
    own, seeds = replicas.solution.data["seed"].values.tolist(), other.data["seed"].values.tolist()
    weights = {name: other.values(name, replicas.snapshot) for name in other.parameters}
    fit = np.logical_and.reduce([np.isfinite(value).all(tuple(range(2, value.ndim))) for value in weights.values()])
    if "status" in other.data:
        fit &= other.data["status"].values != STATUS["condition not reached"]
    rows, cells = [], []
    for row, (setting, place) in enumerate(replicas.cells.tolist()):
        theirs = partner_setting(roles[setting], their_roles)
        seed = own[place] if start == "same" else next_seed(own[place], seeds)
        if theirs is None or seed not in seeds:
            continue
        cell = (theirs, seeds.index(seed))
        if fit[cell]:
            rows.append(row)
            cells.append(cell)
    index = tuple(np.array(cells, dtype=int).reshape(-1, 2).T)
    like = next(iter(replicas.weights.values()))
    taken = {name: torch.as_tensor(value[index]).to(like.device, like.dtype) for name, value in weights.items()}
    return torch.tensor(rows, dtype=torch.int64), taken


def _roles(solution: Solution) -> list[str]:
    """Rules that chose each setting; its label where nobody chose."""
    return solution.data["role" if "role" in solution.data else "setting"].values.astype(str).tolist()


def spread(count: int, wanted: int) -> Tensor:
    """Return the places of ``wanted`` of ``count`` examples, evenly spaced; all if there are fewer.

    >>> spread(10, 4).tolist()
    [0, 3, 6, 9]
    """
    return torch.linspace(0, count - 1, min(wanted, count), dtype=torch.float64).round().long()


def measure(
    solution: Solution,
    task: Task,
    *,
    others: Mapping[str, Solution] | None = None,
    points: int = 11,
    examples: int = 2000,
) -> xr.Dataset:
    """Measure the barriers on the lines from every replica to one of each recipe.

    The partner of seed s is, for ``start`` ``other``, the replica of the next seed in the list of all seeds (the first
    after the last), and for ``same`` that of seed s: the same initial weights and the same order of examples under
    another recipe. Each replica is in two lines of ``other``, so that values of neighbouring seeds are weakly
    dependent. Settings are paired by the rule that chose them.

    Args:
        solution: the solution.
        task: its task, of a model whose permutations of units are declared.
        others: solutions of the same task and seeds by recipe, this one's among them; None: this one alone.
        points: on each line, both ends among them.
        examples: of the training and of the test split that are looked at, evenly spaced.

    Returns:
        ``loss_barrier`` in the task's unit of loss, ``accuracy_barrier`` in [0, 1], ``distance``: dims ``(setting,
        seed, snapshot, partner, start, units)``, units as ``given`` or ``matched``; ``remaining`` and
        ``permutation_error``: without ``units``. NaN at ``init`` and where there is no partner (see :func:`partners`).

    Raises:
        ValueError: if no permutations are declared for the model, or a partner lacks a snapshot.
    """
    others = {OWN: solution} if others is None else dict(others)
    _check_snapshots(solution, others)
    axes = axes_of(task.model)
    labels = {"partner": list(others), "start": list(STARTS), "units": list(UNITS)}

    def kernel(replicas: Replicas) -> dict[str, Tensor]:
        shape = (len(replicas), len(others), len(STARTS))
        results = {
            name: torch.full((*shape, *([2] if "units" in entry["dims"] else [])), torch.nan, dtype=torch.float64)
            for name, entry in MEASURES.items()
        }
        if replicas.snapshot == "init":
            return results
        for column, other in enumerate(others.values()):
            for place, start in enumerate(STARTS):
                rows, theirs = partners(replicas, other, start)
                if not len(rows):
                    continue
                ours = {name: value[rows] for name, value in replicas.weights.items()}
                pairs = compare(ours, theirs, axes, _values(replicas, rows, examples), points)
                for name, value in pairs.items():
                    results[name][rows, column, place] = value.double().cpu()
        return results

    return solution.each(task, kernel, MEASURES, labels)


def _check_snapshots(solution: Solution, others: Mapping[str, Solution]) -> None:
    """Refuse partners that were not kept at the same moments."""
    wanted = set(solution.data["snapshot"].values.tolist())
    for name, other in others.items():
        missing = sorted(wanted - set(other.data["snapshot"].values.tolist()))
        if missing:
            raise ValueError(f"connectivity: partner {name!r} lacks the snapshots {missing}; train it on the same task")


def _values(replicas: Replicas, rows: Tensor, examples: int) -> Callable[[dict[str, Tensor]], Tensor]:
    """Return the function from weights of the chosen replicas to mean training loss and test accuracy ``[2, R]``."""
    task, chosen = replicas.task, {}
    for split in ("train", "test"):
        x, y = replicas.x(split), replicas.y(split)
        some = spread(y.shape[-1], examples).to(y.device)
        own = rows.to(y.device)
        x, y = (x[own], y[own]) if task.seeded else (x, y)
        chosen[split] = x.index_select(-task.input_dims, some), y[..., some]

    def values(weights: dict[str, Tensor]) -> Tensor:
        (x, y), (test_x, test_y) = chosen["train"], chosen["test"]
        loss_RN = task.loss(task.logits(weights, x), y)
        hit_RN = task.logits(weights, test_x).argmax(-1) == test_y
        return torch.stack([loss_RN.double().mean(1), hit_RN.double().mean(1)])

    return values

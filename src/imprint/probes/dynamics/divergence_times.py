"""Until when does a network trained on Gaussian clones of the data do as well as one trained on the data?"""

import json
from collections.abc import Iterator

import torch
import xarray as xr
from torch import Tensor

from imprint.fleet.arithmetic import arithmetic
from imprint.fleet.fleet import Fleet
from imprint.probes.function.performance import accuracy
from imprint.solution import Replicas, Solution
from imprint.task import Task

NEEDS = ("clones",)
RECIPE = True
MEASURES = {
    "steps": {
        "long_name": "steps until the copy trained on clones loses more test accuracy than allowed",
        "units": "1",
        "dims": ("clone",),
        "prefer": None,
        "source": "Refinetti et al. 2023, arXiv 2211.11567",
    },
    "loss": {
        "long_name": "training loss of the network trained on the data when its copy trained on clones falls behind",
        "units": "nat",
        "dims": ("clone",),
        "prefer": None,
        "source": "the time of Refinetti et al. 2023, arXiv 2211.11567, told in loss",
    },
    "gap_before": {
        "long_name": "largest difference in test accuracy of the two before the copy trained on clones falls behind",
        "units": "1",
        "dims": ("clone",),
        "prefer": None,
        "source": "definition",
    },
    "later_steps": {
        "long_name": "steps by which the copy on Gaussian clones falls behind later than that on isotropic ones",
        "units": "1",
        "dims": (),
        "prefer": None,
        "source": "Refinetti et al. 2023, arXiv 2211.11567",
    },
    "later_loss": {
        "long_name": "by how much the training loss falls between the two times",
        "units": "nat",
        "dims": (),
        "prefer": None,
        "source": "definition",
    },
    "reached": {
        "long_name": "share of the two copies that fell behind",
        "units": "1",
        "dims": (),
        "prefer": None,
        "source": "definition",
    },
    "replay_error": {
        "long_name": "distance of the retrained network's weights from the solution's, over the norm of these",
        "units": "1",
        "dims": (),
        "prefer": "low",
        "source": "0 on the machine that trained the solution",
    },
    "accuracy": {
        "long_name": "accuracy on the test examples after each number of steps",
        "units": "1",
        "dims": ("data", "after"),
        "prefer": None,
        "source": "Refinetti et al. 2023, arXiv 2211.11567",
    },
    "train_loss": {
        "long_name": "training loss of the network trained on the data after each number of steps",
        "units": "nat",
        "dims": ("after",),
        "prefer": None,
        "source": "definition",
    },
}
CLONES = ["gaussian", "isotropic"]
REAL = "real"


class Retrained(Task):
    """A task that is trained on other inputs, with the same classes, and judged on the same test examples."""

    def __init__(self, task: Task, inputs: str):
        vars(self).update(vars(task))
        self.inputs = inputs

    def split(self, name: str) -> tuple[Tensor, Tensor]:
        """Return ``x, y`` of a split, for training with the other inputs."""
        x, y = super().split(name)
        return (self.tensor(self.inputs) if name == "train" else x), y


def first_behind(real_RK: Tensor, clone_RK: Tensor, gap: float) -> Tensor:
    """Return the first place at which ``real - clone`` is more than the gap there and at the next one, ``[R]``.

    K where there is none; a value that is not known counts as behind. The last place has no next one.

    >>> real = torch.tensor([[0.1, 0.5, 0.9, 0.9], [0.1, 0.5, 0.9, 0.9]])
    >>> first_behind(real, torch.tensor([[0.0, 0.5, 0.8, 0.8], [0.1, 0.5, 0.9, 0.8]]), 0.02)
    tensor([2, 4])
    """
    behind_RK = (real_RK - clone_RK <= gap).logical_not()
    twice_RK = behind_RK[:, :-1] & behind_RK[:, 1:]
    place_R = twice_RK.logical_not().long().cumprod(-1).sum(-1)
    return torch.where(twice_RK.any(-1), place_R, real_RK.shape[-1])


def largest_gap(real_RK: Tensor, clone_RK: Tensor, until_R: Tensor) -> Tensor:
    """Return the largest ``|real - clone|`` at the places before ``until``, ``[R]``; 0 where there are none.

    >>> largest_gap(torch.tensor([[0.1, 0.5, 0.9]]), torch.tensor([[0.1, 0.6, 0.6]]), torch.tensor([2]))
    tensor([0.1000])
    """
    before_RK = torch.arange(real_RK.shape[-1]) < until_R.unsqueeze(-1)
    return torch.where(before_RK, (clone_RK - real_RK).abs(), 0).amax(-1)


def measure(
    solution: Solution, task: Task, *, steps: int = 40, every: int = 10, gap: float = 0.02, examples: int = 2000
) -> xr.Dataset:
    """Train three copies of every replica from its initial weights, on the data and on both clones of it.

    The copies have the replica's recipe, setting, seed and order of examples, and the view ``clones`` gives their
    inputs, one for each training example, so that all that differs is what they see. All are judged on the real test
    examples. A copy has fallen behind at the first of two evaluations in a row at which the one trained on the data is
    right more often by more than ``gap``. The copy trained on the data is the solution once more: ``replay_error`` says
    how exactly.

    Args:
        solution: the solution.
        task: its task, not a sequence.
        steps: how long the copies train.
        every: steps between evaluations.
        gap: in test accuracy.
        examples: how many of the first test examples judge, and of the first training examples give the loss.

    Returns:
        ``steps`` (``steps + every`` where a copy does not fall behind, a lower bound), ``loss`` (that at the end then)
        and ``gap_before``: dims ``(setting, seed, snapshot, clone)``; ``later_steps``, ``later_loss``, ``reached`` and
        ``replay_error`` (NaN if the solution ends at none of the evaluations): dims ``(setting, seed, snapshot)``;
        ``accuracy`` and ``train_loss``, the paths. NaN at snapshots other than ``final``.

    Raises:
        ValueError: if the solution does not say how it was trained, or steps is no multiple of every.
    """
    if steps < 1 or steps % every:
        raise ValueError(f"divergence_times: steps {steps} is no multiple of every {every}, at which copies are judged")
    if "spec" not in solution.data.attrs:
        raise ValueError("divergence_times needs the recipe, and this solution has no attribute 'spec'")
    curves = {name: _curve(solution, task, name, steps, every, examples) for name in (REAL, *CLONES)}
    labels = {"clone": CLONES, "data": list(curves), "after": list(range(0, steps + 1, every))}
    after_K = torch.tensor([*labels["after"], steps + every], dtype=torch.float64)
    shape = {name: [len(labels[dim]) for dim in entry["dims"]] for name, entry in MEASURES.items()}

    def kernel(replicas: Replicas) -> dict[str, Tensor]:
        if replicas.snapshot != "final":
            return {name: torch.full((len(replicas), *sizes), torch.nan) for name, sizes in shape.items()}
        rows = replicas.cells @ torch.tensor([solution.data.sizes["seed"], 1])
        right = {name: curve["accuracy"][rows] for name, curve in curves.items()}
        loss_RK = curves[REAL]["loss"][rows]
        until_RC = torch.stack([first_behind(right[REAL], right[name], gap) for name in CLONES], -1)
        pairs = zip(CLONES, until_RC.unbind(-1), strict=True)
        gaps = [largest_gap(right[REAL], right[name], until_R) for name, until_R in pairs]
        last = len(labels["after"]) - 1
        steps_RC, at_RC = after_K[until_RC], loss_RK.gather(-1, until_RC.clamp(max=last))
        return {
            "steps": steps_RC,
            "loss": at_RC,
            "gap_before": torch.stack(gaps, -1),
            "later_steps": steps_RC[:, 0] - steps_RC[:, 1],
            "later_loss": at_RC[:, 1] - at_RC[:, 0],
            "reached": (until_RC <= last).double().mean(-1),
            "replay_error": curves[REAL]["replay_error"][rows],
            "accuracy": torch.stack(list(right.values()), 1),
            "train_loss": loss_RK,
        }

    return solution.each(task, kernel, MEASURES, labels)


def _curve(solution: Solution, task: Task, name: str, steps: int, every: int, examples: int) -> dict[str, Tensor]:
    """Train the copies of all replicas on one kind of data.

    Returns:
        ``accuracy`` ``[R, K]``, and of copies trained on the data ``loss`` ``[R, K]`` and ``replay_error`` ``[R]``; NaN
        where a copy has diverged.
    """
    fleet = _fleet(solution, task if name == REAL else Retrained(task, f"clones_{name}"), steps)
    count, places = len(fleet), steps // every + 1
    found = {key: torch.full((count, places), torch.nan, dtype=torch.float64) for key in ("accuracy", "loss")}
    found["replay_error"] = torch.full((count,), torch.nan, dtype=torch.float64)
    ends_R = torch.as_tensor(solution.data["snapshot_step"].sel(snapshot="final").values).flatten()
    final_RP = _rows(solution, fleet, "final")
    for place, ids, weights_RP in _path(fleet, places, every, _spec(solution).get("allow", [])):
        weights = fleet.layout.unflatten(weights_RP)
        x, y = _examples(task, solution, ids, "test", examples)
        found["accuracy"][ids, place] = accuracy(task.logits(weights, x), y).cpu()
        if name == REAL:
            x, y = _examples(task, solution, ids, "train", examples)
            found["loss"][ids, place] = task.loss(task.logits(weights, x), y).double().mean(-1).cpu()
            error_R = (weights_RP - final_RP[ids]).norm(dim=1) / final_RP[ids].norm(dim=1)
            now = ends_R[ids] == place * every
            found["replay_error"][ids[now]] = error_R.cpu()[now].double()
    return found


def _path(fleet: Fleet, places: int, every: int, allow: list[str]) -> Iterator[tuple[int, Tensor, Tensor]]:
    """Yield place, replicas ``[B]`` and the weights that they deliver ``[B, P]``, block by block, while they train."""
    for place in range(places):
        for block in fleet.blocks:
            yield place, block.ids, block.composition.delivered()
        with arithmetic(allow, fleet.task.device.type):
            for _ in range(every if place + 1 < places else 0):
                fleet.step()


def _fleet(solution: Solution, task: Task, steps: int) -> Fleet:
    """Return the solution's fleet at its initial weights, to be trained on a task."""
    spec = _spec(solution)
    names = [str(name) for name in solution.data if str(name).startswith("hyper.")]
    settings = [
        {name.removeprefix("hyper."): float(solution.data[name].values[place]) for name in names}
        for place in range(solution.data.sizes["setting"])
    ]
    seeds = solution.data["seed"].values.tolist()
    plan = (spec.get("batch_size"), spec.get("executor", "stacked"), spec.get("stop", {"steps": steps}))
    fleet = Fleet(task, spec["recipe"], settings, seeds, *plan, spec.get("block"), spec.get("order"))
    start_RP = _rows(solution, fleet, "init")
    fleet.blocks = [fleet.block(block.ids, start_RP[block.ids]) for block in fleet.blocks]
    return fleet


def _spec(solution: Solution) -> dict:
    """How the solution was trained."""
    return json.loads(solution.data.attrs["spec"])


def _rows(solution: Solution, fleet: Fleet, snapshot: str) -> Tensor:
    """Weights of every replica ``[R, P]``, setting by setting and within a setting seed by seed."""
    values = {name: torch.as_tensor(solution.values(name, snapshot)).flatten(0, 1) for name in solution.parameters}
    return fleet.layout.join(values).to(fleet.task.device, fleet.task.precision)


def _examples(task: Task, solution: Solution, ids: Tensor, split: str, most: int) -> tuple[Tensor, Tensor]:
    """Return the first examples ``x, y`` of a split, of each replica's own data where they are drawn per seed."""
    x, y = task.split(split)
    if task.seeded:
        seeds = solution.data["seed"].values[(ids % solution.data.sizes["seed"]).numpy()].tolist()
        own = task.seed_index(seeds)
        x, y = x[own], y[own]
    some = torch.arange(min(most, y.shape[-1]), device=y.device)
    return x.index_select(-task.input_dims, some), y[..., some]

"""What a fleet leaves on record: the trace, the snapshots, and when each replica is done."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from imprint.fleet.fleet import Block, Fleet

TRACE = {
    "passes": ("forward-backward passes made", "1"),
    "stage": ("task of the sequence being trained", "1"),
    "batch_loss": ("loss of the last batch before its step", "nat"),
    "train_loss": ("loss on the current task's training set, at the delivered iterate", "nat"),
    "validation_loss": ("loss on the current task's validation set", "nat"),
    "validation_accuracy": ("accuracy on the current task's validation set", "1"),
    "learning_rate": ("learning rate", "1"),
    "gradient_norm": ("Euclidean norm of the last batch gradient", "1"),
    "update_norm": ("Euclidean norm of the last update", "1"),
    "weight_norm": ("Euclidean norm of all weights", "1"),
    "path_length": ("sum of the norms of all updates", "1"),
}
IN_A_ROW = 2
CONDITIONS = {"train_loss": torch.le, "validation_loss": torch.le, "validation_accuracy": torch.ge}
PASSES_TOLERANCE = 1e-6  # passes are sums of thirds


class Recorder:
    """Evaluates a fleet every ``every`` steps and at the ends of its tasks, and keeps what it sees.

    Args:
        fleet: the fleet.
        stop: ``{"epochs": n}``, ``{"steps": n}``, or ``{"train_loss": x, "at_most": {"epochs": n}}``; per task.
        snapshots: ``{name: {rule: value}}`` beyond init, the ends of tasks and branches, and final. Rules: ``step``;
            ``passes``, the first evaluation after so many; ``train_loss`` and ``validation_loss`` (at most) and
            ``validation_accuracy`` (at least), which hold at two evaluations in a row.
        every: steps between evaluations.
        keep: what snapshots hold beside the weights: ``update`` (the last change of the weights) and
            ``optimizer_state`` (what the updates keep for every weight).

    Attributes:
        weights: of every snapshot, ``[S, N, P]``, NaN where it was not taken.
        beside: what else the snapshots hold, by name, alike.
    """

    def __init__(self, fleet: Fleet, stop: dict, snapshots: dict, every: int, keep: Sequence[str] = ()):
        self.fleet, self.stop, self.declared, self.every, self.keep = fleet, stop, snapshots, every, keep
        self.limits = torch.tensor([fleet.order.steps(stop.get("at_most", stop), s) for s in range(fleet.task.stages)])
        stages = fleet.task.stages
        tasks = [f"task_{stage + 1}" for stage in range(stages)] if stages > 1 else []
        branches = [f"branch_{number}" for number, _ in enumerate(fleet.branches, 1)]
        self.names = ["init", *snapshots, *tasks, *branches, "final"]
        count = len(fleet)
        self.weights = torch.full((len(self.names), count, fleet.layout.columns), torch.nan, dtype=fleet.task.precision)
        self.beside: dict[str, Tensor] = {}
        self.steps = torch.full((len(self.names), count), -1)
        self.learned, self.retained = torch.full((2, count, stages), torch.nan, dtype=torch.float64).unbind()
        self.reached = torch.zeros(count, stages, dtype=torch.bool)
        self.in_a_row = {key: torch.zeros(count, dtype=torch.int64) for key in ["stop", *snapshots]}
        self.rows: list[dict[str, np.ndarray]] = []
        self.evaluated: list[int] = []
        self._examples = {
            name: [torch.nonzero(fleet.task.stage_of(name) == stage).flatten() for stage in range(stages)]
            for name in ("train", "validation")
        }
        self.delivered = fleet.flat
        self._keep("init", torch.ones(count, dtype=torch.bool))
        self.evaluate()

    @property
    def most_steps(self) -> int:
        """No replica makes more steps than this."""
        rounding = self.every if "train_loss" in self.stop else 0
        return sum(limit + rounding for limit in self.limits.tolist())

    def due(self) -> bool:
        """Whether the fleet is to be evaluated after the step just made."""
        fleet = self.fleet
        if not len(fleet):
            return False
        steps = {entry.get("step") for entry in self.declared.values()} | {leaves for leaves, _ in fleet.branches}
        if fleet.step_count % self.every == 0 or fleet.step_count in steps:
            return True
        if "train_loss" in self.stop:
            return False
        return bool(self._at_limit(fleet.ids).any())

    def _at_limit(self, ids: Tensor) -> Tensor:
        return self.fleet.stage_step[ids] >= self.limits[self.fleet.stage[ids]]

    def evaluate(self) -> None:
        """Write a row of the trace, keep the snapshots whose time has come, move on or let go who is done."""
        fleet = self.fleet
        delivered = [block.composition.delivered() for block in fleet.blocks]
        self.delivered = torch.cat(delivered)
        values = self._measure(delivered)
        self.rows.append({name: self._spread(value) for name, value in values.items()})
        self.evaluated.append(fleet.step_count)
        for name, entry in self.declared.items():
            self._keep(name, self._due(name, entry, values))
        for number, (leaves, factors) in enumerate(fleet.branches, 1):
            if leaves == fleet.step_count:
                self._keep_branch(f"branch_{number}", fleet.branch(factors))
        self._finish_stages(values["train_loss"], values["validation_accuracy"], delivered)

    def _due(self, name: str, entry: dict, values: dict[str, Tensor]) -> Tensor:
        """Return which of the replicas still training have come to a declared snapshot, ``[R]``."""
        ((rule, value),) = entry.items()
        if rule == "step":
            return torch.full((len(self.fleet),), self.fleet.step_count == value)
        if rule == "passes":
            return (values["passes"] >= value - PASSES_TOLERANCE) & self._missing(name)
        return self._holds(name, CONDITIONS[rule](values[rule], value)) & self._missing(name)

    def _keep_branch(self, name: str, side: Fleet) -> None:
        place, ids = self.names.index(name), side.ids
        if len(ids):
            self.weights[place, ids] = torch.cat([block.composition.delivered() for block in side.blocks]).cpu()
            self.steps[place, ids] = side.step_count

    def _finish_stages(self, loss: Tensor, accuracy: Tensor, delivered: list[Tensor]) -> None:
        fleet, ids = self.fleet, self.fleet.ids
        stages = fleet.stage[ids]
        at_limit = self._at_limit(ids)
        reached = self._holds("stop", loss <= self.stop["train_loss"]) if "train_loss" in self.stop else at_limit
        done = reached | at_limit
        if not done.any():
            return
        self.learned[ids[done], stages[done]] = accuracy[done].double()
        self.reached[ids[done], stages[done]] = reached[done]
        for counter in self.in_a_row.values():
            counter[ids[done]] = 0
        last = fleet.task.stages - 1
        for stage in stages[done].unique().tolist() if last else []:
            self._keep(f"task_{stage + 1}", done & (stages == stage))
        over = done & (stages == last)
        self._keep("final", over)
        if over.any():
            self.retained[ids[over]] = self._on_every_task(delivered)[over]
        fleet.next_stage(ids[done & ~over])
        complete = self.reached[ids].all(1)
        fleet.leave(ids[over & ~complete], "condition not reached")
        fleet.leave(ids[over & complete], "finished")

    def _on_every_task(self, delivered: list[Tensor]) -> Tensor:
        """Return the validation accuracy on each task of the sequence, ``[R, T]``."""
        pairs = list(zip(self.fleet.blocks, delivered, strict=True))
        columns = [
            torch.cat([self._performance("validation", *pair, stage)[1] for pair in pairs])
            for stage in range(self.fleet.task.stages)
        ]
        return torch.stack(columns, 1)

    def _measure(self, delivered: list[Tensor]) -> dict[str, Tensor]:
        fleet, ids = self.fleet, self.fleet.ids
        pairs = list(zip(fleet.blocks, delivered, strict=True))
        train = torch.cat([self._performance("train", *pair) for pair in pairs], 1)
        validation = torch.cat([self._performance("validation", *pair) for pair in pairs], 1)
        return {
            "passes": fleet.passes[ids],
            "stage": fleet.stage[ids].double(),
            "batch_loss": fleet.batch_loss[ids],
            "train_loss": train[0],
            "validation_loss": validation[0],
            "validation_accuracy": validation[1],
            "learning_rate": fleet.rates(),
            "gradient_norm": fleet.gradient_norm[ids],
            "update_norm": fleet.update_norm[ids],
            "weight_norm": torch.linalg.vector_norm(self.delivered, dim=1).double().cpu(),
            "path_length": fleet.path_length[ids],
        }

    @torch.no_grad()
    def _performance(self, split: str, block: Block, weights: Tensor, stage: int | None = None) -> Tensor:
        """Return loss and accuracy ``[2, B]`` of a block's replicas on the examples of a task, by default its own."""
        fleet = self.fleet
        stages = fleet.stage[block.ids] if stage is None else torch.full_like(block.ids, stage)
        found = torch.full((2, len(block.ids)), torch.nan, dtype=torch.float64)
        x, y = fleet.examples(split, block)
        for stage in stages.unique().tolist():
            rows = torch.nonzero(stages == stage).flatten()
            chosen = self._examples[split][stage]
            own_x, own_y = (x[rows], y[rows]) if fleet.task.seeded else (x, y)
            if fleet.task.stages > 1:
                own_x, own_y = own_x[..., chosen, :], own_y[..., chosen]
            logits = fleet.task.logits(fleet.layout.unflatten(weights[rows]), own_x)
            found[0, rows] = fleet.task.loss(logits, own_y).mean(1).double().cpu()
            found[1, rows] = (logits.argmax(-1) == own_y).double().mean(1).cpu()
        return found

    def _spread(self, value: Tensor) -> np.ndarray:
        row = np.full(len(self.fleet.status), np.nan)
        row[self.fleet.ids.numpy()] = value.numpy()
        return row

    def _holds(self, key: str, condition: Tensor) -> Tensor:
        counter = self.in_a_row[key]
        ids = self.fleet.ids
        counter[ids] = torch.where(condition, counter[ids] + 1, 0)
        return counter[ids] >= IN_A_ROW

    def _missing(self, name: str) -> Tensor:
        return self.steps[self.names.index(name)][self.fleet.ids] < 0

    def _keep(self, name: str, rows: Tensor) -> None:
        if rows.any():
            place = self.names.index(name)
            ids = self.fleet.ids[rows]
            self.weights[place, ids] = self.delivered[rows].cpu()
            self.steps[place, ids] = self.fleet.step_count
            for key, value in self._beside().items():
                kept = self.beside.setdefault(key, torch.full_like(self.weights, torch.nan))
                kept[place, ids] = value[rows].cpu()

    def _beside(self) -> dict[str, Tensor]:
        """Return what is kept beside the weights, by name, ``[R, P]`` of the replicas still training."""
        compositions = [block.composition for block in self.fleet.blocks]
        found = {}
        if "update" in self.keep:
            found["update"] = torch.cat([composition.change for composition in compositions])
        if "optimizer_state" in self.keep:
            states = [composition.held() for composition in compositions]
            found |= {f"state.{name}": torch.cat([state[name] for state in states]) for name in states[0]}
        return found

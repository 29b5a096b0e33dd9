"""What a fleet leaves on record: the trace, the snapshots, and when each replica is done."""

import numpy as np
import torch
from torch import Tensor

from imprint.fleet.fleet import Fleet

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


class Recorder:
    """Evaluates a fleet every ``every`` steps and at the ends of its tasks, and keeps what it sees.

    Args:
        fleet: the fleet.
        stop: ``{"epochs": n}``, ``{"steps": n}``, or ``{"train_loss": x, "at_most": {"epochs": n}}``; per task.
        snapshots: ``{name: {"step": n} | {"train_loss": x}}`` beyond init, the tasks' ends and final.
        every: steps between evaluations.
    """

    def __init__(self, fleet: Fleet, stop: dict, snapshots: dict, every: int):
        self.fleet, self.stop, self.declared, self.every = fleet, stop, snapshots, every
        self.limits = [self._steps(stop.get("at_most", stop), stage) for stage in range(fleet.task.stages)]
        stages = fleet.task.stages
        tasks = [f"task_{stage + 1}" for stage in range(stages)] if stages > 1 else []
        self.names = ["init", *snapshots, *tasks, "final"]
        count = len(fleet)
        self.weights = torch.full((len(self.names), count, fleet.layout.columns), torch.nan, dtype=fleet.flat.dtype)
        self.steps = torch.full((len(self.names), count), -1)
        self.learned = torch.full((count, stages), torch.nan, dtype=torch.float64)
        self.reached = torch.zeros(count, stages, dtype=torch.bool)
        self.in_a_row = {key: torch.zeros(count, dtype=torch.int64) for key in ["stop", *snapshots]}
        self.rows: list[dict[str, np.ndarray]] = []
        self.evaluated: list[int] = []
        self._examples = {
            name: [torch.nonzero(fleet.task.stage_of(name) == stage).flatten() for stage in range(stages)]
            for name in ("train", "validation")
        }
        self._keep("init", torch.ones(count, dtype=torch.bool))
        self.evaluate()

    def _steps(self, length: dict, stage: int) -> int:
        if "steps" in length:
            return length["steps"]
        return length["epochs"] * self.fleet.order.batches[stage]

    @property
    def most_steps(self) -> int:
        """No replica makes more steps than this."""
        rounding = self.every if "train_loss" in self.stop else 0
        return sum(limit + rounding for limit in self.limits)

    def due(self) -> bool:
        """Whether the fleet is to be evaluated after the step just made."""
        fleet = self.fleet
        if not len(fleet):
            return False
        steps = {entry.get("step") for entry in self.declared.values()}
        if fleet.step_count % self.every == 0 or fleet.step_count in steps:
            return True
        if "train_loss" in self.stop:
            return False
        return bool((fleet.stage_step >= torch.tensor(self.limits)[fleet.stage]).any())

    def evaluate(self) -> None:
        """Write a row of the trace, keep the snapshots whose time has come, move on or let go who is done."""
        fleet = self.fleet
        values = self._measure()
        self.rows.append({name: self._spread(value) for name, value in values.items()})
        self.evaluated.append(fleet.step_count)
        loss = values["train_loss"]
        for name, entry in self.declared.items():
            if "step" in entry:
                self._keep(name, torch.full((len(fleet),), fleet.step_count == entry["step"]))
            else:
                self._keep(name, self._holds(name, loss <= entry["train_loss"]) & (self._missing(name)))
        self._finish_stages(loss, values["validation_accuracy"])

    def _finish_stages(self, loss: Tensor, accuracy: Tensor) -> None:
        fleet = self.fleet
        if "train_loss" in self.stop:
            reached = self._holds("stop", loss <= self.stop["train_loss"])
        else:
            reached = fleet.stage_step >= torch.tensor(self.limits)[fleet.stage]
        done = reached | (fleet.stage_step >= torch.tensor(self.limits)[fleet.stage])
        if not done.any():
            return
        ids, stages = fleet.ids[done], fleet.stage[done]
        self.learned[ids, stages] = accuracy[done].double()
        self.reached[ids, stages] = reached[done]
        for counter in self.in_a_row.values():
            counter[ids] = 0
        last = fleet.task.stages - 1
        for stage in stages.unique().tolist() if last else []:
            self._keep(f"task_{stage + 1}", done & (fleet.stage == stage))
        over = done & (fleet.stage == last)
        self._keep("final", over)
        fleet.next_stage(done & ~over)
        self._let_go(over)

    def _let_go(self, over: Tensor) -> None:
        complete = self.reached[self.fleet.ids].all(1)
        self.fleet.leave(over & ~complete, "condition not reached")
        self.fleet.leave(over[~(over & ~complete)], "finished")

    def _measure(self) -> dict[str, Tensor]:
        fleet = self.fleet
        ids = fleet.ids
        train_loss, _ = self._performance("train")
        validation_loss, validation_accuracy = self._performance("validation")
        return {
            "passes": torch.full((len(ids),), float(fleet.passes), dtype=torch.float64),
            "stage": fleet.stage.double(),
            "batch_loss": fleet.batch_loss[ids],
            "train_loss": train_loss,
            "validation_loss": validation_loss,
            "validation_accuracy": validation_accuracy,
            "learning_rate": fleet.optimizer.rates(),
            "gradient_norm": fleet.gradient_norm[ids],
            "update_norm": fleet.update_norm[ids],
            "weight_norm": torch.linalg.vector_norm(fleet.flat, dim=1).double().cpu(),
            "path_length": fleet.path_length[ids],
        }

    @torch.no_grad()
    def _performance(self, split: str) -> tuple[Tensor, Tensor]:
        """Return loss and accuracy ``[R]`` of each active row on the examples of the task it is at."""
        fleet = self.fleet
        loss, accuracy = (torch.full((len(fleet),), torch.nan, dtype=torch.float64) for _ in range(2))
        x, y = fleet.split(split)
        for stage in fleet.stage.unique().tolist():
            rows = torch.nonzero(fleet.stage == stage).flatten()
            chosen = self._examples[split][stage]
            own_x, own_y = (x[rows], y[rows]) if fleet.task.seeded else (x, y)
            if fleet.task.stages > 1:
                own_x, own_y = own_x[..., chosen, :], own_y[..., chosen]
            logits = fleet.task.logits(fleet.layout.unflatten(fleet.flat[rows]), own_x)
            loss[rows] = fleet.task.loss(logits, own_y).mean(1).double().cpu()
            accuracy[rows] = (logits.argmax(-1) == own_y).double().mean(1).cpu()
        return loss, accuracy

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
            self.weights[place, ids] = self.fleet.flat[rows].detach().cpu()
            self.steps[place, ids] = self.fleet.step_count

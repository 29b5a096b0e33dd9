"""The state of a fleet while it trains: weights, who is where, and one exact step for all."""

import torch
from torch import Tensor

from imprint.fleet.executors import EXECUTORS
from imprint.fleet.layout import Layout
from imprint.fleet.order import Order
from imprint.labels import STATUS
from imprint.models.initialize import initialize
from imprint.recipes.compose import FleetOptimizer
from imprint.streams import generator
from imprint.task import Task


class Fleet:
    """Replicas of one task and recipe, setting by setting and within a setting seed by seed.

    Attributes:
        ids: which replica each active row is, ``[R]``.
        stage: the task of the sequence each active row is at, ``[R]``.
        stage_step: its steps within that task, ``[R]``.
        passes: forward-backward passes that each active row has made.
        status: of every replica ever in the fleet, see :data:`imprint.labels.STATUS`.
        status_step: the step at which it left.
    """

    def __init__(
        self, task: Task, recipe: dict, settings: list[dict], seeds: list[int], batch_size: int | None, executor: str
    ):
        self.task, self.seeds, self.settings = task, seeds, settings
        self.layout = Layout(task.model)
        drawn = [initialize(task.model, generator(seed, "init")) for seed in seeds]
        flat = self.layout.flatten(drawn * len(settings)).to(task.device)
        count = len(settings) * len(seeds)
        self.recipe = recipe
        self.ids = torch.arange(count)
        self.optimizer = FleetOptimizer(recipe, self.layout, flat, self.ids // len(seeds), settings)
        self.order = Order(task.stage_of("train").cpu(), task.stages, batch_size)
        self.execute = EXECUTORS[executor]
        self.stage = torch.zeros(count, dtype=torch.int64)
        self.stage_step = torch.zeros(count, dtype=torch.int64)
        self.step_count = 0
        self.passes = 0
        self.status = torch.full((count,), -1)
        self.status_step = torch.full((count,), -1)
        self.path_length = torch.zeros(count, dtype=torch.float64)
        self.batch_loss = torch.full((count,), torch.nan, dtype=torch.float64)
        self.gradient_norm, self.update_norm = self.batch_loss.clone(), self.batch_loss.clone()

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def flat(self) -> Tensor:
        """Weights of the active replicas, ``[R, P]``."""
        return self.optimizer.flat

    @property
    def active_seeds(self) -> list[int]:
        """The seed of each active row."""
        return [self.seeds[index] for index in (self.ids % len(self.seeds)).tolist()]

    def split(self, name: str) -> tuple[Tensor, Tensor]:
        """Return a split's ``x, y`` aligned with the active rows."""
        x, y = self.task.split(name)
        if not self.task.seeded:
            return x, y
        own = self.task.seed_index(self.active_seeds)
        return x[own], y[own]

    def batch(self) -> tuple[Tensor, Tensor]:
        """Return the next batch of each active row: ``[R, B, D], [R, B]``, or shared ``[N, D], [N]``."""
        if self.order.whole:
            return self.split("train")
        places = zip(self.active_seeds, self.stage.tolist(), self.stage_step.tolist(), strict=True)
        index = torch.stack([self.order.batch(*place) for place in places]).to(self.task.device)
        x, y = self.task.split("train")
        if not self.task.seeded:
            return x[index], y[index]
        own = self.task.seed_index(self.active_seeds).unsqueeze(1)
        return x[own, index], y[own, index]

    def gradients(self) -> None:
        """Compute loss and gradient of every active replica on its next batch; those not finite leave."""
        loss, gradient = self.execute(self.task, self.layout, self.flat, *self.batch())
        self.passes += 1
        finite = (torch.isfinite(loss) & torch.isfinite(gradient.sum(1))).cpu()
        if not finite.all():
            self.leave(~finite, "diverged")
            loss, gradient = loss[finite], gradient[finite]
        self.optimizer.gradient = gradient
        self.gradient_norm[self.ids] = torch.linalg.vector_norm(gradient, dim=1).double().cpu()
        self.batch_loss[self.ids] = loss.double().cpu()

    def advance(self) -> None:
        """Account for the step just made; replicas whose weights are not finite leave."""
        self.step_count += 1
        self.stage_step += 1
        change = torch.linalg.vector_norm(self.optimizer.change, dim=1).double().cpu()
        self.path_length[self.ids] += change
        self.update_norm[self.ids] = change
        finite = torch.isfinite(change)
        if not finite.all():
            self.leave(~finite, "diverged")

    def next_stage(self, rows: Tensor) -> None:
        """Move the marked active rows to the next task of the sequence."""
        self.stage[rows] += 1
        self.stage_step[rows] = 0

    def leave(self, rows: Tensor, status: str) -> None:
        """Let the marked active rows leave the computation, with their status."""
        if not rows.any():
            return
        gone = self.ids[rows]
        self.status[gone] = STATUS[status]
        self.status_step[gone] = self.step_count
        keep = ~rows
        self.ids, self.stage, self.stage_step = self.ids[keep], self.stage[keep], self.stage_step[keep]
        self.optimizer.leave(keep)

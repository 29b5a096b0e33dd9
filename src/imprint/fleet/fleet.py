"""The state of a fleet while it trains: weights, who is where, and one exact step for all."""

import copy
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.optim import Optimizer

from imprint.fleet.layout import Layout
from imprint.fleet.oracle import Oracle
from imprint.fleet.order import Order
from imprint.labels import STATUS
from imprint.models.initialize import initialize
from imprint.recipes.compose import Composition
from imprint.recipes.resolve import RecipeError
from imprint.streams import generator
from imprint.task import Task

LAST = ("batch_loss", "gradient_norm", "update_norm")


def block_size(columns: int, device: str) -> int:
    """Return how many replicas of so many weights are computed at once, where nobody says.

    On a CPU so many that the calls into the library cost little beside what they compute, and so few that a block's
    weights, gradients and optimizer state stay near the processor; on a GPU so many that one gibibyte holds them.
    """
    if device == "cuda":
        return max(1, min(1024, 2**26 // columns))
    return 32 if columns <= 16384 else 16


@dataclass
class Block:
    """Replicas that are computed at once.

    Attributes:
        ids: which replica of the fleet each row is, ``[B]``.
        composition: their weights, and how these are updated.
    """

    ids: Tensor
    composition: Composition

    def stored(self) -> dict:
        """Return what continues this block; tensors and plain values."""
        return {"ids": self.ids, **self.composition.stored()}


class FleetOptimizer(Optimizer):
    """The one optimizer that Lightning steps once per batch: it steps the whole fleet."""

    def __init__(self, fleet: "Fleet"):
        super().__init__([torch.nn.Parameter(torch.zeros(0), requires_grad=False)], {"lr": 1.0})
        self.fleet = fleet

    def step(self, closure=None) -> None:
        """Make one step of every active replica."""
        self.fleet.step()


class Fleet:
    """Replicas of one task and recipe, setting by setting and within a setting seed by seed.

    Args:
        task: data, model and loss.
        recipe: how weights are updated.
        settings: one dict of hyper-parameters per setting.
        seeds: of each replica within a setting.
        batch_size: examples per step; None takes all.
        executor: ``stacked`` or ``loop``.
        stop: see :class:`imprint.fleet.recorder.Recorder`; schedules end where it ends at the latest.
        block: how many replicas are computed at once; it bounds memory and changes no result. None: see
            :func:`block_size`.
        order: seed of the order of the examples for all replicas; None: each replica's own seed.

    Attributes:
        branches: where copies leave to cool down by themselves: a step, and the multipliers of the steps they make.
        stage: the task of the sequence each replica is at, ``[N]``.
        stage_step: its steps within that task, ``[N]``.
        passes: forward-backward passes that each replica has made, ``[N]``.
        status: see :data:`imprint.labels.STATUS`, ``[N]``.
        status_step: the step at which it left, ``[N]``.
    """

    def __init__(
        self,
        task: Task,
        recipe: dict,
        settings: list[dict],
        seeds: list[int],
        batch_size: int | None,
        executor: str,
        stop: dict | None = None,
        block: int | None = None,
        order: int | None = None,
    ):
        self.task, self.recipe, self.settings, self.seeds = task, recipe, settings, seeds
        self.layout = Layout.of(task.model)
        self.order = Order(task.stage_of("train").cpu(), task.stages, batch_size, order)
        self.executor = executor
        count = len(settings) * len(seeds)
        self.limits = (
            [self.order.steps(stop.get("at_most", stop), stage) for stage in range(task.stages)] if stop else [1]
        )
        size = block or block_size(self.layout.columns, task.device.type)
        drawn = self.layout.flatten([initialize(task.model, generator(seed, "init")) for seed in seeds])
        self.blocks = [
            self.block(ids, drawn[ids % len(seeds)].to(task.device)) for ids in torch.arange(count).split(size)
        ]
        self.branches = self.blocks[0].composition.branches
        if self.branches and task.stages > 1:
            name = recipe.get("name", recipe["update"])
            raise RecipeError(
                f"recipe {name!r}: a trunk with branches is for one task, not a sequence of {task.stages}"
            )
        self.step_count = 0
        self.stage, self.stage_step = torch.zeros(2, count, dtype=torch.int64).unbind()
        self.passes, self.path_length = torch.zeros(2, count, dtype=torch.float64).unbind()
        self.status, self.status_step = torch.full((2, count), -1).unbind()
        for name in LAST:
            setattr(self, name, torch.full((count,), torch.nan, dtype=torch.float64))

    def block(self, ids: Tensor, weights: Tensor) -> Block:
        """Return a block of replicas that starts at weights ``[B, P]``."""
        seeds = [self.seeds[index] for index in (ids % len(self.seeds)).tolist()]
        setting = ids // len(self.seeds)
        made = Composition(
            self.recipe, self.layout, weights, setting, self.settings, seeds, sum(self.limits), self.task.model
        )
        return Block(ids, made)

    def __len__(self) -> int:
        return sum(len(block.ids) for block in self.blocks)

    @property
    def ids(self) -> Tensor:
        """Which replica each active one is, ``[R]``."""
        return torch.cat([block.ids for block in self.blocks] or [torch.zeros(0, dtype=torch.int64)])

    @property
    def flat(self) -> Tensor:
        """Weights of the active replicas where the loss is taken, ``[R, P]``."""
        return torch.cat(
            [block.composition.weights for block in self.blocks]
            or [torch.zeros(0, self.layout.columns, dtype=self.task.precision)]
        )

    def rates(self) -> Tensor:
        """Return the learning rate of each active replica, ``[R]``."""
        return torch.cat([block.composition.rates() for block in self.blocks])

    def examples(self, split: str, block: Block) -> tuple[Tensor, Tensor]:
        """Return a split's ``x, y`` as a block's replicas see it."""
        x, y = self.task.split(split)
        if not self.task.seeded:
            return x, y
        own = self.task.seed_index(block.composition.seeds)
        return x[own], y[own]

    def batch(self, block: Block) -> tuple[Tensor, Tensor]:
        """Return the next batch of each replica of a block: ``[B, E, D], [B, E]``, or shared ``[N, D], [N]``."""
        if self.order.whole:
            return self.examples("train", block)
        seeds = block.composition.seeds
        places = zip(seeds, self.stage[block.ids].tolist(), self.stage_step[block.ids].tolist(), strict=True)
        index = torch.stack([self.order.batch(*place) for place in places]).to(self.task.device)
        x, y = self.task.split("train")
        if self.task.seeded:
            index = index + (self.task.seed_index(seeds) * x.shape[1]).unsqueeze(1).to(index.device)
            x, y = x.flatten(0, 1), y.flatten()
        flat = index.flatten()
        return x.index_select(0, flat).view(*index.shape, -1), y.index_select(0, flat).view(index.shape)

    def step(self) -> None:
        """Make one step of every active replica; those whose numbers are not finite leave."""
        for block in self.blocks:
            self._step(block)
        self.step_count += 1
        ids = self.ids
        self.stage_step[ids] += 1
        self._forget_empty()

    def _step(self, block: Block) -> None:
        composition = block.composition
        composition.stage = self.stage[block.ids]
        oracle = Oracle(self.task, self.layout, self.executor, *self.batch(block), len(composition))
        loss, gradient = composition.measure(oracle)
        seen = torch.stack([loss, torch.linalg.vector_norm(gradient, dim=1)]).double().cpu()
        finite = seen.isfinite().all(0)
        if not finite.all():
            self.passes[block.ids] += oracle.passes
            oracle.passes.zero_()
            self._leave(block, ~finite, "diverged", self.step_count)
            oracle.leave(finite)
            loss, gradient, seen = loss[finite], gradient[finite], seen[:, finite]
        if not len(block.ids):
            return
        composition.step(gradient, oracle, loss)
        ids = block.ids
        self.passes[ids] += oracle.passes
        change = torch.linalg.vector_norm(composition.change, dim=1).double().cpu()
        self.batch_loss[ids], self.gradient_norm[ids] = seen
        self.path_length[ids] += change
        self.update_norm[ids] = change
        self._leave(block, ~change.isfinite(), "diverged", self.step_count + 1)

    def branch(self, factors: list[float]) -> "Fleet":
        """Return a copy that has gone on by itself, with these multipliers of its rates, while this one waits."""
        side = copy.copy(self)
        for name in ("stage", "stage_step", "passes", "status", "status_step", "path_length", *LAST):
            setattr(side, name, getattr(self, name).clone())
        side.blocks = [self.restored(copy.deepcopy(block.stored())) for block in self.blocks]
        for block in side.blocks:
            block.composition.cool(factors)
        for _ in factors:
            side.step()
        return side

    def restored(self, stored: dict) -> Block:
        """Return a block as :meth:`Block.stored` has it."""
        ids = stored["ids"]
        zeros = torch.zeros(len(ids), self.layout.columns, dtype=self.task.precision, device=self.task.device)
        block = self.block(ids, zeros)
        block.composition.restore(stored)
        return block

    def next_stage(self, ids: Tensor) -> None:
        """Move replicas to the next task of the sequence."""
        self.stage[ids] += 1
        self.stage_step[ids] = 0

    def leave(self, ids: Tensor, status: str) -> None:
        """Let replicas leave the computation, with their status."""
        for block in self.blocks:
            self._leave(block, torch.isin(block.ids, ids), status, self.step_count)
        self._forget_empty()

    def _leave(self, block: Block, rows: Tensor, status: str, step: int) -> None:
        if not rows.any():
            return
        gone = block.ids[rows]
        self.status[gone] = STATUS[status]
        self.status_step[gone] = step
        block.ids = block.ids[~rows]
        block.composition.leave(~rows)

    def _forget_empty(self) -> None:
        self.blocks = [block for block in self.blocks if len(block.ids)]

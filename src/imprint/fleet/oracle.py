"""Loss and gradient of one batch at any weights of some replicas, by one of two executors, and what they cost."""

from collections.abc import Callable

import torch
from torch import Tensor

from imprint.fleet.layout import Layout
from imprint.task import Task

FORWARD = 1 / 3  # a backward pass costs two forward passes: one product for the inputs, one for the weights


EXECUTORS = ("stacked", "loop")


class Oracle:
    """One batch of some replicas.

    Args:
        task: model and loss.
        layout: of the weights.
        executor: ``stacked``: all replicas in one batched pass; ``loop``: one after the other, by the model's own.
        x: inputs ``[R, B, D]``, or ``[B, D]`` for all replicas.
        y: targets ``[R, B]``, or ``[B]``.
        count: R.

    Attributes:
        passes: forward-backward passes made, of each replica ``[R]``; a forward pass alone counts a third.
    """

    def __init__(self, task: Task, layout: Layout, executor: str, x: Tensor, y: Tensor, count: int):
        self.task, self.layout, self.executor, self.x, self.y = task, layout, executor, x, y
        self.passes = torch.zeros(count, dtype=torch.float64)

    def replica(self, row: int) -> "Oracle":
        """Return the batch of one replica, as a fleet of one."""
        own = slice(None) if self.y.dim() == 1 else slice(row, row + 1)
        return Oracle(self.task, self.layout, self.executor, self.x[own], self.y[own], 1)

    def leave(self, keep: Tensor) -> None:
        """Drop the replicas that are not marked in ``keep`` ``[R]``."""
        self.passes = self.passes[keep]
        if self.y.dim() > 1:
            self.x, self.y = self.x[keep], self.y[keep]

    def _turns(self, count: int) -> list[slice]:
        """Return the rows that are computed at once: all, or in the loop one after the other."""
        return [slice(row, row + 1) for row in range(count)] if self.executor == "loop" else [slice(0, count)]

    def _losses(self, weights: dict[str, Tensor], rows: slice) -> Tensor:
        own = slice(None) if self.y.dim() == 1 else rows
        if self.executor == "loop":
            single = {name: value[0] for name, value in weights.items()}
            x = self.x if self.y.dim() == 1 else self.x[rows.start]
            logits = torch.func.functional_call(self.task.model, single, (x,)).unsqueeze(0)
        else:
            logits = self.task.logits(weights, self.x[own])
        return self.task.loss(logits, self.y[own]).mean(1)

    @torch.no_grad()
    def loss(self, weights: Tensor) -> Tensor:
        """Return the mean loss ``[R]`` at weights ``[R, P]``; a third of a pass."""
        self.passes += FORWARD
        turns = self._turns(len(weights))
        return torch.cat([self._losses(self.layout.unflatten(weights[rows]), rows) for rows in turns])

    @torch.enable_grad()
    def gradient(self, weights: Tensor) -> tuple[Tensor, Tensor]:
        """Return the mean loss ``[R]`` and its gradient ``[R, P]`` at weights ``[R, P]``; one pass."""
        self.passes += 1
        losses, gradient = [], torch.empty_like(weights)
        places = self.layout.unflatten(gradient)
        for rows in self._turns(len(weights)):
            leaves = {
                name: value.requires_grad_() for name, value in self.layout.unflatten(weights[rows].detach()).items()
            }
            found = self._losses(leaves, rows)
            losses.append(found.detach())
            for name, slope in zip(leaves, torch.autograd.grad(found.sum(), list(leaves.values())), strict=True):
                places[name][rows] = slope
        return torch.cat(losses), gradient

    @torch.enable_grad()
    def curvature(self, weights: Tensor, direction: Tensor) -> Tensor:
        """Return the Hessian of the mean loss times a direction, ``[R, P]``; two passes, backward through backward."""
        self.passes += 2
        products = []
        for rows in self._turns(len(weights)):
            leaf = weights[rows].detach().requires_grad_()
            losses = self._losses(self.layout.unflatten(leaf), rows)
            (gradient,) = torch.autograd.grad(losses.sum(), leaf, create_graph=True)
            products += torch.autograd.grad(gradient, leaf, direction[rows])
        return torch.cat(products)

    @torch.enable_grad()
    def local_gradient(self, weights: Tensor, teach: Callable[[str, Tensor, Tensor], Tensor]) -> tuple[Tensor, Tensor]:
        """Return loss and a gradient in which every layer but the last learns from its own teaching signal.

        Args:
            weights: ``[R, P]``.
            teach: from a hidden layer's name, its activations ``[R, B, H]`` and the error at the logits
                ``[R, B, C]`` (the gradient of the mean loss) to the signal ``[R, B, H]`` that stands for the
                gradient of the loss by these activations.

        Raises:
            ValueError: if the model cannot be cut between its layers.
        """
        self.passes += 1
        leaf = weights.detach().requires_grad_()
        logits, hidden = self.task.cut(self.layout.unflatten(leaf), self.x)
        losses = self.task.loss(logits, self.y).mean(1)
        (error,) = torch.autograd.grad(losses.sum(), logits, retain_graph=True)
        signals = [teach(name, value.detach(), error) for name, value in hidden.items()]
        outputs = [losses.sum(), *hidden.values()]
        (gradient,) = torch.autograd.grad(outputs, leaf, [torch.ones_like(outputs[0]), *signals])
        return losses.detach(), gradient

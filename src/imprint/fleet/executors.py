"""The two ways to compute every replica's loss and gradient; an experiment uses one for all its recipes."""

import torch
from torch import Tensor

from imprint.fleet.layout import Layout
from imprint.task import Task


def stacked(task: Task, layout: Layout, flat: Tensor, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """All replicas in one batched forward and backward pass.

    Args:
        task: model and loss.
        layout: of the weights.
        flat: weights ``[R, P]``.
        x: inputs ``[R, B, D]``, or ``[B, D]`` for all replicas.
        y: targets ``[R, B]``, or ``[B]``.

    Returns:
        Mean loss of each replica's batch ``[R]`` and its gradient ``[R, P]``.
    """
    leaf = flat.detach().requires_grad_()
    losses = task.loss(task.logits(layout.unflatten(leaf), x), y).mean(1)
    (gradient,) = torch.autograd.grad(losses.sum(), leaf)
    return losses.detach(), gradient


def loop(task: Task, layout: Layout, flat: Tensor, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Replicas in turn, each through the model's own forward; arguments and result as :func:`stacked`."""
    losses, gradients = [], []
    shared = y.dim() == 1
    for index, row in enumerate(flat):
        leaf = row.detach().requires_grad_()
        inputs, targets = (x, y) if shared else (x[index], y[index])
        logits = torch.func.functional_call(task.model, layout.unflatten(leaf), (inputs,))
        loss = task.loss(logits, targets).mean()
        gradients.append(torch.autograd.grad(loss, leaf)[0])
        losses.append(loss.detach())
    return torch.stack(losses), torch.stack(gradients)


EXECUTORS = {"stacked": stacked, "loop": loop}

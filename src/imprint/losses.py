"""Losses per example: ``[..., C]`` logits and ``[...]`` targets to ``[...]`` losses."""

import torch
from torch import Tensor
from torch.nn import functional


def cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """Return ``-log softmax(logits)[target]`` in nats for every example.

    The classes are given to PyTorch as the axis before the last: its softmax over a short last axis takes twenty times
    as long, with the same result to the bit.
    """
    examples, classes = logits.shape[-2:]
    stacked = logits.reshape(-1, examples, classes).mT
    losses = functional.cross_entropy(stacked, targets.reshape(-1, examples), reduction="none")
    return losses.reshape(logits.shape[:-1])


def squared_error(logits: Tensor, targets: Tensor) -> Tensor:
    """Return ``||logits - onehot(target)||^2 / 2`` for every example."""
    onehot = functional.one_hot(targets, logits.shape[-1]).to(logits.dtype)
    return torch.square(logits - onehot).sum(-1) / 2


def stablemax(logits: Tensor, targets: Tensor) -> Tensor:
    """Return ``-log(s(logits)[target] / sum s(logits))`` in nats for every example, cross-entropy with StableMax.

    ``s(z) = z + 1`` for ``z >= 0`` and ``1 / (1 - z)`` below: it grows linearly where softmax grows exponentially, so
    that no other class is rounded away (Prieto et al. 2025, arXiv 2501.04697). Logarithms are taken of s, not of the
    quotient: ``log s(z) = log(1 + |z|)`` for ``z >= 0`` and its negative below.
    """
    logs = torch.where(logits < 0, -torch.log1p(-logits.clamp(max=0)), torch.log1p(logits.clamp(min=0)))
    chosen = logs.gather(-1, targets.unsqueeze(-1)).squeeze(-1)
    return torch.logsumexp(logs, -1) - chosen


def spectral_decoupling(logits: Tensor, targets: Tensor) -> Tensor:
    """Return the cross-entropy plus ``0.006 sum_c (z_c - mean z)^2`` of the logits z, for every example.

    For two classes the penalty is ``0.003 (z_1 - z_0)^2``, that of Pezeshki et al. 2021 (arXiv 2011.09468) on the one
    logit of a logistic loss, with the coefficient of their two moons. What is common to all logits is no part of it.
    """
    centred = logits - logits.mean(-1, keepdim=True)
    return cross_entropy(logits, targets) + 0.006 * torch.square(centred).sum(-1)


LOSSES = {
    "cross_entropy": cross_entropy,
    "squared_error": squared_error,
    "stablemax": stablemax,
    "spectral_decoupling": spectral_decoupling,
}

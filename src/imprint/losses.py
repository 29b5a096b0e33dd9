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


LOSSES = {"cross_entropy": cross_entropy, "squared_error": squared_error}

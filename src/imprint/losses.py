"""Losses per example: ``[..., C]`` logits and ``[...]`` targets to ``[...]`` losses."""

import torch
from torch import Tensor
from torch.nn import functional


def cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """Return ``-log softmax(logits)[target]`` in nats for every example."""
    classes = logits.shape[-1]
    flat = functional.cross_entropy(logits.reshape(-1, classes), targets.reshape(-1), reduction="none")
    return flat.reshape(logits.shape[:-1])


def squared_error(logits: Tensor, targets: Tensor) -> Tensor:
    """Return ``||logits - onehot(target)||^2 / 2`` for every example."""
    onehot = functional.one_hot(targets, logits.shape[-1]).to(logits.dtype)
    return torch.square(logits - onehot).sum(-1) / 2


LOSSES = {"cross_entropy": cross_entropy, "squared_error": squared_error}

"""Euclidean norms and directions of stacked vectors, exact in scale: no square overflows or vanishes."""

import torch
from torch import Tensor


def norm(vectors: Tensor) -> Tensor:
    """Return the Euclidean norm of ``[..., n]`` over its last axis, ``[..., 1]``."""
    scale = _scale(vectors)
    return scale * torch.linalg.vector_norm(vectors / scale, dim=-1, keepdim=True)


def unit(vectors: Tensor) -> Tensor:
    """Return ``v / ||v||`` of ``[..., n]`` over its last axis; 0 where ``v`` is 0."""
    scaled = vectors / _scale(vectors)
    # the largest element of `scaled` is 1, so its norm is below 1 only where the vector is 0
    return scaled / torch.linalg.vector_norm(scaled, dim=-1, keepdim=True).clamp_min(1)


def _scale(vectors: Tensor) -> Tensor:
    largest = vectors.abs().amax(-1, keepdim=True)
    return torch.where(largest > 0, largest, torch.ones_like(largest))

"""DeMo (Peng, Quesnelle and Kingma 2024) in one process: signs of the fast components of a decayed momentum."""

import functools
import math

import torch
from torch import Tensor
from torch.optim import Optimizer


def largest_divisor(size: int, limit: int) -> int:
    """Return the largest divisor of ``size`` that is at most ``limit``; 1 where there is no other."""
    return max(divisor for divisor in range(1, min(size, limit) + 1) if size % divisor == 0)


@functools.cache
def cosines(size: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return the orthonormal DCT-II as a matrix ``[size, size]``.

    ``C[k, i] = sqrt((2 - [k = 0]) / size) cos(pi (2 i + 1) k / (2 size))``; its transpose is its inverse. Where a wave
    is zero, it is so exactly: signs are taken of it.
    """
    index = torch.arange(size)
    angle = index[:, None] * (2 * index + 1) % (4 * size)
    matrix = torch.cos(math.pi / (2 * size) * angle.double()) * math.sqrt(2 / size)
    matrix[angle % (2 * size) == size] = 0
    matrix[0] = math.sqrt(1 / size)
    return matrix.to(dtype=dtype, device=device)


def fast_components(matrices: Tensor, chunk: int, topk: int) -> Tensor:
    """Return what the ``topk`` largest DCT coefficients of each block of ``[L, m, n]`` say of it, ``[L, m, n]``.

    A block has the largest divisors of ``m`` and ``n`` up to ``chunk`` as its sides; with all coefficients the result
    is the input. Products are of single blocks, so that the result for a matrix does not depend on ``L``.
    """
    count, m, n = matrices.shape
    h, w = largest_divisor(m, chunk), largest_divisor(n, chunk)
    blocks = matrices.reshape(count, m // h, h, n // w, w).transpose(2, 3).reshape(-1, h, w)
    down, across = (cosines(side, matrices.dtype, matrices.device).expand(len(blocks), side, side) for side in (h, w))
    coefficients = (down @ blocks @ across.mT).flatten(1)
    places = coefficients.abs().topk(min(topk, h * w), sorted=False).indices
    kept = torch.zeros_like(coefficients).scatter(1, places, coefficients.gather(1, places))
    decoded = down.mT @ kept.view(-1, h, w) @ across
    return decoded.view(count, m // h, n // w, h, w).transpose(2, 3).reshape(count, m, n)


class Demo(Optimizer):
    """``D <- decay D + lr G``; ``Q = fast(D)``; ``D <- D - Q``; ``W <- W - lr sign(Q)`` (arXiv 2411.19870).

    The algorithm of one worker, whose exchange with the others is the identity, as in the authors' demo.py (which
    multiplies by ``lr`` inside ``D``: that matters only while the rate changes). ``fast`` is :func:`fast_components`.
    A vector is one row; of a kernel the first axis are the rows and the others, flattened, the columns.

    Args:
        params: tensors of any shape.
        lr: size of every element's step.
        decay: memory of the momentum.
        topk: coefficients kept per block.
        chunk: largest side of a block.
        leading: how many leading axes of a parameter number replicas: 0 where it belongs to one network, 1 where
            matrices of many replicas are stacked.
    """

    def __init__(
        self, params, lr: float = 1e-3, decay: float = 0.999, topk: int = 32, chunk: int = 64, leading: int = 0
    ):
        for name, value in {"topk": topk, "chunk": chunk}.items():
            if value < 1:
                raise ValueError(f"Demo: {name} {value} is not at least 1")
        super().__init__(params, {"lr": lr, "decay": decay, "topk": topk, "chunk": chunk, "leading": leading})

    @torch.no_grad()
    def step(self, closure=None) -> None:
        """Make one step on every parameter."""
        for group in self.param_groups:
            for p in group["params"]:
                state = self.state[p]
                if not state:
                    state["momentum"] = torch.zeros_like(p, memory_format=torch.contiguous_format)
                momentum = state["momentum"].mul_(group["decay"]).add_(p.grad, alpha=group["lr"])
                shape = p.shape[group["leading"] :]
                rows = shape[0] if len(shape) > 1 else 1
                matrices = momentum.view(-1, rows, math.prod(shape) // rows)
                fast = fast_components(matrices, group["chunk"], group["topk"]).view(p.shape)
                momentum.sub_(fast)
                p.add_(fast.sign(), alpha=-group["lr"])

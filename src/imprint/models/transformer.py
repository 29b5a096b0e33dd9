"""Small decoder-only transformer on a context of tokens; it predicts the one that follows the context."""

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from imprint.models.activations import ACTIVATIONS, check_activation
from imprint.recipes.product import product

EXECUTOR = {"cpu": "stacked", "cuda": "stacked"}
EXPANSION = 4


class Block(nn.Module):
    """The weights of one attention and the perceptron after it."""

    def __init__(self, width: int):
        super().__init__()
        self.query, self.key, self.value, self.mix = (nn.Linear(width, width, bias=False) for _ in range(4))
        self.up = nn.Linear(width, EXPANSION * width, bias=False)
        self.down = nn.Linear(EXPANSION * width, width, bias=False)


class Transformer(nn.Module):
    """Pre-norm transformer (Vaswani et al. 2017; Radford et al. 2019) with learned places, without dropout.

    ``h = E[x] + P``; per block ``h += O attention(Q n(h), K n(h), V n(h))`` and ``h += D a(U n(h))``; logits ``W n(h)``
    at the last place. The norm ``n`` subtracts the mean and divides by the standard deviation; like the linear layers
    it has no weights beside the matrices (Groeneveld et al. 2024, arXiv 2402.00838). A place sees itself and those
    before it.
    """

    def __init__(self, context: int, symbols: int, width: int, layers: int, heads: int, activation: str):
        super().__init__()
        self.heads, self.activation = heads, activation
        self.tokens = nn.Embedding(symbols, width)
        self.places = nn.Embedding(context, width)
        self.blocks = nn.ModuleList(Block(width) for _ in range(layers))
        self.head = nn.Linear(width, symbols, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map tokens ``[N, T]`` to logits ``[N, C]``."""
        return _pass(self, x, lambda name, value: self.get_submodule(name)(value), cut=False)[0]


def build(
    *, inputs: int, classes: int, width: int = 32, layers: int = 1, heads: int = 4, activation: str = "gelu"
) -> Transformer:
    """Return the module, with weights still to be drawn by :mod:`imprint.models.initialize`.

    Args:
        inputs: length of the context.
        classes: number of symbols; the context is of the same symbols as what follows it.
        width: features of a place, a multiple of ``heads``.
        layers: number of blocks.
        heads: attention heads of each block.
        activation: of the perceptrons, a name of :data:`imprint.models.activations.ACTIVATIONS`.

    Raises:
        ValueError: if the width cannot be shared by the heads, there is no block, or the activation is not known.
    """
    check_activation("transformer", activation)
    if heads < 1 or width < 1 or width % heads:
        raise ValueError(
            f"model transformer: width {width} is not a multiple of heads {heads}; each head gets its part"
        )
    if layers < 1:
        raise ValueError(f"model transformer: layers is {layers}; at least 1 is needed")
    return Transformer(inputs, classes, width, layers, heads, activation)


def stacked(
    module: Transformer, weights: Mapping[str, Tensor], x: Tensor, cut: bool = False
) -> tuple[Tensor, dict[str, Tensor]]:
    """Forward pass of R replicas at once.

    Args:
        module: the architecture; its own weights are not used.
        weights: by parameter name, ``[R, *shape]``.
        x: tokens ``[N, T]`` shared by the replicas, or ``[R, N, T]``; whole numbers, of any type.
        cut: detach the output of every block before the next one reads it, so that a gradient by what is returned
            reaches the weights of one block only (those of the embeddings with the first).

    Returns:
        Logits ``[R, N, C]`` and the output of each block at the last place, ``{"hidden_1": [R, N, H], ...}``.
    """
    replicas = weights["head.weight"].shape[0]

    def read(name: str, value: Tensor) -> Tensor:
        table = weights[f"{name}.weight"]
        return _connect(value, table) if value.is_floating_point() else _look_up(value, table)

    return _pass(module, x.expand(replicas, *x.shape[-2:]), read, cut)


def _pass(
    module: Transformer, x: Tensor, read: Callable[[str, Tensor], Tensor], cut: bool
) -> tuple[Tensor, dict[str, Tensor]]:
    """Return what :func:`stacked` does; ``read`` gives what the layer of a name makes of its input."""
    activate = ACTIVATIONS[module.activation]
    tokens = x.long()
    value = read("tokens", tokens) + read("places", torch.arange(x.shape[-1], device=x.device).expand_as(tokens))
    hidden = {}
    last = len(module.blocks) - 1
    for index in range(last + 1):
        seen = _norm(value)
        keys, values = read(f"blocks.{index}.key", seen), read(f"blocks.{index}.value", seen)
        if index == last:
            value, seen = value[..., -1:, :], seen[..., -1:, :]
        mixed = attention(read(f"blocks.{index}.query", seen), keys, values, module.heads)
        value = value + read(f"blocks.{index}.mix", mixed)
        value = value + read(f"blocks.{index}.down", activate(read(f"blocks.{index}.up", _norm(value))))
        hidden[f"hidden_{index + 1}"] = value[..., -1, :]
        value = value.detach() if cut else value
    return read("head", _norm(value[..., -1, :])), hidden


def attention(queries: Tensor, keys: Tensor, values: Tensor, heads: int) -> Tensor:
    """Return ``softmax(q_h K_h' / sqrt(d)) V_h`` of every query and head, the heads' features beside one another.

    A head's query is written over all features, with zeros at those of the other heads: products of matrices with as
    many rows as heads, where each query alone would be a vector.

    Args:
        queries: ``[..., Q, D]``, at the last Q of the T places.
        keys: ``[..., T, D]``.
        values: ``[..., T, D]``.
        heads: number of heads, each with ``d = D / heads`` consecutive features.
    """
    count, places, width = queries.shape[-2], *keys.shape[-2:]
    own_HD = torch.eye(heads, dtype=queries.dtype, device=queries.device).repeat_interleave(width // heads, 1)
    ahead_QT = torch.ones(places, places, dtype=torch.bool, device=queries.device).triu(1)[-count:]
    scores = product((queries.unsqueeze(-2) * own_HD).flatten(-3, -2), keys.mT) / math.sqrt(width / heads)
    shares = torch.softmax(scores.masked_fill(ahead_QT.repeat_interleave(heads, 0), -math.inf), -1)
    return (product(shares, values).unflatten(-2, (count, heads)) * own_HD).sum(-2)


def _norm(value: Tensor) -> Tensor:
    return functional.layer_norm(value, value.shape[-1:])


def _connect(value: Tensor, weight: Tensor) -> Tensor:
    """Map each replica's ``[R, ..., I]`` by its weights ``[R, O, I]``: ``[R, ..., O]``."""
    return product(value.flatten(1, -2), weight.mT).view(*value.shape[:-1], weight.shape[1])


def _look_up(index: Tensor, table: Tensor) -> Tensor:
    """Return the rows of each replica's table ``[R, V, D]`` at ``[R, ...]``: ``[R, ..., D]``."""
    first = torch.arange(len(table), device=table.device) * table.shape[1]
    return functional.embedding(index + first.view(-1, *[1] * (index.dim() - 1)), table.flatten(0, 1))

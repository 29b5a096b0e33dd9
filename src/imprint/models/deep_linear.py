"""Product of matrices on flat inputs, without biases; its outputs may be read in fixed rotated axes."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from imprint.recipes.product import product
from imprint.streams import generator

EXECUTOR = {"cpu": "stacked", "cuda": "stacked"}


class DeepLinear(nn.Module):
    """``logits = V W_L ... W_1 x``, where V is the identity or a fixed rotation that is no parameter."""

    def __init__(self, widths: Sequence[int], scale: float, values: Tensor | None):
        super().__init__()
        self.initial_scale = scale
        self.layers = nn.ModuleList(
            nn.Linear(inputs, outputs, bias=False) for inputs, outputs in zip(widths[:-1], widths[1:], strict=True)
        )
        self.register_buffer("values", values, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map inputs ``[N, D]`` to logits ``[N, C]``."""
        for layer in self.layers:
            x = layer(x)
        return x if self.values is None else x @ self.values.mT


def build(
    *, inputs: int, classes: int, hidden: Sequence[int] = (), scale: float = 1.0, values: int | None = None
) -> DeepLinear:
    """Return the module, with weights still to be drawn by :mod:`imprint.models.initialize`, times ``scale``.

    Args:
        inputs: number of features of an example.
        classes: number of classes.
        hidden: widths between the matrices; none for a single matrix.
        scale: factor of the initial weights.
        values: seed of V, a rotation that is Haar-distributed on the orthogonal group and the same for every
            replica; None for the identity.
    """
    return DeepLinear([inputs, *hidden, classes], scale, None if values is None else rotation(classes, values))


def rotation(size: int, seed: int) -> Tensor:
    """Return a Haar-distributed orthogonal matrix ``[C, C]``, a function of the seed only."""
    drawn = torch.randn(size, size, generator=generator(seed, "values"), dtype=torch.float64)
    q, r = torch.linalg.qr(drawn)
    return q * r.diagonal().sign()


def stacked(
    module: DeepLinear, weights: Mapping[str, Tensor], x: Tensor, cut: bool = False
) -> tuple[Tensor, dict[str, Tensor]]:
    """Forward pass of R replicas at once.

    Args:
        module: the architecture; its own weights are not used.
        weights: by parameter name, ``[R, *shape]``.
        x: ``[N, D]`` shared by the replicas, or ``[R, N, D]``.
        cut: detach every hidden activation before the next layer reads it, so that a gradient by what is returned
            reaches the weights of one layer only.

    Returns:
        Logits ``[R, N, C]`` and the hidden activations ``{"hidden_1": [R, N, H], ...}``.
    """
    hidden = {}
    replicas = weights["layers.0.weight"].shape[0]
    # examples last: then the gradient by a weight is laid out as the weight is, and no copy turns it
    x = x.expand(replicas, *x.shape[-2:]).mT
    last = len(module.layers) - 1
    for index in range(last + 1):
        x = product(weights[f"layers.{index}.weight"], x)
        if index < last:
            hidden[f"hidden_{index + 1}"] = x.mT
            x = x.detach() if cut else x
    if module.values is not None:
        x = product(module.values.expand(replicas, -1, -1), x)
    return x.mT, hidden

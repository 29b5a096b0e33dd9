"""Small convolution network on flat inputs: convolution, activation, averages of 2 x 2 pixels; then a perceptron."""

import functools
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from imprint.models.activations import ACTIVATIONS, check_activation

EXECUTOR = {"cpu": "loop", "cuda": "stacked"}


class ConvNet(nn.Module):
    """Per convolution ``h <- pool(a(K * h + b))``, then ``logits = W_L a(... a(W_1 h + b_1) ...) + b_L``.

    The convolution pads with zeros and keeps the size; the pool averages 2 x 2 pixels and leaves out an odd last row
    or column. An average has one gradient everywhere, where a maximum has ties to break.
    """

    def __init__(
        self, shape: Sequence[int], channels: Sequence[int], kernel: int, widths: Sequence[int], activation: str
    ):
        super().__init__()
        self.shape = tuple(shape)
        depths = [shape[0], *channels]
        self.convolutions = nn.ModuleList(
            nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2)
            for inputs, outputs in zip(depths[:-1], depths[1:], strict=True)
        )
        self.layers = nn.ModuleList(
            nn.Linear(inputs, outputs) for inputs, outputs in zip(widths[:-1], widths[1:], strict=True)
        )
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        """Map inputs ``[N, D]`` to logits ``[N, C]``."""
        activate = ACTIVATIONS[self.activation]
        x = x.unflatten(-1, self.shape)
        for convolution in self.convolutions:
            x = functional.avg_pool2d(activate(convolution(x)), 2)
        x = x.flatten(-3)
        for layer in self.layers[:-1]:
            x = activate(layer(x))
        return self.layers[-1](x)


def build(
    *,
    inputs: int,
    classes: int,
    shape: Sequence[int],
    channels: Sequence[int] = (8, 16),
    kernel: int = 3,
    hidden: Sequence[int] = (),
    activation: str = "relu",
) -> ConvNet:
    """Return the module, with weights still to be drawn by :mod:`imprint.models.initialize`.

    Args:
        inputs: number of features of an example.
        classes: number of classes.
        shape: ``[channels, height, width]`` of an example; its features are read in this order.
        channels: of each convolution's output.
        kernel: side of the convolutions' kernels in pixels.
        hidden: widths of the layers between the last convolution and the classifier.
        activation: a name of :data:`imprint.models.activations.ACTIVATIONS`.

    Raises:
        ValueError: if the shape is not that of the inputs, the kernel has no middle, the image is too small to be
            halved after each convolution, or the activation is not known.
    """
    check_activation("convnet", activation)
    if len(shape) != 3 or min(shape) < 1:
        raise ValueError(f"model convnet: shape {list(shape)} is not [channels, height, width], each at least 1")
    depth, height, width = shape
    if depth * height * width != inputs:
        raise ValueError(
            f"model convnet: shape {list(shape)} has {depth * height * width} features, but the task's inputs have "
            f"{inputs}; channels * height * width must be {inputs}"
        )
    if kernel < 1 or kernel % 2 == 0:
        raise ValueError(f"model convnet: kernel {kernel} is not one of 1, 3, 5, ...; only these keep the image's size")
    most = min(height, width).bit_length() - 1
    if len(channels) > most:
        raise ValueError(
            f"model convnet: channels {list(channels)} halve the image {len(channels)} times, but {height} x {width} "
            f"pixels allow at most {most}"
        )
    pixels = (height >> len(channels)) * (width >> len(channels))
    features = [depth, *channels][-1] * pixels
    return ConvNet(shape, channels, kernel, [features, *hidden, classes], activation)


def stacked(
    module: ConvNet, weights: Mapping[str, Tensor], x: Tensor, cut: bool = False
) -> tuple[Tensor, dict[str, Tensor]]:
    """Forward pass of R replicas.

    Args:
        module: the architecture; its own weights are not used.
        weights: by parameter name, ``[R, *shape]``.
        x: ``[N, D]`` shared by the replicas, or ``[R, N, D]``.
        cut: detach every hidden activation before the next layer reads it, so that a gradient by what is returned
            reaches the weights of one layer only.

    Returns:
        Logits ``[R, N, C]`` and the hidden activations ``{"hidden_1": [R, N, H], ...}``: of each convolution after
        its pool, flattened over channels, rows and columns, then of each hidden layer.
    """
    activate = ACTIVATIONS[module.activation]
    hidden = {}

    def keep(value: Tensor) -> Tensor:
        hidden[f"hidden_{len(hidden) + 1}"] = value
        return value.detach() if cut else value

    replicas = weights["layers.0.weight"].shape[0]
    shape = module.shape
    x = x.expand(replicas, *x.shape[-2:])
    for index in range(len(module.convolutions)):
        kernel, bias = weights[f"convolutions.{index}.weight"], weights[f"convolutions.{index}.bias"]
        x = activate(convolve(x.unflatten(2, shape), kernel, bias))
        x = functional.avg_pool2d(x.flatten(0, 1), 2)
        shape = x.shape[1:]
        x = keep(x.reshape(replicas, -1, shape.numel()))
    last = len(module.layers) - 1
    for index in range(last + 1):
        x = connect(x, weights[f"layers.{index}.weight"], weights[f"layers.{index}.bias"])
        if index < last:
            x = keep(activate(x))
    return x, hidden


def convolve(x: Tensor, kernel: Tensor, bias: Tensor) -> Tensor:
    """Convolve each replica's images ``[R, N, C, H, W]`` with its kernel ``[R, O, C, k, k]``: ``[R, N, O, H, W]``."""
    if x.is_cuda and len(x) > 1:
        return grouped(x, kernel, bias)
    padding = kernel.shape[-1] // 2
    return each(functools.partial(functional.conv2d, padding=padding), x, kernel, bias)


def grouped(x: Tensor, kernel: Tensor, bias: Tensor) -> Tensor:
    """Return what :func:`convolve` returns, as one convolution with a group of channels per replica."""
    replicas, outputs = kernel.shape[:2]
    x = x.transpose(0, 1).flatten(1, 2)
    padding = kernel.shape[-1] // 2
    y = functional.conv2d(x, kernel.flatten(0, 1), bias.flatten(), padding=padding, groups=replicas)
    return y.unflatten(1, (replicas, outputs)).transpose(0, 1)


def connect(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Map each replica's ``[R, N, I]`` by its weights ``[R, O, I]``: ``[R, N, O]``."""
    if x.is_cuda and len(x) > 1:
        return torch.baddbmm(bias.unsqueeze(1), x, weight.mT)
    return each(functional.linear, x, weight, bias)


def each(function: Callable[..., Tensor], *stacks: Tensor) -> Tensor:
    """Apply a function to one replica after the other: exact for any number of them, and on a CPU the faster way."""
    rows = [function(*row) for row in zip(*stacks, strict=True)]
    return torch.stack(rows) if len(rows) > 1 else rows[0].unsqueeze(0)

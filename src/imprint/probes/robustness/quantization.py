"""What does rounding to a few bits cost, and how does the error grow from layer to layer?"""

import contextlib
import functools
from collections.abc import Callable, Iterator, Sequence

import torch
import xarray as xr
from torch import Tensor, nn
from torch.nn import functional

from imprint.probes.function.performance import accuracy
from imprint.solution import Replicas, Solution
from imprint.task import Task

NEEDS = ()
MEASURES = {
    "accuracy": {
        "long_name": "accuracy on the test examples after rounding",
        "units": "1",
        "dims": ("rounded", "bits"),
        "prefer": "high",
        "source": "definition",
    },
    "drop": {
        "long_name": "test accuracy before minus after rounding",
        "units": "1",
        "dims": ("rounded", "bits"),
        "prefer": "low",
        "source": "Vlassis et al. 2026, arXiv 2509.23500",
    },
    "loss": {
        "long_name": "mean loss on the test examples after rounding",
        "units": "1",
        "dims": ("rounded", "bits"),
        "prefer": "low",
        "source": "definition",
    },
    "loss_increase": {
        "long_name": "mean test loss after minus before rounding",
        "units": "1",
        "dims": ("rounded", "bits"),
        "prefer": "low",
        "source": "definition",
    },
    "violation": {
        "long_name": "most by which the drop at more bits exceeds that at fewer",
        "units": "1",
        "dims": ("rounded",),
        "prefer": "low",
        "source": "definition",
    },
    "error": {
        "long_name": "squared relative error of each linear layer's output",
        "units": "1",
        "dims": ("rounded", "bits", "layer"),
        "prefer": "low",
        "source": "Vlassis et al. 2026, arXiv 2509.23500",
    },
    "propagated": {
        "long_name": "part of the error that comes with the layer's input",
        "units": "1",
        "dims": ("rounded", "bits", "layer"),
        "prefer": "low",
        "source": "Vlassis et al. 2026, arXiv 2509.23500",
    },
    "local": {
        "long_name": "part of the error that the layer's own rounding adds",
        "units": "1",
        "dims": ("rounded", "bits", "layer"),
        "prefer": "low",
        "source": "Vlassis et al. 2026, arXiv 2509.23500",
    },
    "cross": {
        "long_name": "part of the error from the alignment of the propagated and the local one",
        "units": "1",
        "dims": ("rounded", "bits", "layer"),
        "prefer": None,
        "source": "Vlassis et al. 2026, arXiv 2509.23500",
    },
    "gain": {
        "long_name": "propagated error over the error of the layer's input",
        "units": "1",
        "dims": ("rounded", "bits", "layer"),
        "prefer": "low",
        "source": "Vlassis et al. 2026, arXiv 2509.23500",
    },
    "mean_gain": {
        "long_name": "geometric mean of the gain over the layers that have one",
        "units": "1",
        "dims": ("rounded", "bits"),
        "prefer": "low",
        "source": "Vlassis et al. 2026, arXiv 2509.23500",
    },
    "last_error": {
        "long_name": "squared relative error of the logits",
        "units": "1",
        "dims": ("rounded", "bits"),
        "prefer": "low",
        "source": "Vlassis et al. 2026, arXiv 2509.23500",
    },
    "identity_error": {
        "long_name": "largest difference between a layer's error and the sum of its three parts",
        "units": "1",
        "dims": (),
        "prefer": "low",
        "source": "definition",
    },
    "max_to_mean": {
        "long_name": "largest over mean size of the entries of a row, mean over rows and linear layers",
        "units": "1",
        "dims": ("operand",),
        "prefer": None,
        "source": "Vlassis et al. 2026, arXiv 2509.23500",
    },
    "fourth_moment": {
        "long_name": "standardized fourth moment of the entries of a row, mean over rows and linear layers",
        "units": "1",
        "dims": ("operand",),
        "prefer": None,
        "source": "Pearson 1905",
    },
}
ROUNDED = ("weights", "both")
PARTS = ("error", "propagated", "local", "cross", "gain")
OPERANDS = ("weights", "activations")

Hook = Callable[[str, nn.Linear, tuple[Tensor], Tensor], Tensor | None]


def rounded(rows: Tensor, bits: int) -> Tensor:
    """Return each row on the grid ``s k / L``, rounded to nearest: ``s`` its largest size, ``k`` whole, ``|k| <= L``.

    Symmetric with ``L = 2^(bits - 1) - 1`` steps on either side of zero, so that 2 bits are three values.

    Args:
        rows: ``[..., D]``; a row of zeros stays as it is.
        bits: at least 2.

    >>> rounded(torch.tensor([[-3.0, 1.4, 0.6, 0.4], [0.0, 0.0, 0.0, 0.0]]), bits=3)
    tensor([[-3.,  1.,  1.,  0.],
            [ 0.,  0.,  0.,  0.]])
    """
    step = rows.abs().amax(-1, keepdim=True) / (2 ** (bits - 1) - 1)
    return (rows / step.where(step > 0, 1)).round() * step


def parts(exact: tuple[Tensor, Tensor], given: Tensor, carried: Tensor, output: Tensor) -> Tensor:
    """Return ``R, A, B, C, G`` of one linear layer, ``[5]``, sums over all its rows.

    With ``dh = h' - h`` and the layer's own map ``W``: ``R = |dh|^2 / |h|^2 = A + B + C``, of ``a = W(x' - x)``, what
    comes with the input, and ``b = h' - W x'``, what rounding W and x' adds: ``A = |a|^2 / |h|^2``, ``B = |b|^2 /
    |h|^2``, ``C = 2 <a, b> / |h|^2``. ``G = A / (|x' - x|^2 / |x|^2)``, NaN where the input has no error.

    Args:
        exact: input x and output h of the layer where nothing is rounded.
        given: its input x' where layers are rounded, before its own rounding.
        carried: ``W x'``.
        output: h'.
    """
    x, h = exact
    a, b, size = carried - h, output - carried, inner(h)
    error, propagated, local, cross = inner(output - h) / size, inner(a) / size, inner(b) / size, 2 * inner(a, b) / size
    before = inner(given - x) / inner(x)
    return torch.stack([error, propagated, local, cross, (propagated / before).where(before > 0, torch.nan)])


def inner(a: Tensor, b: Tensor | None = None) -> Tensor:
    """Return the sum over all entries of ``a b``, or of ``a^2``."""
    return torch.dot(a.flatten(), (a if b is None else b).flatten())


def outliers(rows: Tensor) -> Tensor:
    """Return max-to-mean ratio and standardized fourth moment, ``[2]``, means over rows ``[..., D]``.

    ``max |v| / mean |v|`` from 1 to D, and ``mean((v - mean v)^4) / mean((v - mean v)^2)^2``; rows where either is
    undefined, such as those of zeros, are left out of its mean.

    >>> outliers(torch.tensor([[1.0, -1.0, 1.0, -1.0], [3.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]]))
    tensor([2.5000, 1.6667])
    """
    ratio = rows.abs().amax(-1) / rows.abs().mean(-1)
    square = (rows - rows.mean(-1, keepdim=True)).square()
    moment = square.square().mean(-1) / square.mean(-1).square()
    return torch.stack([ratio.nanmean(), moment.nanmean()])


def violation(drop: Tensor) -> Tensor:
    """Return ``max(0, max_{i<j} drop_i - drop_j)`` ``[...]`` of drops ``[..., bits]`` in the order of falling bits.

    >>> violation(torch.tensor([[0.0, 0.25, 0.125, 0.5], [0.0, 0.0, 0.25, 0.25]]))
    tensor([0.1250, 0.0000])
    """
    return (drop.cummax(-1).values - drop).amax(-1)


@contextlib.contextmanager
def listening(model: nn.Module, hook: Hook) -> Iterator[None]:
    """Call the hook after every linear layer with its name, itself, its input and its output, which it may replace."""
    layers = linear_layers(model)
    handles = [layer.register_forward_hook(functools.partial(hook, name)) for name, layer in layers.items()]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def linear_layers(model: nn.Module) -> dict[str, nn.Linear]:
    """Return a model's linear layers by name, in the order of their definition.

    Raises:
        ValueError: if the model has weights in layers that are neither linear nor embeddings.
    """
    for name, layer in model.named_modules():
        if not isinstance(layer, nn.Linear | nn.Embedding) and list(layer.parameters(recurse=False)):
            raise ValueError(
                f"quantization rounds linear layers and leaves embeddings as they are; layer {name!r} is a "
                f"{type(layer).__name__}: take this probe out of the experiment or choose another model"
            )
    return {name: layer for name, layer in model.named_modules() if isinstance(layer, nn.Linear)}


def run_exact(
    model: nn.Module, weights: dict[str, Tensor], x: Tensor
) -> tuple[Tensor, dict[str, tuple[Tensor, Tensor]], Tensor]:
    """Run one replica as it is.

    Returns:
        Logits ``[N, C]``; input and output of each linear layer by name; :func:`outliers` of weights and of inputs,
        means over layers, ``[2, 2]`` (measure, operand).
    """
    exact, found = {}, []

    def keep(name: str, layer: nn.Linear, inputs: tuple[Tensor], output: Tensor) -> None:
        exact[name] = (inputs[0], output)
        found.append(torch.stack([outliers(layer.weight), outliers(inputs[0])], -1))

    with listening(model, keep):
        logits = torch.func.functional_call(model, weights, (x,))
    return logits, exact, torch.stack(found).mean(0)


def run_rounded(
    model: nn.Module,
    weights: dict[str, Tensor],
    x: Tensor,
    exact: dict[str, tuple[Tensor, Tensor]],
    bits: int,
    activations: bool,
) -> tuple[Tensor, Tensor]:
    """Run one replica with every linear layer's weight, and its input if ``activations``, rounded row by row.

    Returns:
        Logits ``[N, C]``, and :func:`parts` of each linear layer, ``[5, L]``, in the order of ``exact``.
    """
    found = {}

    def replace(name: str, layer: nn.Linear, inputs: tuple[Tensor], carried: Tensor) -> Tensor:
        seen = rounded(inputs[0], bits) if activations else inputs[0]
        output = functional.linear(seen, rounded(layer.weight, bits), layer.bias)
        found[name] = parts(exact[name], inputs[0], carried, output)
        return output

    with listening(model, replace):
        logits = torch.func.functional_call(model, weights, (x,))
    return logits, torch.stack([found[name] for name in exact], -1)


def measure(solution: Solution, task: Task, *, bits: Sequence[int] = (16, 8, 6, 4, 3, 2)) -> xr.Dataset:
    """Measure what rounding the linear layers costs on the test examples, in float64, one replica after the other.

    Weights are rounded per output row, or ``both`` weights and inputs, these per example and place; biases,
    embeddings, and what is between linear layers stay as they are.

    Args:
        solution: the solution.
        task: its task; the weights of its model are in linear layers and embeddings.
        bits: widths, falling, each at least 2.

    Returns:
        ``accuracy``, ``drop``, ``loss``, ``loss_increase``, ``last_error``, ``mean_gain`` with dims ``(setting, seed,
        snapshot, rounded, bits)``; ``violation`` without bits; ``error``, ``propagated``, ``local``, ``cross``,
        ``gain`` with a further ``layer``, see :func:`parts`; ``identity_error`` of the replica; ``max_to_mean`` and
        ``fourth_moment`` by ``operand``, see :func:`outliers`.

    Raises:
        ValueError: if the widths do not fall or one is below 2, or the model has other layers with weights.
    """
    bits = list(bits)
    if not bits or min(bits) < 2 or bits != sorted(set(bits), reverse=True):
        raise ValueError(f"quantization: bits {bits} are not falling whole numbers of at least 2, such as [8, 4, 2]")
    layers = list(linear_layers(task.model))

    def kernel(replicas: Replicas) -> dict[str, Tensor]:
        x, y = replicas.x("test"), replicas.y("test")
        rows = []
        for row in range(len(replicas)):
            weights = {name: value[row].double() for name, value in replicas.weights.items()}
            own = (x[row], y[row]) if task.seeded else (x, y)
            rows.append(one_replica(task, weights, own[0].double(), own[1], bits, layers))
        return {name: torch.stack([row[name] for row in rows]) for name in MEASURES}

    coords = {"rounded": list(ROUNDED), "bits": bits, "layer": layers, "operand": list(OPERANDS)}
    return solution.each(task, kernel, MEASURES, coords)


def one_replica(
    task: Task, weights: dict[str, Tensor], x: Tensor, y: Tensor, bits: list[int], layers: list[str]
) -> dict[str, Tensor]:
    """Return the measures of one replica, without a leading axis, from its weights in float64."""
    logits, exact, (ratio, moment) = run_exact(task.model, weights, x)
    exact = {name: exact[name] for name in layers}
    formats = [(width, kind == "both") for kind in ROUNDED for width in bits]
    runs = [run_rounded(task.model, weights, x, exact, *each) for each in formats]
    after_RKNC = torch.stack([logits, *(run[0] for run in runs)])
    hits, loss = accuracy(after_RKNC, y), task.loss(after_RKNC, y).mean(-1)
    grid = (len(ROUNDED), len(bits))
    found = {
        name: value.view(*grid, -1) for name, value in zip(PARTS, torch.stack([r[1] for r in runs], 1), strict=True)
    }
    drop = (hits[0] - hits[1:]).view(grid)
    sums = found["propagated"] + found["local"] + found["cross"]
    return found | {
        "accuracy": hits[1:].view(grid),
        "drop": drop,
        "loss": loss[1:].view(grid),
        "loss_increase": (loss[1:] - loss[0]).view(grid),
        "violation": violation(drop),
        "mean_gain": found["gain"].log().nanmean(-1).exp(),
        "last_error": ((after_RKNC[1:] - logits).square().sum((1, 2)) / logits.square().sum()).view(grid),
        "identity_error": (found["error"] - sums).abs().amax(),
        "max_to_mean": ratio,
        "fourth_moment": moment,
    }

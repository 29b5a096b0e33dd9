"""What is left of the accuracy when weights or inputs are noisy?"""

from collections.abc import Iterator, Sequence

import torch
import xarray as xr
from torch import Tensor

from imprint.probes.function.performance import accuracy
from imprint.solution import Replicas, Solution
from imprint.streams import generator
from imprint.task import Task

NEEDS = ()
MEASURES = {
    "accuracy": {
        "long_name": "mean test accuracy under Gaussian noise",
        "units": "1",
        "dims": ("noisy", "size"),
        "prefer": "high",
        "source": "definition",
    },
    "drop": {
        "long_name": "test accuracy without minus mean accuracy under Gaussian noise",
        "units": "1",
        "dims": ("noisy", "size"),
        "prefer": "low",
        "source": "definition",
    },
    "error": {
        "long_name": "standard error of the mean accuracy over the draws of the noise",
        "units": "1",
        "dims": ("noisy", "size"),
        "prefer": "low",
        "source": "definition",
    },
}
NOISY = ("weights", "inputs")


def noisy_weights(weights: dict[str, Tensor], noise: dict[str, Tensor], size: float) -> dict[str, Tensor]:
    """Return ``w + size rms(w) e`` for every tensor, with the root mean square over each replica's entries.

    Args:
        weights: by name, ``[R, *shape]``.
        noise: standard normal, by name, of one replica's shape, the same for all.
        size: of the noise, in parts of the tensor's own size.

    >>> noisy_weights({"w": torch.tensor([[3.0, 4.0]])}, {"w": torch.tensor([1.0, 0.0])}, 2.0)["w"].round(decimals=3)
    tensor([[10.0710,  4.0000]])
    """
    found = {}
    for name, weight in weights.items():
        root = weight.flatten(1).square().mean(1).sqrt()
        found[name] = weight + size * root.view(-1, *[1] * (weight.dim() - 1)) * noise[name]
    return found


def draws(task: Task, shape: torch.Size, count: int, seed: int) -> Iterator[tuple[dict[str, Tensor], Tensor]]:
    """Yield standard normal noise for the weights, by name, and for inputs of a shape; a longer run begins alike."""
    for number in range(count):
        stream = generator(seed, "noise", number)

        def normal(size: torch.Size, stream: torch.Generator = stream) -> Tensor:
            drawn = torch.randn(size, generator=stream, dtype=torch.float64)
            return drawn.to(task.device, task.precision)

        yield {name: normal(weight.shape) for name, weight in task.model.named_parameters()}, normal(shape)


def measure(
    solution: Solution,
    task: Task,
    *,
    sizes: Sequence[float] = (0.1, 0.2, 0.5, 1.0),
    count: int = 5,
    examples: int = 1000,
    seed: int = 0,
) -> xr.Dataset:
    """Measure the test accuracy under noise on the weights, or on the inputs, the same noise for all replicas.

    Args:
        solution: the solution.
        task: its task, with real inputs.
        sizes: standard deviations: of inputs in their own units, of a tensor of weights in parts of its root mean
            square; each at least 0.
        count: draws of the noise, at least 2.
        examples: how many of the first test examples (all, if there are fewer).
        seed: of the noise.

    Returns:
        ``accuracy``, ``drop`` and ``error``; dims ``(setting, seed, snapshot, noisy, size)``.

    Raises:
        ValueError: an option outside its range, or inputs that are not real.
    """
    sizes = [float(size) for size in sizes]
    if not sizes or min(sizes) < 0 or len(set(sizes)) < len(sizes) or count < 2 or examples < 1:
        raise ValueError(
            f"noise: sizes {sizes} are different and at least 0, count {count} is at least 2, examples {examples} at "
            "least 1"
        )
    if not task.tensor("x_test").is_floating_point():
        raise ValueError(
            f"noise is added to real inputs and those of this task are {task.tensor('x_test').dtype}; take this probe "
            "out of the experiment"
        )

    def kernel(replicas: Replicas) -> dict[str, Tensor]:
        weights = {name: replicas.weights[name] for name, _ in task.model.named_parameters()}
        x, y = replicas.x("test"), replicas.y("test")[..., :examples]
        x = x.narrow(int(task.seeded), 0, y.shape[-1])
        rows = []
        for on_weights, on_inputs in draws(task, x.shape[int(task.seeded) :], count, seed):
            noisy = [task.logits(noisy_weights(weights, on_weights, size), x) for size in sizes]
            noisy += [task.logits(weights, x + size * on_inputs) for size in sizes]
            rows.append(torch.stack([accuracy(logits_RNC, y) for logits_RNC in noisy], -1))
        under = torch.stack(rows).unflatten(-1, (len(NOISY), len(sizes)))
        clean = accuracy(task.logits(weights, x), y)[:, None, None]
        return {"accuracy": under.mean(0), "drop": clean - under.mean(0), "error": under.std(0) / count**0.5}

    return solution.each(task, kernel, MEASURES, {"noisy": list(NOISY), "size": sizes})

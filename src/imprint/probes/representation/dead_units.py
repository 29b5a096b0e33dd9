"""How many hidden units answer nothing with anything but zero?"""

import torch
import xarray as xr
from torch import Tensor

from imprint.probes.dynamics.accuracy_matrix import history
from imprint.probes.representation.activation_rank import hidden_layers
from imprint.probes.stages import examples
from imprint.solution import Replicas, Solution
from imprint.task import Task

NEEDS = ()
MEASURES = {
    "fraction": {
        "long_name": "fraction of a hidden layer's units that are zero on every test example",
        "units": "1",
        "dims": ("layer",),
        "prefer": "low",
        "source": "Dohare et al. 2024, doi 10.1038/s41586-024-07711-7",
    },
    "overall": {
        "long_name": "fraction of all hidden units that are zero on every test example",
        "units": "1",
        "dims": (),
        "prefer": "low",
        "source": "Dohare et al. 2024, doi 10.1038/s41586-024-07711-7",
    },
    "current": {
        "long_name": "fraction of all hidden units that are zero on every test example of the task just learned",
        "units": "1",
        "dims": (),
        "prefer": "low",
        "source": "Dohare et al. 2024, doi 10.1038/s41586-024-07711-7",
    },
}


def dead(activations_RNH: Tensor) -> Tensor:
    """Return whether a unit is exactly zero on all examples, ``[R, H]``.

    >>> dead(torch.tensor([[[0.0, 0.0, 1.0], [0.0, -0.5, 1.0]]]))
    tensor([[ True, False, False]])
    """
    return (activations_RNH == 0).all(-2)


def measure(solution: Solution, task: Task) -> xr.Dataset:
    """Measure the fraction of dead units, on the test examples of all tasks and on those of the task just learned.

    Returns:
        ``fraction``, dims ``(setting, seed, snapshot, layer)``, ``overall`` and ``current``, dims ``(setting, seed,
        snapshot)``, all in [0, 1]. Where there is no sequence, and before its first task is learned, ``current`` is
        about all test examples.

    Raises:
        ValueError: if the model shows no hidden activations.
    """
    layers = hidden_layers(task)

    def of(hidden: dict[str, Tensor]) -> list[Tensor]:
        return [dead(hidden[layer]).double() for layer in layers]

    def kernel(replicas: Replicas) -> dict[str, Tensor]:
        units = of(replicas.activations("test"))
        overall = torch.cat(units, -1).mean(-1)
        learned = len(history(replicas.snapshot, task.stages)) if task.stages > 1 else 0
        current = overall
        if learned:
            x, _ = examples(replicas, "test", learned - 1)
            current = torch.cat(of(task.activations(replicas.weights, x)), -1).mean(-1)
        return {"fraction": torch.stack([unit.mean(-1) for unit in units], -1), "overall": overall, "current": current}

    return solution.each(task, kernel, MEASURES, {"layer": layers})

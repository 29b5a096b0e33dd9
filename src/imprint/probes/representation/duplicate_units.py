"""How many hidden units say what another one says?"""

import torch
import xarray as xr
from torch import Tensor

from imprint.probes.representation.activation_rank import hidden_layers
from imprint.solution import Replicas, Solution
from imprint.task import Task

NEEDS = ()
MEASURES = {
    "fraction": {
        "long_name": "fraction of a hidden layer's units that vary and repeat an earlier unit on the test examples",
        "units": "1",
        "dims": ("layer",),
        "prefer": None,
        "source": "units of one direction and sign: Maennel et al. 2018, arXiv 1803.08367",
    },
    "overall": {
        "long_name": "fraction of all hidden units that vary and repeat an earlier unit of their layer",
        "units": "1",
        "dims": (),
        "prefer": None,
        "source": "units of one direction and sign: Maennel et al. 2018, arXiv 1803.08367",
    },
    "distinct": {
        "long_name": "number of units of a hidden layer that vary and repeat no earlier unit",
        "units": "1",
        "dims": ("layer",),
        "prefer": None,
        "source": "definition",
    },
}
CONSTANT = 1e-12


def varying(activations_RNH: Tensor) -> Tensor:
    """Return whether a unit's activation is not the same, but for rounding, on all examples, ``[R, H]``.

    >>> varying(torch.tensor([[[0.0, 7.0, 1.0], [0.0, 7.0, 2.0]]]))
    tensor([[False, False,  True]])
    """
    apart_RH = activations_RNH.amax(1) - activations_RNH.amin(1)
    return apart_RH > CONSTANT * activations_RNH.abs().amax((1, 2)).unsqueeze(1)


def repeats(activations_RNH: Tensor, threshold: float) -> Tensor:
    """Return whether a unit varies and is, by absolute correlation, as an earlier one that varies, ``[R, H]``.

    Of k units that are all alike k - 1 repeat.

    Args:
        activations_RNH: activations.
        threshold: absolute correlation over the examples from which on two units are alike.

    >>> repeats(torch.tensor([[[0.0, 1.0, 1.0], [1.0, 3.0, 0.0], [2.0, 5.0, 0.0]]]), 0.99)
    tensor([[False,  True, False]])
    """
    varies_RH = varying(activations_RNH)
    centred_RNH = activations_RNH - activations_RNH.mean(1, keepdim=True)
    unit_RNH = centred_RNH / torch.where(varies_RH, centred_RNH.norm(dim=1), 1).unsqueeze(1)
    alike_RHH = (unit_RNH.mT @ unit_RNH).abs() >= threshold
    alike_RHH &= varies_RH.unsqueeze(1) & varies_RH.unsqueeze(2)
    return alike_RHH.tril(-1).any(-1)


def measure(solution: Solution, task: Task, *, threshold: float = 0.99, examples: int = 2000) -> xr.Dataset:
    """Measure how many units of each hidden layer repeat another; those that are dead are another probe's.

    Args:
        solution: of a model that shows hidden activations.
        task: its task.
        threshold: absolute correlation from which on two units are alike.
        examples: how many of the first test examples are looked at.

    Returns:
        ``fraction`` and ``distinct``, dims ``(setting, seed, snapshot, layer)``, and ``overall``, dims ``(setting,
        seed, snapshot)``. Units of the layer that repeat, that are distinct and that do not vary are all of them.

    Raises:
        ValueError: if the model shows no hidden activations.
    """
    layers = hidden_layers(task)

    def kernel(replicas: Replicas) -> dict[str, Tensor]:
        hidden = replicas.activations("test")
        kept = [hidden[layer][:, :examples].double() for layer in layers]
        again = [repeats(values_RNH, threshold) for values_RNH in kept]
        distinct = [(varying(values_RNH) & ~again_RH).sum(-1) for values_RNH, again_RH in zip(kept, again, strict=True)]
        return {
            "fraction": torch.stack([again_RH.double().mean(-1) for again_RH in again], -1),
            "overall": torch.cat(again, -1).double().mean(-1),
            "distinct": torch.stack(distinct, -1).double(),
        }

    return solution.each(task, kernel, MEASURES, {"layer": layers})

"""How much of a representation's variance is explained by the easy and how much by the hard feature?"""

import torch
import xarray as xr
from torch import Tensor

from imprint.probes.representation.activation_rank import hidden_layers
from imprint.solution import Replicas, Solution
from imprint.task import Task

NEEDS = ("factors",)
MEASURES = {
    "easy": {
        "long_name": "share of the variance of each hidden layer that the easy feature explains",
        "units": "1",
        "dims": ("layer",),
        "prefer": None,
        "source": "Lampinen et al. 2024, arXiv 2405.05847",
    },
    "hard": {
        "long_name": "share of the variance of each hidden layer that the hard feature explains",
        "units": "1",
        "dims": ("layer",),
        "prefer": None,
        "source": "Lampinen et al. 2024, arXiv 2405.05847",
    },
    "ratio": {
        "long_name": "last hidden layer: share of the easy feature over that of the hard one, which is 0.001 at least",
        "units": "1",
        "dims": (),
        "prefer": None,
        "source": "Lampinen et al. 2024, arXiv 2405.05847",
    },
    "gap": {
        "long_name": "last hidden layer: share of the easy feature minus that of the hard one",
        "units": "1",
        "dims": (),
        "prefer": None,
        "source": "Lampinen et al. 2024, arXiv 2405.05847",
    },
    "growth": {
        "long_name": "gap of the last hidden layer minus that of the first",
        "units": "1",
        "dims": (),
        "prefer": None,
        "source": "Lampinen et al. 2024, arXiv 2405.05847 (deeper networks have larger gaps)",
    },
    "easy_accuracy": {
        "long_name": "share of the test examples whose easy feature the network tells",
        "units": "1",
        "dims": (),
        "prefer": "high",
        "source": "definition",
    },
    "hard_accuracy": {
        "long_name": "share of the test examples whose hard feature the network tells",
        "units": "1",
        "dims": (),
        "prefer": "high",
        "source": "definition",
    },
}
FEATURES = ("easy", "hard")
FLOOR = 0.001


def explained(fitted_RNH: Tensor, values_N: Tensor, held_RMH: Tensor, held_values_M: Tensor) -> Tensor:
    r"""Return the share of the variance of held-out activations that a feature explains, ``[R]``, at most 1.

    :math:`R^2 = 1 - \sum_{mh} (a_{mh} - \hat a_h(f_m))^2 / \sum_{mh} (a_{mh} - \bar a_h)^2` with the least-squares
    regression :math:`\hat a` of every unit on the feature, of two values: the mean activation of the fitted examples
    with that value. About 0, or a little below, for a feature that the activations know nothing of; NaN where they do
    not vary. Units count by their variance.

    Args:
        fitted_RNH: activations that the means are of.
        values_N: their feature, 0 or 1, ``[N]`` or ``[R, N]``; each value occurs.
        held_RMH: held-out activations.
        held_values_M: their feature.

    >>> activations = torch.tensor([[[1.0, 0.0], [3.0, 0.0], [1.0, 0.0], [3.0, 0.0]]])
    >>> feature = torch.tensor([0, 1, 0, 1])
    >>> explained(activations, feature, activations, feature)
    tensor([1.])
    """
    onehot_RNK = torch.nn.functional.one_hot(values_N, 2).to(fitted_RNH.dtype).expand(len(fitted_RNH), -1, -1)
    means_RKH = onehot_RNK.mT @ fitted_RNH / onehot_RNK.sum(1).unsqueeze(-1)
    places_RM1 = held_values_M.expand(len(held_RMH), -1).unsqueeze(-1)
    predicted_RMH = means_RKH.gather(1, places_RM1.expand_as(held_RMH))
    left_R = torch.square(held_RMH - predicted_RMH).sum((1, 2))
    total_R = torch.square(held_RMH - held_RMH.mean(1, keepdim=True)).sum((1, 2))
    return 1 - left_R / total_R.where(total_R > 0, torch.nan)


def told(logits_RNC: Tensor) -> dict[str, Tensor]:
    """Return the more probable value of each feature, ``[R, N]``, where class c is ``2 * easy + hard``.

    >>> told(torch.tensor([[[0.0, 0.0, 0.0, 5.0]]]))
    {'easy': tensor([[1]]), 'hard': tensor([[1]])}
    """
    pairs_RN22 = logits_RNC.softmax(-1).unflatten(-1, (2, 2))
    return {"easy": pairs_RN22.sum(-1).argmax(-1), "hard": pairs_RN22.sum(-2).argmax(-1)}


def measure(solution: Solution, task: Task) -> xr.Dataset:
    """Measure the variance that each feature explains, with means of the validation examples, on the test examples.

    The view ``factors`` gives ``factors_easy_<split>`` and ``factors_hard_<split>``, 0 or 1, of both splits; class c is
    ``2 * easy + hard``.

    Returns:
        ``easy`` and ``hard``, at most 1, dims ``(setting, seed, snapshot, layer)``; ``ratio``, ``gap``,
        ``growth``, ``easy_accuracy`` and ``hard_accuracy``, dims ``(setting, seed, snapshot)``.

    Raises:
        ValueError: if the model shows no hidden activations.
    """
    layers = hidden_layers(task)

    def kernel(replicas: Replicas) -> dict[str, Tensor]:
        fitted, held = (replicas.activations(split) for split in ("validation", "test"))
        shares, accuracy = {}, {}
        found = told(replicas.logits("test"))
        for name in FEATURES:
            known, asked = (replicas.view(f"factors_{name}_{split}") for split in ("validation", "test"))
            each = [explained(fitted[layer].double(), known, held[layer].double(), asked) for layer in layers]
            shares[name] = torch.stack(each, -1)
            accuracy[f"{name}_accuracy"] = (found[name] == asked).double().mean(-1)
        gap_RL = shares["easy"] - shares["hard"]
        overall = {
            "ratio": shares["easy"][:, -1] / shares["hard"][:, -1].clamp(min=FLOOR),
            "gap": gap_RL[:, -1],
            "growth": gap_RL[:, -1] - gap_RL[:, 0],
        }
        return {**shares, **accuracy, **overall}

    return solution.each(task, kernel, MEASURES, {"layer": layers})

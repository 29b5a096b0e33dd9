"""Can a linear classifier read the core and the spurious feature from the last hidden layer?"""

import numpy as np
import torch
import xarray as xr
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from imprint.probes.representation.activation_rank import hidden_layers
from imprint.solution import Replicas, Solution
from imprint.streams import generator
from imprint.task import Task

NEEDS = ("features",)
MEASURES = {
    "core": {
        "long_name": "decoded core correlation: of the core feature with what a linear classifier reads of it",
        "units": "1",
        "dims": (),
        "prefer": "high",
        "source": "Qiu et al. 2024, arXiv 2403.03375",
    },
    "spurious": {
        "long_name": "decoded spurious correlation: of the spurious feature with what a linear classifier reads of it",
        "units": "1",
        "dims": (),
        "prefer": None,
        "source": "Qiu et al. 2024, arXiv 2403.03375",
    },
}


def decoded_correlation(activations_NH: np.ndarray, feature_N: np.ndarray, fitted: int) -> float:
    """Return ``2 a - 1`` with the held-out accuracy ``a`` of a logistic regression on standardized activations.

    1 where the feature can be read without error, about 0 where guessing is as good, if its values are equally
    frequent. The regression has an offset and scikit-learn's penalty ``||w||^2 / 2`` beside the summed loss; units
    that are constant on the fitted examples are left out.

    Args:
        activations_NH: of one replica.
        feature_N: 0 or 1.
        fitted: how many of the first examples are fitted; the others are held out.

    >>> decoded_correlation(np.array([[0.0], [1.0], [0.0], [1.0], [1.0]]), np.array([0, 1, 0, 1, 1]), fitted=4)
    1.0
    """
    mean_H, deviation_H = activations_NH[:fitted].mean(0), activations_NH[:fitted].std(0)
    alive = deviation_H > 1e-12 * np.abs(activations_NH).max()
    if not alive.any():
        guess = np.round(feature_N[:fitted].mean())
        return 2 * float((feature_N[fitted:] == guess).mean()) - 1
    standard_NH = (activations_NH[:, alive] - mean_H[alive]) / deviation_H[alive]
    classifier = LogisticRegression(solver="newton-cholesky", tol=1e-8)
    classifier.fit(standard_NH[:fitted], feature_N[:fitted])
    return 2 * float(classifier.score(standard_NH[fitted:], feature_N[fitted:])) - 1


def measure(solution: Solution, task: Task, *, share: float = 0.8, split_seed: int = 0) -> xr.Dataset:
    """Measure what a linear classifier, fitted anew on the last hidden layer, reads of each feature.

    The view ``features`` gives examples in which both features are independent: ``features_x``, ``features_core``
    and ``features_spurious``, 0 or 1.

    Args:
        solution: of a model that shows hidden activations.
        task: its task.
        share: of the examples to fit the classifier on; the others are held out.
        split_seed: which examples are fitted, the same for all replicas and recipes.

    Returns:
        ``core`` and ``spurious``, in [-1, 1]; dims ``(setting, seed, snapshot)``.

    Raises:
        ValueError: if the model shows no hidden activations.
    """
    last = hidden_layers(task)[-1]
    examples = task.tensor("features_core").shape[-1]
    order_N = torch.randperm(examples, generator=generator(split_seed, "decodability"))
    fitted = round(share * examples)

    def kernel(replicas: Replicas) -> dict[str, Tensor]:
        hidden_RNH = task.activations(replicas.weights, replicas.view("features_x"))[last].double().cpu()
        results = {}
        for name in MEASURES:
            feature_RN = replicas.view(f"features_{name}").cpu().expand(len(replicas), -1)
            pairs = zip(hidden_RNH[:, order_N].numpy(), feature_RN[:, order_N].numpy(), strict=True)
            results[name] = torch.tensor([decoded_correlation(*pair, fitted) for pair in pairs], dtype=torch.float64)
        return results

    return solution.each(task, kernel, MEASURES)

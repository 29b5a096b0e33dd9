"""Memorization of networks that interpolate the labels, or the classes, and of guesses."""

import numpy as np
import pytest
import torch

from imprint.probes.function import memorization, performance
from imprint.solution import Solution

LINEAR = {"name": "mlp", "hidden": [], "bias": False}
FEW = {"task": "noisy_labels", "pool": 1, "limit": 30, "noise": 0.4}  # fewer examples than inputs


def interpolating(solution, task, targets):
    """The linear map of least norm that gives each training image the one-hot vector of its target."""
    data = solution.data.copy(deep=True)
    onehot = np.eye(10)[task.data[targets].values]
    data["weight.layers.0.weight"][:] = (np.linalg.pinv(task.data["x_train"].values.astype(float)) @ onehot).T
    return Solution(data)


@pytest.mark.parametrize(
    ("targets", "expected"),
    [
        ("y_train", {"memorized": 1, "corrected": 0, "clean_accuracy": 1, "gap": 0}),
        ("true_labels_train", {"memorized": 0, "corrected": 1, "clean_accuracy": 1, "gap": 1}),
    ],
)
def test_a_lookup_table_memorizes_all_and_the_true_function_nothing(fleet, targets, expected):
    solution, task = fleet(model=LINEAR, **FEW)
    found = memorization.measure(interpolating(solution, task, targets), task)
    for name, value in expected.items():
        assert (found[name] == value).all(), name


def test_counts_by_hand():
    given, true = torch.tensor([1, 1, 2, 0, 0, 1]), torch.tensor([0, 2, 0, 1, 0, 1])
    predicted = torch.tensor([[1, 2, 1, 1, 0, 2]])  # wrong label, true, neither, true; right, not right
    found = {name: value.item() for name, value in memorization.shares(predicted, given, true).items()}
    assert found == {"memorized": 0.25, "corrected": 0.5, "clean_accuracy": 0.5, "gap": 0.25}


def test_guesses_hit_one_in_as_many_as_there_are_classes():
    generator = torch.Generator().manual_seed(0)
    true = torch.randint(10, (20000,), generator=generator)
    given = torch.where(torch.arange(20000) < 10000, (true + 3) % 10, true)
    found = memorization.shares(torch.randint(10, (1, 20000), generator=generator), given, true)
    for name in ("memorized", "corrected", "clean_accuracy"):
        # five standard deviations of the mean of 10,000 of probability 1 / 10
        assert abs(found[name].item() - 0.1) < 5 * (0.09 / 10000) ** 0.5


def test_the_training_accuracy_is_the_mean_of_both_kinds(fleet):
    solution, task = fleet("noisy_labels")
    found, usual = memorization.measure(solution, task), performance.measure(solution, task)
    mean = 0.2 * found["memorized"] + 0.8 * found["clean_accuracy"]
    # two quotients of whole numbers, of order 1
    np.testing.assert_allclose(mean, usual["train_accuracy"], atol=1e-15)


def test_without_wrong_labels_nothing_is_known_of_them():
    y = torch.tensor([0, 1])
    found = memorization.shares(y.unsqueeze(0), y, y)
    assert found["memorized"].isnan() and found["gap"].isnan()
    assert found["clean_accuracy"].item() == 1

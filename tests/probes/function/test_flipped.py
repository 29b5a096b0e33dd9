"""Accuracy with the cue turned round: of a network that reads the cue alone, and by plain numpy."""

import numpy as np
import torch

from imprint.probes.function import flipped, performance
from imprint.solution import Solution

LINEAR = {"name": "mlp", "hidden": [], "bias": False}


def with_weights(solution, weight):
    data = solution.data.copy(deep=True)
    data["weight.layers.0.weight"][:] = weight
    return Solution(data)


def test_a_network_that_reads_the_colour_alone_is_always_wrong(fleet):
    solution, task = fleet("patches", LINEAR)
    weight = np.zeros((2, 3, 64))
    weight[0, 0, 0] = weight[1, 1, 0] = 1  # class 0 by red, class 1 by green, both in the corner
    solution = with_weights(solution, weight.reshape(2, -1))
    assert (performance.measure(solution, task)["test_accuracy"] == 1).all()
    measured = flipped.measure(solution, task)
    assert (measured["accuracy"] == 0).all()
    # a wrong logit of 1 against a right one of 0, and float64 sums
    np.testing.assert_allclose(measured["loss"], np.log1p(np.e), rtol=1e-14)


def test_a_network_that_reads_no_patch_is_as_right_as_before(fleet):
    solution, task = fleet("patches", LINEAR)
    weight = solution.data["weight.layers.0.weight"].values.reshape(2, 3, 3, 2, 3, 8, 8).copy()
    weight[..., :2, :2] = 0
    solution = with_weights(solution, weight.reshape(2, 3, 3, 2, -1))
    usual = performance.measure(solution, task)["test_accuracy"]
    np.testing.assert_array_equal(flipped.measure(solution, task)["accuracy"], usual)


def test_of_one_replica(fleet):
    solution, task = fleet("patches")
    measured = flipped.measure(solution, task).isel(setting=1, seed=2).sel(snapshot="final")
    weights = {name: torch.as_tensor(solution.values(name, "final")[1, 2]) for name in solution.parameters}
    logits = torch.func.functional_call(
        task.model, weights, (torch.as_tensor(task.data["flipped_test"].values).double(),)
    )
    y = torch.as_tensor(task.data["y_test"].values)
    assert measured["accuracy"].item() == (logits.argmax(-1) == y).double().mean().item()
    # a mean of some hundred float64 in another order
    np.testing.assert_allclose(measured["loss"], torch.nn.functional.cross_entropy(logits, y), rtol=1e-12)

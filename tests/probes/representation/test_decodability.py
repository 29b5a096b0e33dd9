"""What a linear classifier reads from the last hidden layer: planted features, noise, another solver."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from imprint.probes.representation import decodability
from imprint.solution import Solution
from imprint.tasks.staircase import staircase


def drawn(examples=2000, units=6, seed=0):
    generator = np.random.default_rng(seed)
    feature_N = generator.integers(2, size=examples)
    return generator.standard_normal((examples, units)), feature_N


def test_a_planted_unit_is_read_without_error():
    activations, feature = drawn()
    activations[:, 2] = 5 * feature - 1
    assert decodability.decoded_correlation(activations, feature, 1500) == 1
    # its scale, a shift and a unit that never fires do not matter
    activations[:, 2] = 1e-6 * activations[:, 2] + 3
    activations[:, 4] = 0.5
    assert decodability.decoded_correlation(activations, feature, 1500) == 1


def test_a_unit_that_is_right_three_times_in_four_correlates_by_a_half():
    activations, feature = drawn(40000, units=1)
    wrong = np.random.default_rng(1).uniform(size=40000) < 0.25
    activations[:, 0] = np.where(wrong, 1 - feature, feature)
    # 20000 held-out examples: five standard errors of twice a share of 3/4
    found = decodability.decoded_correlation(activations, feature, 20000)
    assert abs(found - 0.5) < 5 * 2 * np.sqrt(0.75 * 0.25 / 20000)


def test_noise_is_not_read():
    activations, feature = drawn(4000)
    # 2000 held-out examples at chance: five standard errors
    assert abs(decodability.decoded_correlation(activations, feature, 2000)) < 5 / np.sqrt(2000)


def test_against_another_solver():
    activations, feature = drawn()
    feature = (activations[:, 0] + np.tanh(activations[:, 1]) + activations[:, 2] * activations[:, 3] > 0).astype(int)
    other = make_pipeline(StandardScaler(), LogisticRegression(solver="lbfgs", tol=1e-10, max_iter=1000))
    other.fit(activations[:1500], feature[:1500])
    expected = 2 * other.score(activations[1500:], feature[1500:]) - 1
    assert decodability.decoded_correlation(activations, feature, 1500) == pytest.approx(expected, abs=1e-14)


def test_a_dead_layer_guesses_the_more_frequent_value():
    feature = np.array([1, 1, 0, 1, 0, 0, 1])
    assert decodability.decoded_correlation(np.zeros((7, 3)), feature, 4) == pytest.approx(2 / 3 - 1)


def test_a_layer_of_the_spurious_bit_and_one_that_computes_the_core(fleet):
    """Unit 0 fires at the spurious bit; one replica has beside it units that are the products of the core bits."""
    solution, task = fleet("staircase", {"name": "mlp", "hidden": [16]})
    data = solution.data.copy(deep=True)
    for name in ("weight", "bias"):
        data[f"weight.layers.0.{name}"][:] = 0
    weight, bias = data["weight.layers.0.weight"].values, data["weight.layers.0.bias"].values
    weight[..., 0, 3] = 1
    for place in range(8):  # one unit for each of the eight patterns of three core bits, in the replicas of seed 1
        pattern = np.array([1 if place >> bit & 1 else -1 for bit in range(3)])
        weight[:, 1, :, 1 + place, :3] = pattern
        bias[:, 1, :, 1 + place] = -2
    measured = decodability.measure(Solution(data), task)
    assert (measured["spurious"] == 1).all()
    assert (measured["core"].isel(seed=1) == 1).all()
    # 80 held-out examples of 400, independent of the only unit that fires: four standard errors
    assert (np.abs(measured["core"].isel(seed=[0, 2])) < 4 / np.sqrt(80)).all()
    assert (staircase(task.data["features_x"].values[1, :, :3]) == task.data["features_core"].values[1]).all()

"""Units that repeat others, by construction and against a loop."""

import numpy as np
import torch

from imprint.probes.representation import duplicate_units
from imprint.solution import Solution


def drawn(replicas=3, examples=50, units=6, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(replicas, examples, units, generator=generator, dtype=torch.float64)


def test_copies_are_found_whatever_their_scale_sign_and_shift():
    activations = drawn()
    activations[1, :, 3] = -20 * activations[1, :, 0] + 5
    activations[1, :, 5] = 0.1 * activations[1, :, 0]
    activations[2, :, 1] = 7
    activations[2, :, 4] = 7
    found = duplicate_units.repeats(activations, 0.999)
    assert found.int().tolist() == [[0] * 6, [0, 0, 0, 1, 0, 1], [0] * 6]
    assert duplicate_units.varying(activations).sum(1).tolist() == [6, 6, 4]


def test_against_a_loop_over_pairs():
    activations = drawn(examples=8)
    found = duplicate_units.repeats(activations, 0.5)
    for row in range(3):
        correlation = np.abs(np.corrcoef(activations[row].T))
        expected = [bool((correlation[unit, :unit] >= 0.5).any()) for unit in range(6)]
        assert found[row].tolist() == expected
    assert found.any() and not found[:, 1:].all()


def test_planted_in_a_network(fleet):
    """Of six units one is the double of another, one is dead, in the replicas of one seed."""
    solution, task = fleet("classification", {"name": "mlp", "hidden": [6, 5], "activation": "tanh"})
    data = solution.data.copy(deep=True)
    weight, bias = data["weight.layers.0.weight"].values, data["weight.layers.0.bias"].values
    weight[:, 1, :, 4], bias[:, 1, :, 4] = -weight[:, 1, :, 2], -bias[:, 1, :, 2]
    weight[:, 1, :, 0], bias[:, 1, :, 0] = 0, 3
    measured = duplicate_units.measure(Solution(data), task, threshold=0.9999)
    first = measured.sel(layer="hidden_1")
    assert (first["fraction"].isel(seed=1) == 1 / 6).all() and (first["distinct"].isel(seed=1) == 4).all()
    assert (first["fraction"].isel(seed=[0, 2]) == 0).all() and (first["distinct"].isel(seed=[0, 2]) == 6).all()
    assert (measured["overall"].isel(seed=1) == 1 / 11).all()

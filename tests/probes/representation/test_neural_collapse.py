"""Collapse: the simplex has it, planted departures from it, and formulas by dense matrices."""

import math

import numpy as np
import pytest
import torch

from imprint.probes.representation import neural_collapse

CLASSES, UNITS = 4, 7


def simplex_corners(shift=2.0):
    """Corners of a regular simplex, turned into seven units and shifted."""
    turn = torch.linalg.qr(torch.randn(UNITS, UNITS, generator=torch.Generator().manual_seed(0)).double()).Q
    corners = torch.eye(CLASSES, dtype=torch.float64) - 1 / CLASSES
    return 3 * corners @ turn[:CLASSES] + shift


def drawn(replicas=3, examples=80, seed=0):
    generator = torch.Generator().manual_seed(seed)
    y = torch.arange(examples) % CLASSES
    noise = torch.randn(replicas, examples, UNITS, generator=generator, dtype=torch.float64)
    return simplex_corners()[y] + noise, y


def test_a_simplex_has_collapsed():
    means = simplex_corners().unsqueeze(0)
    y = torch.arange(20) % CLASSES
    # rounding of cosines and of squares of differences of numbers of about 5
    assert neural_collapse.variability(means[:, y], y, means).abs() < 1e-14
    assert all(value.abs() < 1e-14 for value in neural_collapse.simplex(means).values())
    assert neural_collapse.duality(7 * simplex_corners(shift=0).unsqueeze(0), means) < 1e-14


def test_planted_departures():
    corners = simplex_corners(shift=0)
    square = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]]).double()
    found = neural_collapse.simplex(square.unsqueeze(0))
    # four of six cosines are 0 and two are -1; 1/3 above and 2/3 below -1/3
    assert found["norm_spread"].item() == pytest.approx(0, abs=1e-15)
    assert found["angle_spread"].item() == pytest.approx(math.sqrt(2) / 3)
    assert found["angle_excess"].item() == pytest.approx((4 * 1 / 3 + 2 * 2 / 3) / 6)
    assert neural_collapse.duality(-corners[None], 3 * corners[None]).item() == pytest.approx(2)


def test_variability_against_dense_matrices():
    activations, y = drawn()
    means = torch.stack([activations[:, y == label].mean(1) for label in range(CLASSES)], 1)
    found = neural_collapse.variability(activations, y, means)
    for row in range(3):
        within = np.mean([np.outer(d, d) for d in (activations[row] - means[row, y]).numpy()], 0)
        between = np.cov(means[row].numpy().T, bias=True)
        # rank 3 of 7: what is below 1e-10 of the largest is rounding
        expected = np.trace(within @ np.linalg.pinv(between, rcond=1e-10, hermitian=True)) / CLASSES
        assert found[row].item() == pytest.approx(expected, rel=1e-10)


def test_rotation_scale_and_shift_change_nothing():
    activations, y = drawn()
    turn = torch.linalg.qr(torch.randn(UNITS, UNITS, generator=torch.Generator().manual_seed(3)).double()).Q
    results = []
    for values in (activations, 5 * activations @ turn - 4):
        means = torch.stack([values[:, y == label].mean(1) for label in range(CLASSES)], 1)
        results.append({"nc1": neural_collapse.variability(values, y, means), **neural_collapse.simplex(means)})
    for name in results[0]:
        torch.testing.assert_close(results[0][name], results[1][name], rtol=1e-11, atol=1e-13)


def test_equal_means_have_no_directions():
    activations = torch.ones(1, 8, UNITS, dtype=torch.float64)
    y = torch.arange(8) % CLASSES
    assert neural_collapse.variability(activations, y, torch.ones(1, CLASSES, UNITS).double()).isnan().all()


def test_a_class_without_an_example(fleet):
    solution, task = fleet()
    with pytest.raises(ValueError, match="no example among the first 5 of training; raise examples"):
        neural_collapse.measure(solution, task, examples=5)

"""Angles between shapes: what changes nothing, planted angles, scipy, and the axioms of a metric."""

import math

import numpy as np
import pytest
import torch
from scipy.linalg import orthogonal_procrustes

from imprint.probes.representation import procrustes


def drawn(replicas=4, examples=30, units=5, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(replicas, examples, units, generator=generator, dtype=torch.float64)


def test_rotation_reflection_scale_and_shift_change_nothing():
    x = drawn()
    turn = torch.linalg.qr(drawn(1, 5, seed=1)[0]).Q
    for sign in (1, -1):
        turn[:, 0] *= sign
        # distances of unit matrices, at rounding of 150 numbers
        assert procrustes.shape_angle(x, 7 * x @ turn + 3).max() < 1e-13


def test_a_planted_angle():
    """Orthogonal directions in the space of examples, mixed: no rotation of units brings them nearer."""
    basis = torch.linalg.qr(drawn(1, 30, 2)[0] - drawn(1, 30, 2)[0].mean(0)).Q
    for angle in (0.001, 0.3, 1.2, math.pi / 2):
        x, y = basis[:, :1], math.cos(angle) * basis[:, :1] + math.sin(angle) * basis[:, 1:]
        assert procrustes.shape_angle(x[None], y[None]).item() == pytest.approx(angle, abs=1e-12)


def test_against_scipy():
    x, y = drawn(), drawn(seed=1) + drawn()
    found = procrustes.shape_angle(x, y)
    for row in range(4):
        a, b = (value[row].numpy() - value[row].numpy().mean(0) for value in (x, y))
        cosine = orthogonal_procrustes(a, b)[1] / np.linalg.norm(a) / np.linalg.norm(b)
        assert found[row].item() == pytest.approx(np.arccos(cosine), abs=1e-12)


def test_it_is_a_metric():
    x, y, z = (drawn(50, seed=seed) for seed in range(3))
    xy, yx, yz, xz = (procrustes.shape_angle(*pair) for pair in ((x, y), (y, x), (y, z), (x, z)))
    torch.testing.assert_close(xy, yx, rtol=0, atol=1e-12)
    assert (xz <= xy + yz + 1e-12).all()
    assert (xy > 0).all()


def test_activations_that_do_not_vary_are_nowhere():
    x = drawn()
    y = x.clone()
    y[2] = 4
    assert procrustes.shape_angle(x, y).isnan().tolist() == [False, False, True, False]


def test_nothing_has_moved_at_init(fleet):
    solution, task = fleet()
    measured = procrustes.measure(solution, task)
    assert (measured["from_init"].sel(snapshot="init") < 1e-12).all()
    assert (measured["from_init"].sel(snapshot="final") > 0.01).all()
    np.testing.assert_array_equal(measured["last_from_init"], measured["from_init"].isel(layer=-1))

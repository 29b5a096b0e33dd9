"""Orthogonal equivalence: the spectrum stays, rotations in the plane, derivatives."""

import math

import pytest
import torch
from parts_example import numbers

from imprint.recipes.parametrization.orthogonal import cayley, split, weight


@pytest.mark.parametrize("shape", [(6, 4), (4, 6), (5, 5), (1, 3)])
def test_it_starts_at_the_weight(shape):
    start = numbers(3, *shape)
    assert torch.equal(weight(*split(start)), start)


@pytest.mark.parametrize("shape", [(6, 4), (4, 6), (5, 5)])
def test_whatever_the_angles_the_singular_values_stay(shape):
    start = numbers(3, *shape)
    parameters, fixed = split(start)
    angles = {name: numbers(*value.shape, seed=5) for name, value in parameters.items()}
    found = weight(angles, fixed)
    assert (found - start).abs().max() > 0.1
    values = torch.linalg.svdvals(start)
    torch.testing.assert_close(torch.linalg.svdvals(found), values, rtol=0, atol=1e-14 * values.max().item())


def test_in_the_plane_the_angle_is_twice_the_arc_tangent():
    angle = numbers(5, 1)
    turn = 2 * angle.atan().squeeze(1)
    expected = torch.stack([turn.cos(), turn.sin(), -turn.sin(), turn.cos()], 1).view(5, 2, 2)
    torch.testing.assert_close(cayley(angle, 2), expected, rtol=0, atol=1e-15)


def test_orthogonal_without_reflection():
    found = cayley(numbers(4, 10), 5)
    identity = torch.eye(5, dtype=torch.float64).expand(4, -1, -1)
    torch.testing.assert_close(found @ found.mT, identity, rtol=0, atol=1e-14)
    torch.testing.assert_close(torch.linalg.det(found), torch.ones(4, dtype=torch.float64), rtol=0, atol=1e-13)


def test_the_derivative():
    _, fixed = split(numbers(2, 3, 4))
    left, right = numbers(2, 3, seed=1).requires_grad_(), numbers(2, 6, seed=2).requires_grad_()
    assert torch.autograd.gradcheck(lambda a, b: weight({"left": a, "right": b}, fixed), (left, right))


def test_at_the_start_the_derivative_is_the_generator():
    """d(R W0)/dq of one angle is ``2 E W0`` with ``E = e_i e_j' - e_j e_i'``."""
    parameters, fixed = split(numbers(1, 3, 4))
    step = torch.zeros_like(parameters["left"])
    step[0, 1] = 1e-6  # the angle of rows 0 and 2
    moved = weight({"left": step, "right": parameters["right"]}, fixed) - fixed["start"]
    generator = torch.zeros(3, 3, dtype=torch.float64)
    generator[0, 2], generator[2, 0] = 1, -1
    # second order: 2 (1e-6)^2, divided by the step
    torch.testing.assert_close(moved[0] / 1e-6, 2 * generator @ fixed["start"][0], rtol=0, atol=1e-5)
    assert math.isfinite(moved.sum())


def test_a_broken_replica_does_not_stop_the_others():
    parameters, fixed = split(numbers(3, 4, 5))
    angles = {name: numbers(*value.shape, seed=5) for name, value in parameters.items()}
    angles["left"][1] = torch.nan
    angles["right"][1] = torch.inf
    found = weight(angles, fixed)
    assert found[1].isnan().all()
    for r in (0, 2):
        alone = {name: value[r : r + 1] for name, value in angles.items()}
        assert torch.equal(found[r : r + 1], weight(alone, {"start": fixed["start"][r : r + 1]}))

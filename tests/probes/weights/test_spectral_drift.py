import math

import numpy as np
import pytest
import torch
from scipy.linalg import subspace_angles

from imprint.probes.weights import spectral_drift
from imprint.solution import Solution
from imprint.streams import generator

# In float64 a singular subspace is known to eps times the norm over the gap below it; gaps here are above 0.1.
EXACT = {"rtol": 0, "atol": 1e-12}


def normal(*shape, name="weights"):
    return torch.randn(*shape, generator=generator(0, name), dtype=torch.float64)


def rotation(size, angle, first, second):
    """The rotation by an angle in the plane of two axes."""
    turned = torch.eye(size, dtype=torch.float64)
    turned[first, first] = turned[second, second] = math.cos(angle)
    turned[second, first], turned[first, second] = math.sin(angle), -math.sin(angle)
    return turned


def diagonal(sigma, rows, columns):
    weight = torch.zeros(1, rows, columns, dtype=torch.float64)
    weight[0].diagonal()[: len(sigma)] = torch.tensor(sigma, dtype=torch.float64)
    return weight


def close(found, expected):
    torch.testing.assert_close(found, torch.tensor([expected], dtype=torch.float64), **EXACT)


@pytest.mark.parametrize("scale", [0.5, -3.0])
def test_scaling_changes_the_spectrum_alone(scale):
    """W -> cW: the spectrum changes by | |c| - 1 |, the subspaces stay."""
    weight = normal(1, 8, 6)
    found = spectral_drift.drift(scale * weight, weight, 3)
    close(found["change"], abs(abs(scale) - 1))
    close(found["left_overlap"], 1.0)
    close(found["right_overlap"], 1.0)
    close(found["left_excess"], 1 - 3 / 8)
    close(found["right_excess"], 1 - 3 / 6)


@pytest.mark.parametrize("angle", [0.0, 0.3, math.pi / 2])
def test_a_known_rotation_of_one_side(angle):
    """W -> QW turns the second leading axis out of the subspace of two: (1 + cos^2 angle) / 2, on the left alone."""
    weight = diagonal([5.0, 4.0, 3.0, 2.0], 6, 5)
    turned = rotation(6, angle, 1, 4) @ weight
    found = spectral_drift.drift(turned, weight, 2)
    close(found["left_overlap"], (1 + math.cos(angle) ** 2) / 2)
    close(found["right_overlap"], 1.0)
    close(found["change"], 0.0)
    other = spectral_drift.drift(turned.mT, weight.mT, 2)
    close(other["right_overlap"], (1 + math.cos(angle) ** 2) / 2)
    close(other["left_overlap"], 1.0)


def test_a_rotation_within_the_subspace_is_none():
    weight = diagonal([5.0, 4.0, 3.0, 2.0], 6, 5)
    close(spectral_drift.drift(rotation(6, 0.7, 0, 1) @ weight, weight, 2)["left_overlap"], 1.0)


def test_angles_are_those_of_scipy():
    """Derived another way: the principal angles between the column spaces."""
    one, other = (torch.linalg.qr(normal(9, 4, name=name)).Q for name in ("one", "other"))
    expected = (np.cos(subspace_angles(one.numpy(), other.numpy())) ** 2).mean()
    close(spectral_drift.overlap(one.unsqueeze(0), other.unsqueeze(0)), float(expected))


def test_random_matrices_overlap_by_k_over_n():
    """4000 pairs of k = 3 of 12 and of 9 dimensions: the mean excess is 0 within four standard errors of its mean."""
    found = spectral_drift.drift(normal(4000, 12, 9, name="now"), normal(4000, 12, 9, name="before"), 3)
    for side in ("left", "right"):
        excess = found[f"{side}_excess"]
        assert abs(excess.mean()) < 4 * excess.std() / math.sqrt(len(excess))
        assert excess.std() < 0.15  # so that the bound above is below 0.01


def test_no_subspace_where_the_rank_is_less_than_k():
    rank_two, full = diagonal([5.0, 4.0], 6, 5), normal(1, 6, 5)
    for pair in ((rank_two, full), (full, rank_two)):
        found = spectral_drift.drift(*pair, 3)
        assert found["left_overlap"].isnan().all() and found["right_excess"].isnan().all()
        assert found["change"].isfinite().all()
    assert spectral_drift.drift(rank_two, rank_two, 2)["left_overlap"].isfinite().all()
    assert spectral_drift.drift(full, 0 * full, 2)["change"].isnan().all()


def test_k_is_at_most_the_smaller_side(fleet):
    """All 5 rows of a 5 x 6 matrix are the whole left space."""
    solution, task = fleet()
    found = spectral_drift.measure(solution, task, k=50).sel(layer="layers.1.weight", snapshot="final")
    np.testing.assert_allclose(found["left_overlap"], 1, atol=1e-12)
    np.testing.assert_allclose(found["left_excess"], 0, atol=1e-12)
    assert (found["right_overlap"] < 1).all()


def test_nothing_has_changed_at_the_start(fleet):
    solution, task = fleet()
    data = solution.data.copy(deep=True)
    data["weight.layers.1.weight"].loc[{"snapshot": "final"}] = 2 * solution.values("layers.1.weight", "init")
    found = spectral_drift.measure(Solution(data), task, k=2)
    assert (found["change"].sel(snapshot="init") == 0).all()
    np.testing.assert_allclose(found["left_overlap"].sel(snapshot="init"), 1, atol=1e-12)
    doubled = found.sel(layer="layers.1.weight", snapshot="final")
    np.testing.assert_allclose(doubled["change"], 1, atol=1e-12)
    np.testing.assert_allclose(doubled["right_overlap"], 1, atol=1e-12)


def test_no_negative_k(fleet):
    with pytest.raises(ValueError, match="k=0 leading singular vectors; at least 1"):
        spectral_drift.measure(*fleet(), k=0)

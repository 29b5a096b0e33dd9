import numpy as np
import pytest
import torch

from imprint.probes.weights import effective_rank, update_rank
from imprint.solution import Solution
from imprint.streams import generator


def orthonormal(rows, columns, name):
    values = torch.randn(rows, columns, generator=generator(0, name), dtype=torch.float64)
    return torch.linalg.qr(values).Q


@pytest.mark.parametrize("k", [1, 3, 6])
def test_k_orthonormal_outer_products_have_rank_k(k):
    """Whatever the start. Both ranks are exactly k; float64 leaves rounding of about 1e-15 per singular value, and the
    entropy of the rest is below 1e-12."""
    start = torch.randn(1, 9, 6, generator=generator(0, "start"), dtype=torch.float64)
    change = orthonormal(9, k, "left") @ orthonormal(6, k, "right").mT
    for found in update_rank.displacement_ranks(start + 0.3 * change, start):
        torch.testing.assert_close(found, torch.tensor([float(k)]).double(), rtol=1e-11, atol=0)


def test_unequal_strengths():
    """Singular values 2, 1, 1: stable rank 6/4; entropy of (1/2, 1/4, 1/4) is 1.5 log 2."""
    change = torch.diag(torch.tensor([2.0, 1.0, 1.0])).unsqueeze(0).double()
    entropy, stable = update_rank.displacement_ranks(change, torch.zeros_like(change))
    assert stable.item() == pytest.approx(1.5, rel=1e-14)
    assert entropy.item() == pytest.approx(2**1.5, rel=1e-14)


def test_what_did_not_move_or_is_not_known_is_nan():
    now = torch.ones(2, 3, 3)
    for found in update_rank.displacement_ranks(now, torch.stack([now[0], now[1] * torch.nan])):
        assert found.isnan().all()


def test_up_to_a_snapshot_and_since_the_one_before(fleet):
    """Planted: one direction until ``middle``, two more until ``final``."""
    solution, task = fleet()
    name = "weight.layers.1.weight"
    data = solution.data.copy(deep=True)
    start, first, rest = data[name].sel(snapshot="init").values, np.zeros((5, 6)), np.zeros((5, 6))
    first[0, 0], rest[1, 1], rest[2, 2] = 1, 1, 1
    data[name].loc[{"snapshot": "middle"}] = start + first
    data[name].loc[{"snapshot": "final"}] = start + first + rest
    found = update_rank.measure(Solution(data), task).sel(layer="layers.1.weight")
    for kind in ("effective_rank", "stable_rank"):
        expected = {"middle": (1, 1), "final": (3, 2)}
        for snapshot, (whole, last) in expected.items():
            cell = found.sel(snapshot=snapshot)
            np.testing.assert_allclose(cell[kind], whole, rtol=1e-10)  # rounding of start + change, some 1e-16
            np.testing.assert_allclose(cell[f"last_{kind}"], last, rtol=1e-10)
        assert np.isnan(found[kind].sel(snapshot="init")).all()
        assert np.isnan(found[f"last_{kind}"].sel(snapshot="init")).all()


def test_from_a_start_at_zero_it_is_the_rank_of_the_weights(fleet):
    solution, task = fleet()
    data = solution.data.copy(deep=True)
    for parameter in solution.parameters:
        data[f"weight.{parameter}"].loc[{"snapshot": "init"}] = 0
    moved, own = (probe.measure(Solution(data), task).sel(snapshot="final") for probe in (update_rank, effective_rank))
    for kind in ("effective_rank", "stable_rank"):
        np.testing.assert_array_equal(moved[kind], own[kind])


def test_of_a_sequence_each_task_counts(fleet):
    """At the end of the second task the change is from the end of the first."""
    solution, task = fleet(task="split_classes")
    names = solution.data["snapshot"].values.tolist()
    assert names[:2] == ["init", "task_1"]
    found = update_rank.measure(solution, task).isel(setting=0, seed=0).sel(layer="layers.0.weight")
    values = [solution.values("layers.0.weight", name)[0, 0] for name in names]
    sigma = np.linalg.svd(values[2] - values[1], compute_uv=False)
    expected = (sigma**2).sum() / sigma[0] ** 2
    np.testing.assert_allclose(found["last_stable_rank"].isel(snapshot=2), expected, rtol=1e-12)

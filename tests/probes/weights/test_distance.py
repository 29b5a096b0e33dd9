import numpy as np
import torch

from imprint.probes.weights import distance


def test_by_hand():
    """From (3, 0): to (3, 4) distance 4; to twice itself cosine 1; to its opposite cosine -1."""
    found = distance.distances(
        torch.tensor([[3.0, 4.0], [6.0, 0.0], [-3.0, 0.0]]), torch.tensor([[3.0, 0.0]]).expand(3, -1)
    )
    torch.testing.assert_close(found["distance"], torch.tensor([4.0, 3.0, 6.0]))
    torch.testing.assert_close(found["relative_distance"], torch.tensor([4 / 3, 1.0, 2.0]))
    torch.testing.assert_close(found["cosine"], torch.tensor([0.6, 1.0, -1.0]))


def test_from_zero_nothing_is_relative():
    found = distance.distances(torch.ones(1, 4), torch.zeros(1, 4))
    assert found["distance"].item() == 2
    assert found["relative_distance"].isnan().all() and found["cosine"].isnan().all()


def test_all_parameters_count(fleet):
    solution, task = fleet()
    measured = distance.measure(solution, task)
    squares = [
        ((solution.values(name, "final") - solution.values(name, "init"))[1, 2] ** 2).sum()
        for name in solution.parameters
    ]
    found = measured["distance"].sel(snapshot="final").values[1, 2]
    np.testing.assert_allclose(found, np.sqrt(sum(squares)), rtol=1e-12)  # sums of a few hundred float64
    assert (measured["distance"].sel(snapshot="init") == 0).all()

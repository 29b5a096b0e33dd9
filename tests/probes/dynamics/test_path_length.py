import numpy as np
import torch

from imprint.probes.dynamics import path_length


def test_reads_the_trace_at_the_snapshot(fleet):
    """The fleet's trace grows by 5 per step in length and by 1 in passes; a snapshot is every 10 steps."""
    solution, task = fleet()
    measured = path_length.measure(solution, task)
    for place, snapshot in enumerate(["init", "middle", "final"]):
        cell = measured.sel(snapshot=snapshot)
        assert (cell["path_length"] == 50 * place).all() and (cell["passes"] == 10 * place).all()
    assert np.isnan(measured["straightness"].sel(snapshot="init")).all()
    assert (measured["straightness"].sel(snapshot="final") > 0).all()


def test_straight_and_round():
    """Along a line 1; around three sides of a square 1/3; back to the start 0; nothing moved: NaN."""
    end = torch.tensor([[5.0, 0.0], [0.0, 1.0], [0.0, 0.0], [0.0, 0.0]])
    found = path_length.straightness(end, torch.zeros(4, 2), torch.tensor([5.0, 3.0, 4.0, 0.0]))
    torch.testing.assert_close(found, torch.tensor([1.0, 1 / 3, 0.0, torch.nan]), equal_nan=True)

import numpy as np
import pytest
import torch
import xarray as xr

from imprint.probes.dynamics import loss_spikes
from imprint.solution import Solution


def spikes(*losses, apart=None, times=3.0):
    loss_RE = torch.tensor(losses, dtype=torch.float64)
    apart_RE = torch.zeros_like(loss_RE).bool() if apart is None else torch.tensor(apart)
    found = loss_spikes.spikes(loss_RE, apart_RE, times)
    return {name: value.tolist() for name, value in found.items()}


def test_a_falling_loss_has_none():
    assert spikes([5.0, 4.0, 3.0, 2.0]) == {"spikes": [0], "total": [0], "highest": [0], "rose": [0]}


def test_two_planted_spikes():
    """From 8 to 12, in two rises, and from 6 to 9: heights 1/2 and 1/2; 3 of 11 changes are rises.

    Eight of the changes are -1, so that their deviation is 0 and every rise counts.
    """
    loss = [10.0, 9.0, 8.0, 10.0, 12.0, 11.0, 10.0, 9.0, 8.0, 7.0, 6.0, 9.0]
    assert spikes(loss) == {"spikes": [2], "total": [1.0], "highest": [0.5], "rose": [3 / 11]}


def test_a_rise_within_the_noise_is_no_spike():
    """Changes -3, -2, -1, 0, 1, -0.5 and one more, above 1: their median is -0.5, the deviations from it 2.5, 1.5, 0.5,
    0.5, 1.5, 0 and that of the last, so 1.5 in the middle. Three times 1.4826 * 1.5 is 6.67."""
    changes = [0.0, -3, -2, -1, 0, 1, -0.5]
    assert spikes(list(20 + np.cumsum([*changes, 6.6])))["spikes"] == [0]
    assert spikes(list(20 + np.cumsum([*changes, 6.7])))["spikes"] == [1]
    assert spikes(list(20 + np.cumsum([*changes, 6.7])), times=4.0)["spikes"] == [0]


def test_one_large_step_makes_a_run_a_spike():
    """A slow rise alone is none; with one jump in it the whole run counts, from where it began."""
    quiet = [-1.0, -2.0, -3.0, -1.0, -2.0, -3.0, -1.0, -2.0, -3.0]
    slow = spikes(list(40 + np.cumsum([0.0, *quiet, 0.1, 0.1, 0.1, -1])))
    fast = spikes(list(40 + np.cumsum([0.0, *quiet, 0.1, 9.0, 0.1, -1])))
    assert slow["spikes"] == [0] and slow["total"] == [0]
    assert fast["spikes"] == [1] and fast["highest"] == pytest.approx([9.2 / 22])


def test_a_slow_rise_after_a_spike_is_none():
    """What was a jump before a run makes no spike of it."""
    quiet = [-1.0, -2.0, -3.0, -1.0, -2.0, -3.0, -1.0, -2.0, -3.0]
    found = spikes(list(40 + np.cumsum([0.0, *quiet, 9.0, -1, 0.1, 0.1, -1])))
    assert found["spikes"] == [1] and found["total"] == found["highest"]


def test_what_was_not_evaluated_ends_a_series():
    assert spikes([5.0, 4.0, 3.0, 6.0, torch.nan]) == spikes([5.0, 4.0, 3.0, 6.0])
    gap = spikes([5.0, 4.0, torch.nan, 9.0, 8.0])
    assert gap["spikes"] == [0] and gap["rose"] == [0]


def test_the_next_task_is_no_spike():
    loss, apart = [3.0, 2.0, 1.0, 9.0, 8.0, 7.0], [[False, False, False, True, False, False]]
    assert spikes(loss)["spikes"] == [1]
    assert spikes(loss, apart=apart) == {"spikes": [0], "total": [0], "highest": [0], "rose": [0]}


def test_from_zero_there_is_no_height():
    found = spikes([2.0, 1.0, 0.0, 5.0])
    assert found["spikes"] == [1] and found["highest"] == found["total"] == [0]


def test_one_evaluation_says_nothing():
    for loss in ([2.0], [2.0, torch.nan]):
        assert all(np.isnan(value) for (value,) in spikes(loss).values())


def test_a_replica_does_not_see_the_others():
    """The quiet one has a deviation of 0 and one spike, the noisy one none for the same rise."""
    quiet, noisy = [9.0, 8.0, 7.0, 6.0, 8.0, 7.0], [20.0, 14.0, 18.0, 16.0, 18.0, 14.0]
    both = spikes(quiet, noisy)
    assert [both["spikes"][0]] == spikes(quiet)["spikes"] == [1]
    assert [both["spikes"][1]] == spikes(noisy)["spikes"] == [0]


def test_a_snapshot_knows_what_came_before_it_only(fleet):
    solution, task = fleet()
    data = solution.data.copy(deep=True)
    data["train_loss"][:] = [4.0, 2.0, 3.0]
    found = loss_spikes.measure(Solution(data), task)
    assert (found["rose"].sel(snapshot="middle") == 0).all()
    assert (found["rose"].sel(snapshot="final") == 0.5).all()
    assert np.isnan(found["rose"].sel(snapshot="init")).all()


def test_of_a_sequence_the_next_task_does_not_count(fleet):
    solution, task = fleet(task="split_classes")
    data = solution.data.copy(deep=True)
    steps = data.sizes["evaluation"]
    data["train_loss"][:] = np.arange(1.0, steps + 1)
    stage = np.arange(steps) > 1
    data["stage"] = xr.zeros_like(data["train_loss"]) + xr.DataArray(stage.astype(float), dims="evaluation")
    found = loss_spikes.measure(Solution(data), task).sel(snapshot="final")
    assert (found["rose"] == 1).all()
    data["train_loss"][:] = np.where(stage, 9.0, 4.0) - np.arange(steps)
    assert (loss_spikes.measure(Solution(data), task).sel(snapshot="final")["rose"] == 0).all()


def test_no_negative_bound(fleet):
    with pytest.raises(ValueError, match="times=-1 deviations; at least 0"):
        loss_spikes.measure(*fleet(), times=-1)

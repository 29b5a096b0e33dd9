import numpy as np
import pytest
import torch

from imprint.probes.dynamics import catapult
from imprint.solution import Solution


def test_a_rise_and_a_fall():
    found = catapult.catapult(torch.tensor([[2.0, 3.0, 12.0, 0.5], [4.0, 2.0, 1.0, torch.nan]]))
    assert found["peak"].tolist() == [6.0, 1.0]
    assert found["rise"].tolist() == [4.0, 0.5]
    assert found["loss"].tolist() == [0.25, 0.25]


def test_one_evaluation_has_no_rise():
    found = catapult.catapult(torch.tensor([[2.0]]))
    assert found["peak"].item() == found["loss"].item() == 1
    assert found["rise"].isnan().all()


def test_a_snapshot_knows_what_came_before_it_only(fleet):
    """Losses 1, 3, 2 at the steps of init, middle and final."""
    solution, task = fleet()
    data = solution.data.copy(deep=True)
    data["train_loss"][:] = [1.0, 3.0, 2.0]
    data["train_loss"].loc[{"setting": 1}] = np.array([2.0, 1.0, 0.5])
    found = catapult.measure(Solution(data), task)
    first, second = found.sel(setting=0), found.sel(setting=1)
    for seed in found["seed"].values:
        own = first.sel(seed=seed)
        assert own["peak"].values.tolist() == [1, 3, 3]
        assert own["rise"].values.tolist()[1:] == [3, 3]
        assert own["loss"].values.tolist() == [1, 3, 2]
        assert second["rise"].sel(seed=seed).values.tolist()[1:] == pytest.approx([0.5, 0.5])
    assert found["rise"].sel(snapshot="init").isnull().all()


def test_a_snapshot_between_evaluations_reads_the_one_before(fleet):
    solution, task = fleet()
    data = solution.data.copy(deep=True)
    data["train_loss"][:] = [1.0, 3.0, 2.0]
    data["snapshot_step"].loc[{"snapshot": "middle"}] = 19
    found = catapult.measure(Solution(data), task).sel(snapshot="middle")
    assert (found["loss"] == 3).all()

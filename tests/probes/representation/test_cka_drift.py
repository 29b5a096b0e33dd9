import numpy as np
import pytest
import torch

from imprint.probes.representation import cka_drift
from imprint.solution import Solution


def hidden(solution, task, snapshot, setting, seed):
    """Last hidden activations of one network on the test examples, layer by layer."""
    at = solution.data.isel(setting=setting, seed=seed).sel(snapshot=snapshot)
    x = task.split("test")[0].numpy()
    for layer in (0, 1):
        x = np.maximum(x @ at[f"weight.layers.{layer}.weight"].values.T + at[f"weight.layers.{layer}.bias"].values, 0)
    return torch.as_tensor(x).unsqueeze(0)


def test_one_replica_by_hand(fleet):
    solution, task = fleet("split_classes")
    measured = cka_drift.measure(solution, task).isel(setting=1, seed=2)
    stage = task.stage_of("test")
    last = hidden(solution, task, "final", 1, 2)
    kept = []
    for number, snapshot in enumerate(["task_1", "task_2"]):
        now = hidden(solution, task, snapshot, 1, 2)
        at = measured.sel(snapshot=snapshot, layer="hidden_2")
        # sums over some hundred examples of squared activations
        assert at["similarity"].item() == pytest.approx(cka_drift.cka(now, last).item(), abs=1e-10)
        own = stage == number
        kept.append(cka_drift.cka(now[:, own], last[:, own]).item())
        assert at["task_similarity"].item() == pytest.approx(kept[-1], abs=1e-10)
        assert abs(at["task_similarity"] - at["similarity"]) > 1e-3
    assert measured["drift"].sel(snapshot="final").item() == pytest.approx(1 - np.mean(kept), abs=1e-10)
    assert measured.sel(snapshot="init").to_array().isnull().all()
    assert measured["drift"].sel(snapshot=["task_1", "task_2"]).isnull().all()


def test_what_does_not_move_does_not_drift(fleet):
    solution, task = fleet("split_classes")
    data = solution.data.copy(deep=True)
    for name in solution.parameters:
        for snapshot in ("task_2", "task_3", "final"):
            data[f"weight.{name}"].loc[{"snapshot": snapshot}] = data[f"weight.{name}"].sel(snapshot="task_1")
    measured = cka_drift.measure(Solution(data), task)
    # 1 but for the rounding of a quotient of sums
    np.testing.assert_allclose(measured["similarity"].sel(snapshot=["task_1", "final"]), 1, atol=1e-12)
    np.testing.assert_allclose(measured["drift"].sel(snapshot="final"), 0, atol=1e-12)


def test_a_missing_snapshot_is_named(fleet):
    solution, task = fleet("split_classes")
    kept = Solution(solution.data.sel(snapshot=["init", "task_2", "final"]))
    with pytest.raises(ValueError, match=r"cka_drift needs the snapshots \['task_1'\]"):
        cka_drift.measure(kept, task)

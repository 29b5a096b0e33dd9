"""Slopes by another library, accuracies of single replicas by hand, and a network that forgets how to learn."""

import numpy as np
import pytest
import torch

from imprint.probes.dynamics import accuracy_matrix, trainability
from imprint.solution import Solution

STAGES = 3


@pytest.fixture
def measured(fleet):
    solution, task = fleet("relabelled")
    return trainability.measure(solution, task), solution, task


def test_slopes_are_those_of_a_fitted_line():
    values = torch.randn(3, 4, 7, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = trainability.trends(*values)
    for name, table in zip(("slope", "loss_slope", "tested_slope"), values.numpy(), strict=True):
        expected = [np.polyfit(np.arange(1, 8), row, 1)[0] for row in table]
        # least squares by a decomposition: a condition number of about 10 and a dozen roundings
        np.testing.assert_allclose(found[name], expected, rtol=1e-12, atol=1e-13)
    torch.testing.assert_close(found["mean"], values[0].mean(-1), rtol=1e-15, atol=0)


def test_a_steady_loss_of_ability_is_its_rate_and_none_is_zero():
    task = torch.arange(20, dtype=torch.float64)
    fading, steady = 0.9 - 0.03 * task, torch.full((20,), 0.7, dtype=torch.float64)
    found = trainability.trends(*[torch.stack([fading, steady])] * 3)
    # twenty terms of size 1, of which each is rounded once
    np.testing.assert_allclose(found["slope"], [-0.03, 0.0], atol=1e-15)


def test_no_slope_skips_a_task():
    values = torch.tensor([[1.0, torch.nan, 0.5]])
    assert all(value.isnan().all() for value in trainability.trends(values, values, values).values())


def test_values_just_after_each_task_of_one_replica(measured):
    result, solution, task = measured
    for stage in range(STAGES):
        weights = {
            name: torch.as_tensor(solution.values(name, f"task_{stage + 1}")[1, 2]) for name in solution.parameters
        }
        cell = result.isel(setting=1, seed=2).sel(snapshot=f"task_{stage + 1}")
        for split, name in (("train", "trained"), ("test", "tested")):
            x, y = task.split(split)
            own = task.stage_of(split) == stage
            logits = torch.func.functional_call(task.model, weights, (x[own],))
            assert cell[name].item() == (logits.argmax(-1) == y[own]).double().mean().item()
            if split == "train":
                loss = torch.nn.functional.cross_entropy(logits, y[own]).item()
                assert cell["loss"].item() == pytest.approx(loss, rel=1e-12)  # means of a few dozen float64


def test_test_accuracies_are_the_diagonal_of_the_accuracy_matrix(measured):
    result, solution, task = measured
    matrix = accuracy_matrix.measure(solution, task)
    # means of a few dozen float64, in another order
    np.testing.assert_allclose(result["tested"], matrix["last"], rtol=1e-14)


def test_trends_are_about_the_tasks_so_far(measured):
    result, _, _ = measured
    ends = [f"task_{stage + 1}" for stage in range(STAGES)]
    now = result.sel(snapshot=ends)
    assert np.isnan(result.sel(snapshot="init").to_array()).all()
    for name in ("slope", "loss_slope", "tested_slope"):
        assert np.isnan(now[name].sel(snapshot="task_1")).all()
    second = now.sel(snapshot="task_2")
    first = now.sel(snapshot="task_1")
    # a line through two points
    np.testing.assert_allclose(second["slope"], second["trained"] - first["trained"], atol=1e-15)
    np.testing.assert_allclose(second["loss_slope"], second["loss"] - first["loss"], rtol=1e-13)
    last = now["trained"].transpose(..., "snapshot").values
    expected = (last[..., 2] - last[..., 0]) / 2  # of three points the middle one has no lever
    np.testing.assert_allclose(now["slope"].sel(snapshot="task_3"), expected, atol=1e-15)
    np.testing.assert_allclose(now["mean"].sel(snapshot="task_3"), last.mean(-1), rtol=1e-14)


def test_a_missing_snapshot_is_named(fleet):
    solution, task = fleet("relabelled")
    kept = Solution(solution.data.sel(snapshot=["init", "task_2", "final"]))
    with pytest.raises(ValueError, match=r"trainability needs the snapshots \['task_1'\]"):
        trainability.measure(kept, task)

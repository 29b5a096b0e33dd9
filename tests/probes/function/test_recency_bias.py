import numpy as np
import pytest

from imprint.probes.function import recency_bias
from imprint.solution import Solution


def biased(solution, classes, amount):
    """The same networks with a constant added to some logits at the end."""
    data = solution.data.copy(deep=True)
    data["weight.layers.2.bias"].loc[{"snapshot": "final", "layers.2.bias_0": classes}] += amount
    return Solution(data)


def logits_of(solution, task, snapshot, setting, seed):
    at = solution.data.isel(setting=setting, seed=seed).sel(snapshot=snapshot)
    x = task.split("test")[0].numpy()
    for layer in range(3):
        x = x @ at[f"weight.layers.{layer}.weight"].values.T + at[f"weight.layers.{layer}.bias"].values
        x = np.maximum(x, 0) if layer < 2 else x
    return x


def test_one_replica_example_by_example(fleet):
    """Pairs are (0, 1), (2, 3), (4, 5); the newest after task 2 has 2 and 3."""
    solution, task = fleet("split_classes")
    measured = recency_bias.measure(solution, task).isel(setting=0, seed=1)
    y = task.split("test")[1].numpy()
    for snapshot, newest in {"task_2": 1, "task_3": 2, "final": 2}.items():
        logits = logits_of(solution, task, snapshot, 0, 1)
        taken, gaps = [], []
        for row, label in zip(logits, y, strict=True):
            if label // 2 < newest:
                taken.append(row.argmax() // 2 == newest)
                own = 2 * (label // 2)
                gaps.append(row[2 * newest : 2 * newest + 2].max() - row[own : own + 2].max())
        right = (logits.argmax(1) == y) & (y < 6)
        accuracy = [right[y // 2 == stage].mean() for stage in range(newest + 1)]
        at = measured.sel(snapshot=snapshot)
        # means of some hundred float64
        assert at["claimed"].item() == pytest.approx(np.mean(taken), abs=1e-12)
        assert at["logit_gap"].item() == pytest.approx(np.mean(gaps), rel=1e-9)
        assert at["accuracy_gap"].item() == pytest.approx(accuracy[-1] - np.mean(accuracy[:-1]), abs=1e-12)
    assert measured.sel(snapshot=["init", "task_1"]).to_array().isnull().all()


def test_a_bias_for_the_newest_classes_claims_everything(fleet):
    solution, task = fleet("split_classes")
    before = recency_bias.measure(solution, task).sel(snapshot="final")
    after = recency_bias.measure(biased(solution, [4, 5], 1e4), task).sel(snapshot="final")
    assert (before["claimed"] < 1).all() and (after["claimed"] == 1).all()
    np.testing.assert_allclose(after["logit_gap"] - before["logit_gap"], 1e4, rtol=1e-12)
    none = recency_bias.measure(biased(solution, [0, 1, 2, 3], 1e4), task).sel(snapshot="final")
    assert (none["claimed"] == 0).all() and (none["accuracy_gap"] <= 0).all()


def test_tasks_that_share_their_classes_have_no_classes_to_claim(fleet):
    measured = recency_bias.measure(*fleet("permuted")).sel(snapshot="final")
    assert measured["claimed"].isnull().all() and measured["logit_gap"].isnull().all()
    assert measured["accuracy_gap"].notnull().all()

import numpy as np
import pytest
import torch

from imprint.probes.dynamics import accuracy_matrix
from imprint.solution import Solution

STAGES = 3


@pytest.fixture
def measured(fleet):
    solution, task = fleet("split_classes")
    return accuracy_matrix.measure(solution, task), solution, task


def test_accuracy_of_one_replica_on_one_stage(measured):
    """The second pair is (2, 3): accuracy over all ten classes, and between the two."""
    matrix, solution, task = measured
    weights = {name: torch.as_tensor(solution.values(name, "task_1")[1, 0]) for name in solution.parameters}
    x, y = task.split("test")
    pair = (y == 2) | (y == 3)
    logits, y = torch.func.functional_call(task.model, weights, (x[pair],)), y[pair]
    cell = matrix.isel(setting=1, seed=0).sel(snapshot="task_1", stage=2)
    # means of a few dozen float64
    assert cell["accuracy"].item() == pytest.approx((logits.argmax(-1) == y).double().mean().item(), abs=1e-14)
    between = (logits[:, 2:4].argmax(-1) + 2 == y).double().mean().item()
    assert cell["masked_accuracy"].item() == pytest.approx(between, abs=1e-14)
    assert cell["loss"].item() == pytest.approx(torch.nn.functional.cross_entropy(logits, y).item(), rel=1e-12)


def test_summaries_use_the_snapshots_up_to_theirs(measured):
    matrix, _, _ = measured
    table = matrix["accuracy"]
    for count in (1, 2, 3):
        diagonal = [table.sel(snapshot=f"task_{k}", stage=k) for k in range(1, count + 1)]
        np.testing.assert_allclose(matrix["learned"].sel(snapshot=f"task_{count}"), sum(diagonal) / count)
        last = table.sel(snapshot=f"task_{count}", stage=count)
        np.testing.assert_array_equal(matrix["last"].sel(snapshot=f"task_{count}"), last)
    old = table.sel(snapshot="task_3", stage=[1, 2]).mean("stage")
    np.testing.assert_allclose(matrix["old"].sel(snapshot="task_3"), old)
    for name in ("learned", "old", "forgetting", "last"):
        assert np.isnan(matrix[name].sel(snapshot="init")).all()
    assert np.isnan(matrix["old"].sel(snapshot="task_1")).all()
    assert (matrix["masked_accuracy"] >= matrix["accuracy"]).all()


def test_final_is_the_last_row(fleet):
    """With the weights of task_3 as the final ones, every measure at both is the same."""
    solution, task = fleet("split_classes")
    data = solution.data.copy(deep=True)
    for name in solution.parameters:
        data[f"weight.{name}"].loc[{"snapshot": "final"}] = data[f"weight.{name}"].sel(snapshot=f"task_{STAGES}")
    matrix = accuracy_matrix.measure(Solution(data), task)
    last, final = matrix.sel(snapshot=f"task_{STAGES}"), matrix.sel(snapshot="final")
    assert last.drop_vars("snapshot").identical(final.drop_vars("snapshot"))


def test_a_missing_snapshot_is_named(fleet):
    solution, task = fleet("split_classes")
    kept = Solution(solution.data.sel(snapshot=["init", "task_2", "final"]))
    with pytest.raises(ValueError, match=r"needs the snapshots \['task_1'\]"):
        accuracy_matrix.measure(kept, task)

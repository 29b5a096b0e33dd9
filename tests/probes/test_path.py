import numpy as np

from imprint.probes import path
from imprint.solution import Replicas, Solution


def test_branches_are_not_on_the_path(fleet):
    solution, task = fleet()
    renamed = solution.data.assign_coords(snapshot=["init", "branch_1", "final"])
    assert path.on_path(Solution(renamed)) == path.ends(Solution(renamed), task) == ["init", "final"]


def test_a_sequence_counts_from_task_to_task(fleet):
    """A snapshot within a task is not the end of a change; the last task ends with the training."""
    solution, task = fleet(task="split_classes")
    before_last = [f"task_{stage}" for stage in range(1, task.stages)]
    assert path.ends(solution, task) == ["init", *before_last, "final"]
    within = solution.data.assign_coords(snapshot=["init", "early", *solution.data["snapshot"].values[2:]])
    assert path.ends(Solution(within), task) == ["init", *before_last[1:], "final"]


def test_each_replica_has_its_own_predecessor(fleet):
    """``middle`` comes last in one replica and is not reached in another: their ``final`` follows ``init``."""
    solution, task = fleet()
    data = solution.data.copy(deep=True)
    data["snapshot_step"].loc[{"snapshot": "middle", "setting": 0, "seed": 3}] = 30
    data["snapshot_step"].loc[{"snapshot": "middle", "setting": 0, "seed": 0}] = -1
    replicas = Replicas(Solution(data), task, "final")
    before = path.weights_before(replicas, ["init", "middle", "final"])
    name = solution.parameters[0]
    for row, (setting, place) in enumerate(replicas.cells.tolist()):
        expected = "init" if setting == 0 and place in (0, 1) else "middle"
        own = solution.values(name, expected)[setting, place]
        np.testing.assert_array_equal(before[name][row].numpy(), own)
    late = path.weights_before(Replicas(Solution(data), task, "middle"), ["init", "middle", "final"])
    np.testing.assert_array_equal(late[name][0].numpy(), solution.values(name, "final")[0, 0])


def test_nothing_is_before_the_start(fleet):
    solution, task = fleet()
    before = path.weights_before(Replicas(solution, task, "init"), path.on_path(solution))
    assert all(weight.isnan().all() for weight in before.values())


def test_steps_are_in_the_order_of_the_names(fleet):
    solution, task = fleet()
    assert path.steps(Replicas(solution, task, "init"), ["final", "init"]).tolist() == [[20, 0]] * 6

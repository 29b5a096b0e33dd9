import numpy as np
import pytest
import torch

from imprint.probes.dynamics import example_forgetting
from imprint.solution import Solution

# By example: always right, lost twice, lost for good, learned late, never right.
RIGHT = [[1, 1, 1, 0, 0], [1, 0, 1, 0, 0], [1, 1, 0, 0, 0], [1, 0, 0, 1, 0]]


def test_a_series_by_hand():
    found = example_forgetting.forgetting(torch.tensor([RIGHT]).bool(), torch.ones(1, 4).bool())
    assert found["count"].tolist() == [[0, 2, 1, 0, 0]]
    assert found["mean_count"].item() == pytest.approx(3 / 5)
    assert found["unforgettable"].item() == pytest.approx(2 / 5)
    assert found["never_learned"].item() == pytest.approx(1 / 5)


def test_what_is_not_known_is_skipped():
    """Without the third evaluation the second example is lost once, and the third between the second and the fourth."""
    known = torch.tensor([[True, True, False, True]])
    found = example_forgetting.forgetting(torch.tensor([RIGHT]).bool(), known)
    assert found["count"].tolist() == [[0, 1, 1, 0, 0]]
    nothing = example_forgetting.forgetting(torch.tensor([RIGHT]).bool(), torch.zeros(1, 4).bool())
    assert all(value.isnan().all() for value in nothing.values())


def planted(solution, order):
    """All weights 0 but the last bias, so that a network says one class, and which one is known at each snapshot."""
    data = solution.data.copy(deep=True)
    for parameter in solution.parameters:
        data[f"weight.{parameter}"][:] = 0
    for name, (step, says) in order.items():
        data["snapshot_step"].loc[{"snapshot": name}] = step
        bias = np.zeros(data["weight.layers.2.bias"].shape[-1])
        bias[says] = 1
        data["weight.layers.2.bias"].loc[{"snapshot": name}] = bias
    return Solution(data)


def test_the_order_is_that_of_the_steps(fleet):
    """The network says 1, then 2, then 1: at the end all of class 1 are right, were lost once, and 2 are lost once."""
    solution, task = fleet()
    wide = solution.data.isel(snapshot=[0, 2, 1, 1]).assign_coords(snapshot=["init", "final", "later", "middle"])
    order = {"init": (0, 0), "final": (30, 1), "later": (20, 2), "middle": (10, 1)}
    found = example_forgetting.measure(planted(Solution(wide), order), task, examples=100)
    y = task.split("train")[1][:100].numpy()
    end = found.sel(snapshot="final")
    np.testing.assert_array_equal(end["count"], np.broadcast_to((y == 1) | (y == 2), end["count"].shape))
    np.testing.assert_allclose(end["mean_count"], np.isin(y, [1, 2]).mean(), rtol=1e-12)
    np.testing.assert_allclose(end["never_learned"], (~np.isin(y, [1, 2])).mean(), rtol=1e-12)
    assert (end["unforgettable"] == 0).all()
    then = found.sel(snapshot="later")
    np.testing.assert_array_equal(then["count"], np.broadcast_to(y == 1, then["count"].shape))
    np.testing.assert_allclose(then["unforgettable"], (y == 2).mean(), rtol=1e-12)


def test_what_is_right_before_training_is_not_forgotten(fleet):
    solution, task = fleet()
    found = example_forgetting.measure(planted(solution, {"init": (0, 3), "middle": (10, 4), "final": (20, 4)}), task)
    assert (found["mean_count"].sel(snapshot="final") == 0).all()
    assert np.isnan(found["mean_count"].sel(snapshot="init")).all()
    assert found["example"].values.tolist() == list(range(found.sizes["example"]))


def test_branches_are_left_out(fleet):
    solution, task = fleet()
    aside = Solution(solution.data.assign_coords(snapshot=["init", "branch_1", "final"]))
    found = example_forgetting.measure(aside, task)
    assert (found["mean_count"].sel(snapshot="final") == 0).all()  # one evaluation forgets nothing
    assert np.isnan(found["mean_count"].sel(snapshot="branch_1")).all()


def test_the_first_examples_only(fleet):
    solution, task = fleet(task="slabs")  # data drawn per seed
    some, more = (example_forgetting.measure(solution, task, examples=count) for count in (4, 8))
    assert some.sizes["example"] == 4
    np.testing.assert_array_equal(some["count"], more["count"].isel(example=slice(4)))
    with pytest.raises(ValueError, match="examples=0; at least 1"):
        example_forgetting.measure(solution, task, examples=0)

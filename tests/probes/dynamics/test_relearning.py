import numpy as np
import pytest
import torch

from imprint.probes.dynamics import relearning
from imprint.solution import Solution

FEW = {"rate": 0.2, "steps": 8, "examples": 30, "target": 0.61}  # no count of 30 is at the target


def test_descent_on_a_quadratic_has_a_closed_form():
    """On ``sum curvature w^2 / 2`` the weights after k steps are ``(1 - rate curvature)^k w``."""
    curvature = torch.tensor([[0.5, 2.0, 9.0], [1.0, 3.0, -1.0]], dtype=torch.float64)
    start = {"a": torch.tensor([[1.0, -2.0, 3.0], [4.0, 5.0, 6.0]], dtype=torch.float64)}
    path = list(relearning.descend(lambda own: (curvature * own["a"] ** 2).sum(-1) / 2, start, rate=0.1, steps=20))
    assert len(path) == 21
    for count, weights in enumerate(path):
        # twenty products of a few roundings each
        torch.testing.assert_close(weights["a"], (1 - 0.1 * curvature) ** count * start["a"], rtol=1e-13, atol=0)
    assert start["a"][0].tolist() == [1.0, -2.0, 3.0] and not path[-1]["a"].requires_grad


def test_first_reached_against_a_loop():
    values = torch.rand(50, 7, generator=torch.Generator().manual_seed(0))
    found = relearning.first_reached(values, 0.8).tolist()
    assert found == [next((k for k, value in enumerate(row) if value >= 0.8), 7) for row in values.tolist()]
    assert 7 in found and 0 in found
    assert relearning.first_reached(torch.tensor([[torch.nan, torch.nan]]), 0.1).tolist() == [2]


def by_sgd(solution, task, snapshot, setting, seed, stage):
    """Accuracy after each step of torch's own optimizer on one network."""
    weights = {
        name: torch.nn.Parameter(torch.tensor(solution.values(name, snapshot)[setting, seed]))
        for name in solution.parameters
    }
    optimizer = torch.optim.SGD(weights.values(), lr=FEW["rate"])
    (x, y), (x_test, y_test) = (
        [value[task.stage_of(split) == stage][: FEW["examples"]] for value in task.split(split)]
        for split in ("train", "test")
    )
    found = []
    for _ in range(FEW["steps"] + 1):
        with torch.no_grad():
            predicted = torch.func.functional_call(task.model, weights, (x_test,)).argmax(-1)
        found.append((predicted == y_test).double().mean().item())
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(torch.func.functional_call(task.model, weights, (x,)), y).backward()
        optimizer.step()
    return found


def test_one_replica_against_torchs_optimizer(fleet):
    solution, task = fleet("split_classes")
    measured = relearning.measure(solution, task, **FEW).isel(setting=1, seed=2)
    assert measured["stage"].values.tolist() == [1, 2]
    seen = set()
    for snapshot in ("init", "final"):
        curves = [by_sgd(solution, task, snapshot, 1, 2, stage) for stage in (0, 1)]
        steps = [next((k for k, value in enumerate(row) if value >= FEW["target"]), 9) for row in curves]
        here = measured.sel(snapshot=snapshot)
        assert here["steps"].values.tolist() == steps
        # accuracies of some dozen examples; a tie of logits decided by rounding would show
        np.testing.assert_allclose(here["accuracy_after"], [row[-1] for row in curves], rtol=1e-12)
        assert here["mean_steps"].item() == np.mean(steps)
        assert here["reached"].item() == np.mean([count <= 8 for count in steps])
        seen |= set(steps)
    assert len(seen) > 2
    saved = 1 - measured["mean_steps"].sel(snapshot="final") / measured["mean_steps"].sel(snapshot="init")
    assert measured["savings"].sel(snapshot="final").item() == saved.item()
    assert measured["savings"].sel(snapshot="init").item() == 0
    between = measured.sel(snapshot="task_1").to_array()
    assert between.isnull().all()


def test_the_same_weights_save_nothing(fleet):
    solution, task = fleet("split_classes")
    data = solution.data.copy(deep=True)
    for name in solution.parameters:
        data[f"weight.{name}"].loc[{"snapshot": "final"}] = data[f"weight.{name}"].sel(snapshot="init")
    measured = relearning.measure(Solution(data), task, **FEW)
    assert (measured["savings"].sel(snapshot="final") == 0).all()


def test_what_is_known_takes_no_steps_and_what_is_not_learned_one_too_many(fleet):
    solution, task = fleet("split_classes")
    known = relearning.measure(solution, task, **{**FEW, "target": 0.0}).sel(snapshot="final")
    assert (known["steps"] == 0).all() and (known["reached"] == 1).all() and known["savings"].isnull().all()
    slow = relearning.measure(solution, task, **{**FEW, "rate": 1e-12, "target": 1.0}).sel(snapshot="final")
    assert (slow["steps"] == FEW["steps"] + 1).all() and (slow["reached"] == 0).all()


def test_one_task_is_no_sequence(fleet):
    with pytest.raises(ValueError, match="at least 2 tasks; this one has 1"):
        relearning.measure(*fleet("classification"))

"""A rate that falls from task to task: its factor, and what it does to fleets whose replicas are at different tasks."""

import pytest
import torch
from fleet_example import batches_of, fleet_of, small_task, spec, steps, weights_of

from imprint.fleet.train import train
from imprint.recipes.resolve import RecipeError
from imprint.recipes.schedule.staged import multiplier

RECIPE = {"update": "torch.optim:Adam", "schedule": {"name": "staged", "factor": 0.5}}


def sequence():
    return small_task(stages=3, classes=6)


def test_powers_of_the_factor():
    assert [multiplier(7, stage, factor=0.5) for stage in range(4)] == [1, 0.5, 0.25, 0.125]
    assert multiplier(1, 5, factor=1.0) == 1


@pytest.mark.parametrize("factor", [0.0, 1.5])
def test_another_factor_is_refused(factor):
    with pytest.raises(ValueError, match=f"factor {factor} is not in"):
        multiplier(1, 0, factor=factor)


def test_replicas_at_different_tasks_against_torchs_adam():
    fleet = fleet_of(sequence(), RECIPE, [{"lr": 0.01}], [0, 1], block=2)
    fleet.next_stage(torch.tensor([1]))
    fleet.next_stage(torch.tensor([1]))
    held = [torch.nn.Parameter(row.clone()) for row in fleet.flat]
    adams = [torch.optim.Adam([parameter], lr=rate) for parameter, rate in zip(held, (0.01, 0.0025), strict=True)]
    for _ in range(5):
        x, y = batches_of(fleet)
        for row, (parameter, adam) in enumerate(zip(held, adams, strict=True)):
            leaf = parameter.detach().unsqueeze(0).requires_grad_()
            loss = fleet.task.loss(fleet.task.logits(fleet.layout.unflatten(leaf), x[row : row + 1]), y[row : row + 1])
            (slope,) = torch.autograd.grad(loss.mean(), leaf)
            parameter.grad = slope[0]
            adam.step()
        steps(fleet, 1)
        # the same operations on the same numbers, tensor by tensor instead of in one
        torch.testing.assert_close(fleet.flat, torch.stack([p.detach() for p in held]), rtol=0, atol=1e-14)
    assert fleet.rates().tolist() == [0.01, 0.0025]


def test_each_replica_alone_and_together_until_a_loss():
    plan = spec(RECIPE, stop={"train_loss": 0.7, "at_most": {"steps": 60}}, evaluate_every=3)
    together = train(sequence(), plan, [{"lr": 0.02}, {"lr": 0.05}], [0, 1])
    moved = together["snapshot_step"].sel(snapshot="task_1").values
    assert len(set(moved.ravel().tolist())) > 1  # they are at different tasks at the same time
    for setting, rate in enumerate((0.02, 0.05)):
        for seed in (0, 1):
            alone = train(sequence(), plan, [{"lr": rate}], [seed])
            assert (weights_of(together, setting, seed) == weights_of(alone, 0, seed)).all()
            found = together["learning_rate"].isel(setting=setting).sel(seed=seed).dropna("evaluation").values
            assert set(found.round(6)) == {rate, rate / 2, rate / 4}


def test_replicas_that_share_an_optimizer_are_refused():
    with pytest.raises(RecipeError, match="goes by the task of the sequence.*leave 'sees: elements' out"):
        fleet_of(sequence(), {**RECIPE, "sees": "elements"})

"""A fleet while it trains: same start for all, who diverges is recorded, neighbours never notice."""

import pytest
import torch
from fleet_example import batches_of, fleet_of, poke, small_task, spec, steps, weights_of

from imprint.fleet.oracle import Oracle
from imprint.fleet.train import train
from imprint.labels import STATUS

MUON = {
    "update": "muon",
    "sees": "matrices",
    "rest": {"update": "torch.optim:Adam", "hyper": {"lr": 1e-3}, "sees": "elements"},
}
KINDS = {
    "elements": {"update": "torch.optim:Adam", "sees": "elements"},
    "matrices": MUON,
    "network": {"update": "torch.optim:Adagrad"},
}


def kinds(function):
    return pytest.mark.parametrize("recipe", KINDS.values(), ids=KINDS)(function)


def test_the_same_seed_starts_and_is_fed_alike_under_every_setting():
    fleet = fleet_of(small_task(), KINDS["elements"], [{"lr": 0.1}, {"lr": 0.2}], [4, 9])
    assert [seed for block in fleet.blocks for seed in block.composition.seeds] == [4, 9, 4, 9]
    assert torch.equal(fleet.flat[0], fleet.flat[2]) and torch.equal(fleet.flat[1], fleet.flat[3])
    assert not torch.equal(fleet.flat[0], fleet.flat[1])
    x, y = batches_of(fleet)
    assert torch.equal(x[0], x[2]) and torch.equal(y[1], y[3]) and not torch.equal(x[0], x[1])


def test_data_drawn_per_seed_reach_the_replica_of_that_seed():
    task = small_task(seeds=[4, 9])
    x, y = task.split("train")
    for batch_size in (10, None):
        fleet = fleet_of(task, KINDS["elements"], [{"lr": 0.1}, {"lr": 0.2}], [9, 4], batch_size)
        found_x, found_y = batches_of(fleet)
        for row, place in enumerate((1, 0, 1, 0)):
            if batch_size is None:
                index = torch.arange(x.shape[1])
            else:
                index = fleet.order.batch((9, 4)[row % 2], 0, 0)
            assert torch.equal(found_x[row], x[place, index]) and torch.equal(found_y[row], y[place, index])


@kinds
def test_those_who_stay_end_where_they_would_have_ended(recipe):
    settings, seeds = [{"lr": 0.01}, {"lr": 0.03}, {"lr": 0.05}], [0, 1]
    stayed = steps(fleet_of(small_task(), recipe, settings, seeds), 12).flat
    fleet = steps(fleet_of(small_task(), recipe, settings, seeds), 5)
    fleet.leave(torch.tensor([0, 2, 3]), "finished")  # one of a pair, and a whole setting
    assert fleet.ids.tolist() == [1, 4, 5]
    steps(fleet, 4)
    fleet.leave(torch.tensor([5]), "finished")
    steps(fleet, 3)
    assert torch.equal(fleet.flat, stayed[[1, 4]])
    assert fleet.status.tolist() == [0, -1, 0, 0, -1, 0]
    assert fleet.status_step.tolist() == [5, -1, 5, 5, -1, 9]


@kinds
@pytest.mark.parametrize("rate", [1e200, 1e300])
def test_a_huge_rate_diverges_alone(recipe, rate):
    settings, seeds = [{"lr": 0.01}, {"lr": rate}, {"lr": 0.02}], [0, 1]
    plan = spec(recipe, stop={"steps": 30}, evaluate_every=15)
    found = train(small_task(loss="squared_error"), plan, settings, seeds)
    alone = train(small_task(loss="squared_error"), plan, [settings[0], settings[2]], seeds)
    assert found["status"].values[1].tolist() == [STATUS["diverged"]] * 2
    assert (found["status_step"].values[1] < 15).all()
    assert found["snapshot_step"].sel(snapshot="final").values[1].tolist() == [-1, -1]
    for place, other in ((0, 0), (2, 1)):
        assert found["status"].values[place].tolist() == [STATUS["finished"]] * 2
        for seed in seeds:
            assert (weights_of(found, place, seed) == weights_of(alone, other, seed)).all()
    for name in ("train_loss", "path_length", "gradient_norm"):
        kept = found[name].isel(setting=[0, 2]).values
        assert (kept[..., 1:] == alone[name].values[..., 1:]).all()
        assert torch.isnan(torch.as_tensor(found[name].values[1, :, 1:])).all()


@kinds
def test_a_loss_that_is_not_a_number_is_recorded_at_its_step(recipe):
    fleet = steps(fleet_of(small_task(), recipe, [{"lr": 0.01}], [0, 1, 2]), 6)
    poke(fleet, 1, 3, torch.nan)
    steps(fleet, 6)
    expected = steps(fleet_of(small_task(), recipe, [{"lr": 0.01}], [0, 1, 2]), 12).flat
    assert fleet.status.tolist() == [-1, STATUS["diverged"], -1]
    assert fleet.status_step[1] == 6
    assert torch.equal(fleet.flat, expected[[0, 2]])


def test_a_gradient_that_is_not_finite_under_a_loss_that_is(monkeypatch):
    fleet = fleet_of(small_task(), KINDS["elements"], [{"lr": 0.01}], [0, 1, 2])
    right = Oracle.gradient

    def broken(oracle, weights):
        loss, gradient = right(oracle, weights)
        if fleet.step_count == 3:
            gradient[1, 5] = torch.nan
        return loss, gradient

    with monkeypatch.context() as patch:
        patch.setattr(Oracle, "gradient", broken)
        steps(fleet, 6)
    expected = steps(fleet_of(small_task(), KINDS["elements"], [{"lr": 0.01}], [0, 1, 2]), 6).flat
    assert fleet.status.tolist() == [-1, STATUS["diverged"], -1] and fleet.status_step[1] == 3
    assert torch.equal(fleet.flat, expected[[0, 2]])


def test_divergence_in_the_very_step_that_is_evaluated():
    # the update, not the loss, is the first that is not finite
    plan = spec(KINDS["elements"] | {"update": "torch.optim:SGD"}, stop={"steps": 4}, evaluate_every=1)
    settings = [{"lr": 0.01}, {"lr": 1e300}]
    found = train(small_task(), plan, settings, [0, 1])
    assert found["status"].values.tolist() == [[0, 0], [1, 1]]
    assert found["status_step"].values.tolist() == [[4, 4], [1, 1]]
    alone = train(small_task(), plan, settings[:1], [0, 1])
    assert (found["gradient_norm"].values[0, :, 1:] == alone["gradient_norm"].values[0, :, 1:]).all()


def test_a_fleet_of_which_all_diverge_ends():
    plan = spec({"update": "torch.optim:SGD", "sees": "elements"}, stop={"steps": 40})
    found = train(small_task(), plan, [{"lr": 1e300}], [0, 1])
    assert found["status"].values.tolist() == [[1, 1]]
    assert found["step"].values.tolist() == [0]


@kinds
def test_the_global_stream_does_not_matter(recipe):
    ends = []
    for number in range(2):
        torch.manual_seed(number)
        ends.append(train(small_task(), spec(recipe), [{"lr": 0.01}], [0]))
    assert ends[0].equals(ends[1])


def test_passes_are_counted_where_they_are_made():
    fleet = steps(fleet_of(small_task(), {"update": "torch.optim:SGD", "sees": "elements"}, seeds=(0, 1)), 3)
    block = fleet.blocks[0]
    block.composition.measure(Oracle(fleet.task, fleet.layout, fleet.executor, *fleet.batch(block), 2))
    assert (fleet.passes.tolist(), fleet.step_count) == ([3, 3], 3)


@pytest.mark.slow
@kinds
@pytest.mark.parametrize("block", [1, 2, 5, 64])
def test_how_many_are_computed_at_once_changes_no_result(recipe, block):
    settings, seeds = [{"lr": 0.01}, {"lr": 0.03}], [0, 1, 2]
    one, other = (spec(recipe, stop={"train_loss": 0.9, "at_most": {"steps": 30}}, block=size) for size in (block, 3))
    found = train(small_task(), one, settings, seeds)
    assert found.equals(train(small_task(), other, settings, seeds))
    assert len(set(found["status_step"].values.ravel().tolist())) > 1  # they left at different steps


def test_an_order_is_shared_and_the_start_is_not():
    fleets = {order: fleet_of(small_task(), KINDS["elements"], seeds=[4, 9], order=order) for order in (4, 5)}
    fed = {order: batches_of(fleet) for order, fleet in fleets.items()}
    assert all(torch.equal(x[0], x[1]) and torch.equal(y[0], y[1]) for x, y in fed.values())
    assert not torch.equal(fed[4][0], fed[5][0])
    assert torch.equal(fleets[4].flat, fleets[5].flat) and not torch.equal(*fleets[4].flat)


def test_an_order_leaves_data_drawn_per_seed_to_the_seed():
    task = small_task(seeds=[4, 9])
    fleet = fleet_of(task, KINDS["elements"], seeds=[9, 4], order=4)
    index, x = fleet.order.batch(4, 0, 0), task.split("train")[0]
    assert torch.equal(batches_of(fleet)[0], x[[1, 0]][:, index])


@kinds
def test_under_one_order_a_fleet_is_fleets_of_one(recipe):
    seeds = [4, 9, 2]
    together = steps(fleet_of(small_task(), recipe, seeds=seeds, order=7), 15).flat
    alone = [steps(fleet_of(small_task(), recipe, seeds=[seed], order=7), 15).flat[0] for seed in seeds]
    assert torch.equal(together, torch.stack(alone))  # float64 on a CPU: bit for bit


@kinds
def test_the_order_of_a_replicas_own_seed_is_the_default(recipe):
    plain = steps(fleet_of(small_task(), recipe, seeds=[4, 9]), 15).flat
    shared = steps(fleet_of(small_task(), recipe, seeds=[4, 9], order=4), 15).flat
    assert torch.equal(plain[0], shared[0]) and not torch.equal(plain[1], shared[1])

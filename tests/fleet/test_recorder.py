"""Trace, snapshots, stop rules and sequences, against what a plain loop over one replica finds."""

import numpy as np
import pytest
import torch
from fleet_example import fleet_of, poke, small_task, spec, steps, weights_of

from imprint.fleet.order import Order
from imprint.fleet.recorder import TRACE, Recorder
from imprint.fleet.train import label, train
from imprint.labels import STATUS

SGD = {"update": "torch.optim:SGD", "hyper": {"momentum": 0.5}, "sees": "elements"}
SETTINGS, SEEDS = [{"lr": 0.05}, {"lr": 0.4}], [0, 3]
STEPS = 12


def values(solution, name, setting, seed):
    return solution[name].isel(setting=setting).sel(seed=seed).values


def named_weights(solution, setting, seed, snapshot):
    chosen = solution.sel(snapshot=snapshot, seed=seed).isel(setting=setting)
    names = [str(name) for name in chosen if str(name).startswith("weight.")]
    return {name.removeprefix("weight."): torch.from_numpy(chosen[name].values) for name in names}


def performance(task, weights, split, rows=slice(None)):
    """Mean loss and accuracy through the module itself."""
    x, y = (value[rows] for value in task.split(split))
    logits = torch.func.functional_call(task.model, weights, (x,))
    loss = torch.nn.functional.cross_entropy(logits, y)
    return loss.item(), (logits.argmax(1) == y).double().mean().item()


@pytest.fixture(scope="module")
def followed():
    """Two settings and seeds, kept after every step."""
    task = small_task()
    snapshots = {f"after_{step}": {"step": step} for step in range(1, STEPS)}
    recipe = {**SGD, "schedule": {"name": "inverse_sqrt"}}
    plan = spec(recipe, stop={"steps": STEPS}, snapshots=snapshots, evaluate_every=5)
    return task, train(task, plan, SETTINGS, SEEDS)


def path(solution, setting, seed):
    names = ["init", *(f"after_{step}" for step in range(1, STEPS)), "final"]
    return np.stack([weights_of(solution, setting, seed, name) for name in names])


def every_replica(function):
    return pytest.mark.parametrize("seed", SEEDS)(pytest.mark.parametrize("setting", [0, 1])(function))


@every_replica
def test_norms_and_path_length_are_those_of_the_updates(followed, setting, seed):
    _, solution = followed
    weights = path(solution, setting, seed)
    updates = np.linalg.norm(np.diff(weights, axis=0), axis=1)
    steps = solution["step"].values
    assert steps.tolist() == list(range(STEPS + 1))
    # differences of weights near 0.1 lose at most three digits of sixteen
    np.testing.assert_allclose(values(solution, "update_norm", setting, seed)[1:], updates, rtol=1e-12)
    np.testing.assert_allclose(values(solution, "path_length", setting, seed)[1:], updates.cumsum(), rtol=1e-12)
    np.testing.assert_allclose(
        values(solution, "weight_norm", setting, seed), np.linalg.norm(weights, axis=1), rtol=1e-14
    )
    assert values(solution, "path_length", setting, seed)[0] == 0
    assert values(solution, "passes", setting, seed).tolist() == steps.tolist()
    rates = SETTINGS[setting]["lr"] / np.sqrt(np.maximum(steps, 1))
    np.testing.assert_allclose(values(solution, "learning_rate", setting, seed), rates, rtol=1e-15)


@every_replica
def test_losses_are_those_of_the_weights_and_batches(followed, setting, seed):
    task, solution = followed
    order = Order(task.stage_of("train"), 1, 10)
    x, y = task.split("train")
    names = ["init", *(f"after_{step}" for step in range(1, STEPS)), "final"]
    for step, name in enumerate(names):
        weights = named_weights(solution, setting, seed, name)
        # means of at most 60 losses, summed in another order
        assert values(solution, "train_loss", setting, seed)[step] == pytest.approx(
            performance(task, weights, "train")[0], rel=1e-13
        )
        loss, accuracy = performance(task, weights, "validation")
        assert values(solution, "validation_loss", setting, seed)[step] == pytest.approx(loss, rel=1e-13)
        assert values(solution, "validation_accuracy", setting, seed)[step] == pytest.approx(accuracy, rel=1e-15)
        if step < STEPS:
            leaves = {key: value.clone().requires_grad_() for key, value in weights.items()}
            index = order.batch(seed, 0, step)
            logits = torch.func.functional_call(task.model, leaves, (x[index],))
            batch_loss = torch.nn.functional.cross_entropy(logits, y[index])
            batch_loss.backward()
            norm = torch.sqrt(sum((leaf.grad**2).sum() for leaf in leaves.values()))
            assert values(solution, "batch_loss", setting, seed)[step + 1] == pytest.approx(
                batch_loss.item(), rel=1e-13
            )
            assert values(solution, "gradient_norm", setting, seed)[step + 1] == pytest.approx(norm.item(), rel=1e-12)


def test_the_first_row_is_the_initialization(followed):
    _, solution = followed
    first = solution.isel(evaluation=0)
    assert first["step"] == 0
    for name in ("batch_loss", "gradient_norm", "update_norm"):  # there has been no step
        assert np.isnan(first[name].values).all()
    assert np.isfinite(first["train_loss"].values).all()
    assert set(TRACE) <= set(solution)


def test_an_update_that_writes_into_its_gradient_does_not_change_the_trace(monkeypatch):
    class Doubling(torch.optim.SGD):
        @torch.no_grad()
        def step(self, closure=None):
            for group in self.param_groups:
                for p in group["params"]:
                    p.grad.mul_(2)
                    p.add_(p.grad, alpha=-group["lr"] / 2)

    monkeypatch.setattr(torch.optim, "Doubling", Doubling, raising=False)
    found, plain = (
        train(small_task(), spec({"update": f"torch.optim:{name}", "sees": "elements"}), [{"lr": 0.25}], [0])
        for name in ("Doubling", "SGD")
    )
    assert (weights_of(found, 0, 0) == weights_of(plain, 0, 0)).all()  # factors of two are exact
    np.testing.assert_array_equal(found["gradient_norm"].values, plain["gradient_norm"].values)


# ---------------------------------------------------------------- stop rules and snapshots


RATE = 0.8


def overlapping():
    return small_task(spread=2.0)


def long_run(every=2, length=120):
    """A noisy run, kept at every evaluation."""
    snapshots = {f"at_{step}": {"step": step} for step in range(every, length, every)}
    plan = spec(SGD, stop={"steps": length}, snapshots=snapshots, evaluate_every=every)
    return train(overlapping(), plan, [{"lr": RATE}], [0])


@pytest.fixture(scope="module")
def noisy():
    """A long run with a loss that dips below a threshold once before it stays there."""
    solution = long_run()
    loss, places = solution["train_loss"].values[0, 0], solution["step"].values
    for threshold in sorted(loss):
        below = loss <= threshold
        single, twice = np.flatnonzero(below), np.flatnonzero(below[1:] & below[:-1]) + 1
        if len(twice) and twice[0] > single[0] + 1 and twice[0] < len(loss) - 3:
            return solution, float(threshold), int(places[single[0]]), int(places[twice[0]])
    raise AssertionError("the run has no single dip; choose another rate")


def test_a_loss_must_hold_at_two_evaluations_in_a_row(noisy):
    solution, threshold, first, expected = noisy
    assert 0 < first < expected - 2
    stop = {"train_loss": threshold, "at_most": {"steps": 120}}
    found = train(overlapping(), spec(SGD, stop=stop, evaluate_every=2), [{"lr": RATE}], [0])
    assert found["status"].item() == STATUS["finished"]
    assert found["status_step"].item() == expected == found["snapshot_step"].sel(snapshot="final").item()
    assert found["step"].values[-1] == expected
    assert found["train_loss"].values[0, 0, -1] <= threshold
    assert (weights_of(found, 0, 0) == weights_of(solution, 0, 0, f"at_{expected}")).all()


def test_a_snapshot_at_a_loss_is_the_first_place_where_it_holds(noisy):
    solution, threshold, _, expected = noisy
    snapshots = {"matched": {"train_loss": threshold}, "never": {"train_loss": 1e-12}, "early": {"step": 1}}
    plan = spec(SGD, stop={"steps": 120}, snapshots=snapshots, evaluate_every=2)
    found = train(overlapping(), plan, [{"lr": RATE}], [0])
    assert found["snapshot"].values.tolist() == ["init", "matched", "never", "early", "final"]
    assert found["snapshot_step"].values[0, 0].tolist() == [0, expected, -1, 1, 120]
    assert np.isnan(weights_of(found, 0, 0, "never")).all()
    assert (weights_of(found, 0, 0, "final") == weights_of(solution, 0, 0, "final")).all()
    # snapshots are read-outs of the same run
    assert (weights_of(found, 0, 0, "matched") == weights_of(solution, 0, 0, f"at_{expected}")).all()


@pytest.mark.parametrize(
    ("rule", "better"), [("validation_loss", np.less_equal), ("validation_accuracy", np.greater_equal)]
)
def test_a_snapshot_at_a_validation_metric_is_where_it_holds_twice(noisy, rule, better):
    solution = noisy[0]
    trace, places = solution[rule].values[0, 0], solution["step"].values
    middle = float(np.median(trace))
    holds = better(trace, middle)
    expected = int(places[np.flatnonzero(holds[1:] & holds[:-1])[0] + 1])
    assert 0 < expected < 120
    plan = spec(SGD, stop={"steps": 120}, snapshots={"matched": {rule: middle}}, evaluate_every=2)
    found = train(overlapping(), plan, [{"lr": RATE}], [0])
    assert found["snapshot_step"].sel(snapshot="matched").item() == expected
    assert (weights_of(found, 0, 0, "matched") == weights_of(solution, 0, 0, f"at_{expected}")).all()


def test_equal_passes_are_fewer_steps_where_a_step_takes_more(noisy):
    snapshots = {"paid": {"passes": 24.0}, "between": {"passes": 25.0}, "never": {"passes": 1000.0}}
    sam = {**SGD, "perturbation": {"name": "sam", "rho": 0.05}}
    plain, twice = (
        train(
            overlapping(), spec(recipe, stop={"steps": 60}, snapshots=snapshots, evaluate_every=4), [{"lr": RATE}], [0]
        )
        for recipe in (SGD, sam)
    )
    names = list(snapshots)
    assert plain["snapshot_step"].sel(snapshot=names).values[0, 0].tolist() == [24, 28, -1]
    assert twice["snapshot_step"].sel(snapshot=names).values[0, 0].tolist() == [12, 16, -1]
    assert (weights_of(plain, 0, 0, "paid") == weights_of(noisy[0], 0, 0, "at_24")).all()


@pytest.mark.parametrize("at_most", [{"steps": 30}, {"epochs": 5}])
def test_a_loss_that_is_never_reached(at_most):
    stop = {"train_loss": 1e-9, "at_most": at_most}
    found = train(small_task(), spec(SGD, stop=stop, evaluate_every=10), SETTINGS, SEEDS)
    assert (found["status"].values == STATUS["condition not reached"]).all()
    assert (found["status_step"].values == 30).all()
    assert np.isfinite(weights_of(found, 0, 0)).all()  # never dropped from the results


@pytest.mark.parametrize(("stop", "length"), [({"epochs": 3}, 18), ({"steps": 7}, 7), ({"epochs": 1}, 6)])
def test_a_length(stop, length):
    found = train(small_task(), spec(SGD, stop=stop, evaluate_every=4), SETTINGS, SEEDS)
    assert (found["status_step"].values == length).all() and (found["status"].values == STATUS["finished"]).all()
    assert found["step"].values.tolist() == sorted({*range(0, length, 4), length})
    assert (found["snapshot_step"].sel(snapshot="final").values == length).all()


def test_an_epoch_leaves_out_what_does_not_fill_a_batch():
    found = train(small_task(), spec(SGD, stop={"epochs": 2}, batch_size=25), SETTINGS, SEEDS)
    assert (found["status_step"].values == 2 * (60 // 25)).all()


def test_of_a_fleet_each_replica_stops_when_its_own_condition_holds():
    stop = {"train_loss": 0.5, "at_most": {"steps": 200}}
    plan = spec(SGD, stop=stop, evaluate_every=3)
    found = train(small_task(), plan, SETTINGS, SEEDS)
    assert found["status_step"].values[0, 0] != found["status_step"].values[1, 0]
    for setting in (0, 1):
        for seed in SEEDS:
            alone = train(small_task(), plan, [SETTINGS[setting]], [seed])
            own = found["status_step"].isel(setting=setting).sel(seed=seed).item()
            assert alone["status_step"].item() == own
            assert (weights_of(alone, 0, seed) == weights_of(found, setting, seed)).all()
            rows = int(np.searchsorted(found["step"].values, own)) + 1
            assert np.isnan(values(found, "train_loss", setting, seed)[rows:]).all()
            for name in TRACE:
                np.testing.assert_array_equal(
                    values(found, name, setting, seed)[:rows], alone[name].values[0, 0], err_msg=name
                )


# ---------------------------------------------------------------- sequences

SEQUENCE = {"classes": 4, "stages": 2, "spread": 0.7}
STOPS = {
    "epochs": {"epochs": 4},
    "loss": {"train_loss": 0.35, "at_most": {"epochs": 60}},
}


@pytest.fixture(scope="module", params=STOPS, ids=STOPS)
def sequence(request):
    task = small_task(**SEQUENCE)
    plan = spec(SGD, stop=STOPS[request.param], evaluate_every=2)
    return task, plan, train(task, plan, SETTINGS, SEEDS), request.param


def test_each_replica_moves_on_by_itself(sequence):
    _, plan, found, stop = sequence
    assert (found["status"].values == STATUS["finished"]).all()
    ends = found["snapshot_step"].sel(snapshot="task_1").values
    if stop == "loss":
        assert len(set(ends.ravel().tolist())) > 1
    else:
        assert (ends == 4 * 3).all()  # 30 examples of the task, batches of 10
    for setting in (0, 1):
        for seed in SEEDS:
            alone = train(small_task(**SEQUENCE), plan, [SETTINGS[setting]], [seed])
            for name in ("task_1", "task_2", "final"):
                assert (weights_of(alone, 0, seed, name) == weights_of(found, setting, seed, name)).all()
            assert (alone["learned"].values[0, 0] == values(found, "learned", setting, seed)).all()


def test_snapshots_at_the_ends_of_the_tasks(sequence):
    task, _, found, _ = sequence
    assert found["snapshot"].values.tolist() == ["init", "task_1", "task_2", "final"]
    steps = found["snapshot_step"]
    assert (steps.sel(snapshot="task_2").values == steps.sel(snapshot="final").values).all()
    for setting in (0, 1):
        for seed in SEEDS:
            assert (weights_of(found, setting, seed, "task_2") == weights_of(found, setting, seed, "final")).all()
            for stage in (0, 1):
                weights = named_weights(found, setting, seed, f"task_{stage + 1}")
                rows = task.stage_of("validation") == stage
                _, accuracy = performance(task, weights, "validation", rows)
                assert values(found, "learned", setting, seed)[stage] == pytest.approx(accuracy, rel=1e-15)


def test_what_is_kept_of_every_task_is_that_of_the_final_weights(sequence):
    task, _, found, _ = sequence
    for setting in (0, 1):
        for seed in SEEDS:
            weights = named_weights(found, setting, seed, "final")
            kept = values(found, "retained", setting, seed)
            for stage in (0, 1):
                _, accuracy = performance(task, weights, "validation", task.stage_of("validation") == stage)
                assert kept[stage] == pytest.approx(accuracy, rel=1e-15)
            assert kept[1] == values(found, "learned", setting, seed)[1]
    assert (found["retained"] != found["learned"]).any()


def test_the_trace_is_of_the_task_being_trained(sequence):
    task, _, found, _ = sequence
    for setting in (0, 1):
        for seed in SEEDS:
            end = found["snapshot_step"].sel(snapshot="task_1", seed=seed).isel(setting=setting).item()
            place = found["step"].values.tolist().index(end)
            stage = values(found, "stage", setting, seed)
            assert (stage[: place + 1] == 0).all() and (stage[place + 1 :][~np.isnan(stage[place + 1 :])] == 1).all()
            weights = named_weights(found, setting, seed, "task_1")
            loss, _ = performance(task, weights, "train", task.stage_of("train") == 0)
            assert values(found, "train_loss", setting, seed)[place] == pytest.approx(loss, rel=1e-13)


def test_a_task_begins_to_count_its_evaluations_anew():
    # the loss is below the limit at every evaluation: two of them for each task
    stop = {"train_loss": 1e6, "at_most": {"epochs": 50}}
    found = train(small_task(**SEQUENCE), spec(SGD, stop=stop, evaluate_every=2), SETTINGS, SEEDS)
    steps = found["snapshot_step"].values[0, 0].tolist()
    assert steps == [0, 2, 6, 6]  # evaluations at 0 and 2, then at 4 and 6


def test_one_task_not_learned_is_a_condition_not_reached():
    stop = {"train_loss": 0.35, "at_most": {"steps": 6}}
    found = train(small_task(**SEQUENCE), spec(SGD, stop=stop, evaluate_every=2), [{"lr": 1e-4}], [0])
    assert found["status"].item() == STATUS["condition not reached"]
    assert found["snapshot_step"].values[0, 0].tolist() == [0, 6, 12, 12]
    assert np.isfinite(found["learned"].values).all()


def test_who_diverges_in_a_later_task_keeps_what_was_learned_before():
    fleet = fleet_of(small_task(**SEQUENCE), SGD, [{"lr": 0.1}], [0, 1])
    recorder = Recorder(fleet, {"steps": 4}, {}, 2)
    while len(fleet):
        steps(fleet, 1)
        if recorder.due():
            recorder.evaluate()
        if fleet.step_count == 5:
            poke(fleet, 0, 0, torch.nan)
    assert fleet.status.tolist() == [STATUS["diverged"], STATUS["finished"]]
    assert fleet.status_step.tolist() == [5, 8]
    learned = label(fleet, recorder)["learned"].values[0]
    assert np.isnan(learned).tolist() == [[False, True], [False, False]]
    assert label(fleet, recorder)["snapshot_step"].values[0].tolist() == [[0, 4, -1, -1], [0, 4, 8, 8]]

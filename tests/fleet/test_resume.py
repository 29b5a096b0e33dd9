"""Interrupted and continued equals uninterrupted, bit for bit."""

import pytest
import torch
from fleet_example import known_recipes, small_task, spec

from imprint.fleet.resume import Checkpoint
from imprint.fleet.train import train

RECIPES = known_recipes()
SETTINGS, SEEDS = [{"lr": 0.01}, {"lr": 0.02}], [0, 1]


class Interrupted(Exception):
    pass


class Breaking(Checkpoint):
    """Writes at some step and then ends the process, as far as a test can."""

    def __init__(self, path, step, lag=0):
        super().__init__(path)
        self.step, self.lag, self.calls = step, lag, 0

    def maybe_write(self, fleet, recorder):
        self.calls += 1
        if fleet.step_count == self.step:
            self.write(fleet, recorder)
        if fleet.step_count == self.step + self.lag:
            raise Interrupted


def interrupted(path, task, plan, settings, step, lag=0):
    with pytest.raises(Interrupted):
        train(task, plan, settings, SEEDS, Breaking(path, step, lag))


def check_resumes(path, plan, settings=SETTINGS, step=7, lag=0, **options):
    expected = train(small_task(**options), plan, settings, SEEDS)
    interrupted(path, small_task(**options), plan, settings, step, lag)
    torch.manual_seed(123)
    counting = Breaking(path, step=-1)
    found = train(small_task(**options), plan, settings, SEEDS, counting)
    assert found.identical(expected)
    return counting.calls


@pytest.mark.slow
@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe(tmp_path, name):
    bias = RECIPES[name].get("sees") != "matrices" or "rest" in RECIPES[name]
    plan = spec(RECIPES[name], stop={"steps": 16}, evaluate_every=5, snapshots={"early": {"step": 3}})
    made = check_resumes(tmp_path / "fleet", plan, model={"bias": bias})
    assert made == 16 - 7, "what was done is not done again"


@pytest.mark.parametrize("update", ["torch.optim:Adagrad", "torch.optim:NAdam", "pytorch_optimizer:SOAP"])
def test_other_packages(tmp_path, update):
    check_resumes(tmp_path / "fleet", spec({"update": update}, stop={"steps": 16}))


@pytest.mark.parametrize("step", [1, 4, 5, 15])
def test_at_any_step_and_some_steps_after_the_last_write(tmp_path, step):
    plan = spec(RECIPES["adamw"], stop={"steps": 20}, evaluate_every=5)
    for lag in (0, 3):
        check_resumes(tmp_path / f"fleet_{lag}", plan, step=step, lag=lag)


@pytest.mark.parametrize("sees", ["elements", "network"])
def test_after_a_neighbour_has_diverged(tmp_path, sees):
    recipe = {"update": "torch.optim:Adam", "sees": sees}
    plan = spec(recipe, stop={"steps": 16}, evaluate_every=8)
    check_resumes(tmp_path / "fleet", plan, [{"lr": 0.01}, {"lr": 1e300}, {"lr": 0.02}])


def test_in_a_sequence_whose_replicas_are_at_different_tasks(tmp_path):
    stop = {"train_loss": 0.5, "at_most": {"epochs": 60}}
    plan = spec(RECIPES["momentum"], stop=stop, evaluate_every=2, snapshots={"low": {"train_loss": 0.6}})
    options = {"classes": 4, "stages": 2, "spread": 0.7}
    expected = train(small_task(**options), plan, [{"lr": 0.005}, {"lr": 0.1}], SEEDS)
    ends = expected["snapshot_step"].sel(snapshot="task_1").values
    step = int(ends.min() + ends.max()) // 2
    assert ends.min() < step < ends.max()
    check_resumes(tmp_path / "fleet", plan, [{"lr": 0.005}, {"lr": 0.1}], step, **options)


@pytest.mark.slow
def test_between_the_two_evaluations_at_which_a_condition_holds(tmp_path):
    stop = {"train_loss": 0.6, "at_most": {"steps": 200}}
    plan = spec(RECIPES["momentum"], stop=stop, evaluate_every=3, snapshots={"low": {"train_loss": 0.8}})
    expected = train(small_task(), plan, SETTINGS, SEEDS)
    for end in (expected["status_step"].values.min(), expected["snapshot_step"].sel(snapshot="low").values.max()):
        for step in range(end - 3, end):
            check_resumes(tmp_path / f"fleet_{step}", plan, step=int(step))


@pytest.mark.parametrize("name", ["adam", "muon", "gradient_limit"])
def test_a_fleet_that_had_finished_is_not_trained_again(tmp_path, name):
    # as when a search is interrupted while its second fleet trains
    plan = spec(RECIPES[name], stop={"steps": 6})
    expected = train(small_task(), plan, SETTINGS, SEEDS, Checkpoint(tmp_path / "fleet"))
    counting = Breaking(tmp_path / "fleet", step=-1)
    found = train(small_task(), plan, SETTINGS, SEEDS, counting)
    assert counting.calls == 0 and found.identical(expected)


def test_a_broken_file_is_as_none(tmp_path):
    plan = spec(RECIPES["adam"], stop={"steps": 6})
    expected = train(small_task(), plan, SETTINGS, SEEDS)
    interrupted(tmp_path / "fleet", small_task(), plan, SETTINGS, 3)
    content = (tmp_path / "fleet").read_bytes()
    for damaged in (content[: len(content) // 2], b"", b"something else"):
        (tmp_path / "fleet").write_bytes(damaged)
        assert train(small_task(), plan, SETTINGS, SEEDS, Checkpoint(tmp_path / "fleet")).identical(expected)


def test_how_often_it_is_written_changes_nothing(tmp_path):
    plan = spec(RECIPES["shampoo"], stop={"steps": 12})
    ends = [
        train(small_task(), plan, [{"lr": 0.001}], SEEDS, Checkpoint(tmp_path / str(seconds), seconds))
        for seconds in (0, 1000)
    ]
    assert ends[0].identical(ends[1]) and ends[0].identical(train(small_task(), plan, [{"lr": 0.001}], SEEDS))


def test_nothing_is_left_beside_the_file(tmp_path):
    train(
        small_task(),
        spec(RECIPES["sgd"], stop={"steps": 6}),
        SETTINGS,
        SEEDS,
        Checkpoint(tmp_path / "deep" / "fleet", 0),
    )
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["fleet"]


def test_what_is_kept_beside_the_weights(tmp_path):
    adam = known_recipes()["adam"]
    plan = spec(adam, keep=["optimizer_state", "update"], snapshots={"early": {"step": 4}}, evaluate_every=2)
    check_resumes(tmp_path / "fleet", plan)

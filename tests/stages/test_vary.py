"""The vary stage: what each choice trains, and that it is exactly what would have been trained alone."""

import numpy as np
import pytest
import xarray as xr
from fleet_example import small_task, spec, weights_of

from imprint import store
from imprint.fleet.train import train
from imprint.stages import vary as stage

SGD = {"update": "torch.optim:SGD", "sees": "elements"}
SEARCHED = {**SGD, "search": {"lr": [0.01, 1.0]}}
DECAYING = {**SEARCHED, "hyper": {"weight_decay": 0.3}}
RATES = [0.01, 0.1, 1.0]
ALL = ["above", "below", "default", "double_batch", "half_batch", "no_decay"]
SEEDS = [1000, 1001]
FLEET = {"stop": {"epochs": 2}, "snapshots": {"early": {"step": 3}}, "evaluate_every": 3}


def table(chosen):
    about = {"long_name": "for a test", "units": "1"}
    data = {"chosen": ("select", [chosen, 2], about), "hyper.lr": ("setting", RATES, about)}
    return xr.Dataset(data, coords={"select": ["best", "another"], "setting": range(3)})


def varied(bench, recipe, chosen=1, out=None, choices=ALL, **changes):
    fleet = {**FLEET, "seeds": SEEDS, "choices": choices, "rule": "best", **changes}
    inputs = {"data": bench.data()}
    if "search" in recipe:
        store.write(table(chosen), bench.path("select"), stage="select")
        inputs["select"] = bench.path("select")
    return bench.run("vary", bench.spec("vary", recipe, **fleet), out=out, **inputs)


def settings(found):
    """Return what was trained by choice: rate and examples per step."""
    pairs = zip(found["hyper.lr"].values.tolist(), found["hyper.batch_size"].values.tolist(), strict=True)
    trained = zip(found["role"].values.tolist(), pairs, strict=True)
    return {role: pair for roles, pair in trained for role in roles.split()}


def choices(recipe, chosen=1, batch=10, examples=60):
    fleet = {"recipe": recipe, "batch_size": batch, "rule": "best"}
    found = stage.choices(fleet, None if chosen is None else table(chosen), examples)
    return {name: (choice.setting["lr"], choice.batch_size) for name, choice in found.items()}


def test_what_each_choice_trains(bench):
    found = varied(bench, DECAYING)
    assert settings(found) == {
        "chosen": (0.1, 10),
        "below": (0.01, 10),
        "above": (1.0, 10),
        "default": (0.001, 10),
        "half_batch": (0.1, 5),
        "double_batch": (0.1, 20),
        "no_decay": (0.1, 10),
    }
    assert found["seed"].values.tolist() == SEEDS
    assert found["setting"].values.tolist() == list(range(7))


@pytest.mark.parametrize(
    ("choice", "recipe", "rate", "batch"),
    [
        ("chosen", DECAYING, 0.1, 10),
        ("above", DECAYING, 1.0, 10),
        ("default", DECAYING, 0.001, 10),
        ("half_batch", DECAYING, 0.1, 5),
        ("double_batch", DECAYING, 0.1, 20),
        ("no_decay", {**DECAYING, "hyper": {"weight_decay": 0.0}}, 0.1, 10),
    ],
)
def test_each_is_bit_for_bit_what_a_fleet_of_its_own_leaves(bench, choice, recipe, rate, batch):
    found = varied(bench, DECAYING)
    (place,) = [place for place, roles in enumerate(found["role"].values) if choice in roles.split()]
    fleet = stage.lasting({"batch_size": 10, **FLEET}, batch)
    alone = train(small_task(), spec(recipe, **fleet), [{"lr": rate}], SEEDS)
    for snapshot in ("init", "early", "final"):
        for seed in SEEDS:
            expected = weights_of(alone, 0, seed, snapshot)
            np.testing.assert_array_equal(weights_of(found, place, seed, snapshot), expected)
    at = np.isin(found["step"].values, alone["step"].values)
    np.testing.assert_array_equal(found["train_loss"].values[place][:, at], alone["train_loss"].values[0])
    assert np.isnan(found["train_loss"].values[place][:, ~at]).all()
    np.testing.assert_array_equal(found["snapshot_step"].values[place], alone["snapshot_step"].values[0])


def test_chosen_is_the_solution_of_the_train_stage(bench):
    found = varied(bench, SEARCHED)
    plan = bench.spec("train", SEARCHED, **FLEET, seeds=SEEDS)
    trained = bench.run("train", plan, data=bench.path("data"), select=bench.path("select"))
    (one,) = [place for place, role in enumerate(trained["role"].values) if role == "best"]
    (other,) = [place for place, role in enumerate(found["role"].values) if "chosen" in role.split()]
    for name in [name for name in trained.data_vars if str(name).startswith("weight.")]:
        np.testing.assert_array_equal(trained[name].values[one], found[name].values[other])


def test_epochs_stay_and_steps_change(bench):
    found = varied(bench, SEARCHED)
    last = dict(zip(found["role"].values.tolist(), found["status_step"].values[:, 0].tolist(), strict=True))
    assert (last["half_batch"], last["chosen"], last["double_batch"]) == (24, 12, 6)  # of 60 examples, twice


def test_only_what_is_asked_for(bench):
    assert set(settings(varied(bench, DECAYING, choices=["half_batch"]))) == {"chosen", "half_batch"}


@pytest.mark.parametrize(("chosen", "absent"), [(0, {"below"}), (1, set()), (2, {"above"})])
def test_the_grid_ends(chosen, absent):
    assert {"below", "above"} - set(choices(SEARCHED, chosen)) == absent


def test_no_decay_only_where_something_decays():
    assert "no_decay" in choices(DECAYING) and "no_decay" not in choices(SEARCHED)


def test_a_fixed_rate_has_no_neighbours_and_no_default():
    fixed = {**SGD, "hyper": {"lr": 0.25, "weight_decay": 0.1}}
    assert choices(fixed, chosen=None) == {
        "chosen": (0.25, 10),
        "half_batch": (0.25, 5),
        "double_batch": (0.25, 20),
        "no_decay": (0.25, 10),
    }


@pytest.mark.parametrize(
    ("batch", "examples", "expected"),
    [
        (None, 60, {}),
        (1, 60, {"double_batch": 2}),  # half of one is one
        (3, 60, {"half_batch": 2, "double_batch": 6}),
        (40, 60, {"half_batch": 20}),  # twice as many are not there
        (30, 60, {"half_batch": 15, "double_batch": 60}),
    ],
)
def test_batches_that_are_there(batch, examples, expected):
    found = choices(SEARCHED, batch=batch, examples=examples)
    assert {name: found[name][1] for name in stage.BATCHES if name in found} == expected


def test_the_smallest_task_of_a_sequence_limits_the_batch():
    assert stage.most_examples(small_task(stages=3)) == 20
    assert stage.most_examples(small_task(seeds=[1000, 1001])) == 60


def test_choices_that_come_to_the_same_are_trained_once(bench):
    adam = {"update": "torch.optim:Adam", "search": {"lr": [0.001, 0.1]}}
    select = table(0).assign({"hyper.lr": ("setting", [0.001, 0.01, 0.1], {"long_name": "x", "units": "1"})})
    store.write(select, bench.path("select"), stage="select")
    plan = bench.spec("vary", adam, **FLEET, seeds=SEEDS, choices=["above", "default"], rule="best")
    found = bench.run("vary", plan, data=bench.data(), select=bench.path("select"))
    assert found["role"].values.tolist() == ["chosen default", "above"]


def test_where_nothing_was_chosen_the_middle_is_for_the_record(bench):
    found = varied(bench, DECAYING, chosen=-1)
    assert found["role"].values.tolist() == [""] and found["hyper.lr"].values.tolist() == [0.1]


def test_an_interrupted_job_goes_on_and_leaves_nothing_behind(bench, monkeypatch):
    expected = varied(bench, SEARCHED)
    with monkeypatch.context() as patch:
        patch.setattr("imprint.stages.vary.joined", lambda parts: (_ for _ in ()).throw(KeyboardInterrupt()))
        with pytest.raises(KeyboardInterrupt):
            varied(bench, SEARCHED, out="stopped")
    resume = bench.folder.parents[1] / "resume" / "stopped"
    assert sorted(path.name for path in resume.iterdir()) == ["fleet_0", "fleet_1", "fleet_2"]
    found = varied(bench, SEARCHED, out="stopped")
    assert found.drop_attrs().equals(expected.drop_attrs())
    assert not resume.exists()


def test_full_batches_are_told_as_none(bench):
    found = varied(bench, SEARCHED, batch_size=None)
    assert np.isnan(found["hyper.batch_size"].values).all()
    assert set(settings(found)) == {"chosen", "below", "above", "default"}


def test_the_chosen_setting_is_that_of_the_rule_that_is_named_whatever_the_order():
    fleet = {"recipe": SEARCHED, "batch_size": 10, "rule": "best"}
    for places in ([0, 1], [1, 0]):
        assert stage.choices(fleet, table(0).isel(select=places), 60)["chosen"].setting == {"lr": RATES[0]}


def test_a_decay_that_is_searched_is_none_without_decay():
    recipe = {"update": "torch.optim:AdamW", "hyper": {"lr": 0.01}, "search": {"weight_decay": [0.1, 1.0]}}
    select = table(1).rename({"hyper.lr": "hyper.weight_decay"})
    found = stage.choices({"recipe": recipe, "batch_size": 10, "rule": "best"}, select, 60)
    assert found["chosen"].setting == {"weight_decay": RATES[1]} and found["no_decay"].setting == {"weight_decay": 0.0}


@pytest.mark.parametrize("size", [5, 10, 20])
def test_steps_and_passes_are_as_many_epochs_with_another_batch(size):
    spec = {
        "batch_size": 10,
        "stop": {"train_loss": 0.1, "at_most": {"steps": 40}},
        "snapshots": {"early": {"step": 8}, "paid": {"passes": 12.0}, "low": {"train_loss": 0.5}},
    }
    found = stage.lasting(spec, size)
    assert found["stop"] == {"train_loss": 0.1, "at_most": {"steps": 400 // size}}
    assert found["snapshots"] == {
        "early": {"step": 80 // size},
        "paid": {"passes": 120 / size},
        "low": {"train_loss": 0.5},
    }
    assert stage.lasting({**spec, "stop": {"epochs": 3}}, size)["stop"] == {"epochs": 3}

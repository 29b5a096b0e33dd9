"""A fleet of n is n fleets of one, bit for bit: for every entry of recipes.yaml, from birth."""

import numpy as np
import pytest
from fleet_example import fleet_of, known_recipes, small_task, spec, steps, weights_of

from imprint.fleet.executors import EXECUTORS
from imprint.fleet.recorder import TRACE
from imprint.fleet.train import train
from imprint.labels import STATUS

RECIPES = known_recipes()
SEEDS = [3, 8]
FEW, MANY = 30, 200


def ends(recipe):
    """Two settings inside the search space, or around a fixed rate."""
    if "search" in recipe:
        ((name, (low, high)),) = recipe["search"].items()
        return [{name: low * 3}, {name: high / 3}]
    return [{"lr": recipe["hyper"]["lr"]}, {"lr": recipe["hyper"]["lr"] / 2}]


def task_for(recipe):
    """A network without biases for an update that sees nothing but matrices."""
    return small_task({"bias": recipe.get("sees") != "matrices" or "rest" in recipe})


def plan_for(recipe, executor, count):
    snapshots = {"early": {"step": 1}}
    return spec(recipe, stop={"steps": count}, snapshots=snapshots, executor=executor, evaluate_every=count // 2)


def by_hand(recipe, setting, seed, executor, count):
    """A fleet of one, stepped without Lightning: weights at the snapshots, and its fleet."""
    fleet = fleet_of(task_for(recipe), recipe, [setting], [seed], executor=executor)
    kept = {"init": row_of(fleet), "early": row_of(steps(fleet, 1))}
    kept["final"] = row_of(steps(fleet, count - 1))
    return kept, fleet


def row_of(fleet):
    """Weights of a fleet of one as :func:`weights_of` gives them; NaN if it diverged."""
    if not len(fleet):
        return np.full(fleet.layout.columns, np.nan)
    values = fleet.layout.unflatten(fleet.flat[0])
    return np.concatenate([values[name].numpy().ravel() for name in sorted(values)])


def check_exact(recipe, executor, count=FEW):
    """Compare every replica's weights, and when it diverged, with those of its own fleet of one."""
    settings = ends(recipe)
    together = train(task_for(recipe), plan_for(recipe, executor, count), settings, SEEDS)
    assert (together["status"].values[0] == 0).all(), "choose a rate at which some replicas do not diverge"
    for place, setting in enumerate(settings):
        for seed in SEEDS:
            kept, fleet = by_hand(recipe, setting, seed, executor, count)
            own = together.isel(setting=place).sel(seed=seed)
            assert (own["status"].item() == STATUS["diverged"]) == (len(fleet) == 0)
            assert len(fleet) or own["status_step"].item() == fleet.status_step.item()
            for snapshot, weights in kept.items():
                np.testing.assert_array_equal(weights_of(together, place, seed, snapshot), weights, err_msg=snapshot)
            if len(fleet):
                assert own["path_length"].values[-1] == fleet.path_length.item()


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("name", RECIPES)
def test_a_fleet_is_its_replicas(name, executor):
    check_exact(RECIPES[name], executor)


@pytest.mark.slow
@pytest.mark.parametrize("name", RECIPES)
def test_a_fleet_is_its_replicas_for_long(name):
    check_exact(RECIPES[name], "stacked", MANY)


@pytest.mark.parametrize("executor", EXECUTORS)
def test_a_wrong_declaration_is_seen(executor):
    planted = {**RECIPES["gradient_limit"], "sees": "elements"}
    with pytest.raises(AssertionError, match="early"):
        check_exact(planted, executor)


@pytest.mark.parametrize("name", RECIPES)
def test_its_trace_is_theirs(name):
    recipe, settings = RECIPES[name], ends(RECIPES[name])
    plan = spec(recipe, stop={"steps": 12}, evaluate_every=4)
    together = train(task_for(recipe), plan, settings, SEEDS)
    for place, seed in ((0, SEEDS[1]), (1, SEEDS[0])):
        alone = train(task_for(recipe), plan, [settings[place]], [seed])
        rows = alone.sizes["evaluation"]  # a fleet ends with its last replica
        for key in TRACE:
            own = together[key].isel(setting=place).sel(seed=seed).values[:rows]
            np.testing.assert_array_equal(own, alone[key].values[0, 0], err_msg=key)


@pytest.mark.parametrize("name", RECIPES)
def test_the_same_seed_is_the_same_start_under_every_recipe(name):
    task = small_task({"bias": False})
    found = train(task, spec(RECIPES[name], stop={"steps": 1}), ends(RECIPES[name])[:1], SEEDS)
    plain = train(task, spec({"update": "torch.optim:SGD"}, stop={"steps": 1}), [{"lr": 1.0}], SEEDS)
    for seed in SEEDS:
        np.testing.assert_array_equal(weights_of(found, 0, seed, "init"), weights_of(plain, 0, seed, "init"))
        # and the first batch is the same: its loss is taken before the step
        np.testing.assert_array_equal(found["batch_loss"].sel(seed=seed), plain["batch_loss"].sel(seed=seed))


@pytest.mark.parametrize("name", RECIPES)
def test_a_neighbour_that_diverges_changes_nothing(name):
    recipe = RECIPES[name]
    setting = ends(recipe)[0]
    plan = spec(recipe, stop={"steps": 20}, evaluate_every=20)
    found = train(task_for(recipe), plan, [setting, {"lr": 1e300}, {"lr": setting["lr"] / 2}], [3])
    alone = train(task_for(recipe), plan, [setting, {"lr": setting["lr"] / 2}], [3])
    assert found["status"].values[:, 0].tolist() == [0, 1, 0]
    for place, other in ((0, 0), (2, 1)):
        np.testing.assert_array_equal(weights_of(found, place, 3), weights_of(alone, other, 3))


@pytest.mark.slow
@pytest.mark.parametrize("shape", [{"hidden": [33]}, {"hidden": [64, 64]}, {"hidden": []}], ids=str)
@pytest.mark.parametrize("name", ["adam", "momentum", "muon", "shampoo"])
def test_at_other_widths(name, shape):
    """Vector units and products by blocks treat the end of a row differently; many replicas meet every end."""
    recipe, seeds = RECIPES[name], [0, 1, 2, 3, 4]
    settings = [{"lr": ends(recipe)[0]["lr"] * factor} for factor in (1, 2, 3)]
    plan = spec(recipe, stop={"steps": 40}, batch_size=16, evaluate_every=20)
    together = train(small_task(shape, inputs=64, classes=10), plan, settings, seeds)
    for place, seed in ((0, 0), (1, 3), (2, 4)):
        alone = train(small_task(shape, inputs=64, classes=10), plan, [settings[place]], [seed])
        np.testing.assert_array_equal(weights_of(together, place, seed), weights_of(alone, 0, seed))

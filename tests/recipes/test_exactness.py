"""A fleet of n is n fleets of one, bit for bit: for every entry of recipes.yaml, from birth."""

import numpy as np
import pytest
from fleet_example import (
    each_recipe,
    fleet_of,
    inside,
    known_recipes,
    network,
    poke,
    small_task,
    spec,
    steps,
    suits,
    weights_of,
)

from imprint.fleet.oracle import EXECUTORS
from imprint.fleet.recorder import TRACE
from imprint.fleet.train import train
from imprint.labels import STATUS
from imprint.recipes.resolve import RecipeError

RECIPES = known_recipes()
SEEDS = [3, 8]
FEW = 30
LONG = 60  # longer than every period of a part, but for an average that drops its oldest member later


def long_run(recipe):
    """Steps until each part has done all that it ever does."""
    averaging = recipe.get("averaging", {})
    return max(LONG, averaging.get("every", 0) * (averaging.get("last", 0) + 1))


def plan_for(recipe, executor, count):
    snapshots = {"early": {"step": 1}}
    return spec(recipe, stop={"steps": count}, snapshots=snapshots, executor=executor, evaluate_every=count // 2)


def by_hand(recipe, setting, seed, executor, count, net):
    """A fleet of one, stepped without Lightning: weights at the snapshots, and its fleet."""
    fleet = fleet_of(network(recipe, net), recipe, [setting], [seed], executor=executor, stop={"steps": count})
    kept = {"init": row_of(fleet), "early": row_of(steps(fleet, 1))}
    kept["final"] = row_of(steps(fleet, count - 1))
    return kept, fleet


def row_of(fleet):
    """Weights of a fleet of one as :func:`weights_of` gives them; NaN if it diverged."""
    if not len(fleet):
        return np.full(fleet.layout.columns, np.nan)
    values = fleet.layout.unflatten(fleet.blocks[0].composition.delivered()[0])
    return np.concatenate([values[name].numpy().ravel() for name in sorted(values)])


def check_exact(recipe, executor, count=FEW, net="mlp"):
    """Compare every replica's weights, and when it diverged, with those of its own fleet of one."""
    settings = inside(recipe)
    together = train(network(recipe, net), plan_for(recipe, executor, count), settings, SEEDS)
    assert (together["status"].values[0] == 0).any(), "choose a rate at which some replicas do not diverge"
    for place, seed in ((0, SEEDS[1]), (1, SEEDS[0])):
        kept, fleet = by_hand(recipe, settings[place], seed, executor, count, net)
        own = together.isel(setting=place).sel(seed=seed)
        assert (own["status"].item() == STATUS["diverged"]) == (len(fleet) == 0)
        assert len(fleet) or own["status_step"].item() == fleet.status_step.item()
        for snapshot, weights in kept.items():
            np.testing.assert_array_equal(weights_of(together, place, seed, snapshot), weights, err_msg=snapshot)
        if len(fleet):
            assert own["path_length"].values[-1] == fleet.path_length.item()


@pytest.mark.parametrize("name", each_recipe())
def test_a_fleet_is_its_replicas(name):
    check_exact(RECIPES[name], "stacked")


@pytest.mark.slow
@pytest.mark.parametrize("name", RECIPES)
def test_a_fleet_is_its_replicas_in_the_loop(name):
    check_exact(RECIPES[name], "loop")


@pytest.mark.slow
@pytest.mark.parametrize("net", ["mlp", "convnet"])
@pytest.mark.parametrize("name", RECIPES)
def test_a_fleet_is_its_replicas_for_long(name, net):
    if suits(RECIPES[name], net):
        check_exact(RECIPES[name], "stacked", long_run(RECIPES[name]), net)
    else:
        with pytest.raises(RecipeError, match="sees matrices only, but 'convolutions.0.weight' has shape"):
            fleet_of(network(RECIPES[name], net), RECIPES[name])


@pytest.mark.parametrize("executor", EXECUTORS)
def test_a_wrong_declaration_is_seen(executor):
    """The norm over all stacked tensors instead of each replica's own: the planted error."""
    planted = {**RECIPES["gradient_limit"], "sees": "elements"}
    with pytest.raises(AssertionError, match="early"):
        check_exact(planted, executor)


@pytest.mark.slow
@pytest.mark.parametrize("name", RECIPES)
def test_its_trace_is_theirs(name):
    recipe, settings = RECIPES[name], inside(RECIPES[name])
    plan = spec(recipe, stop={"steps": 12}, evaluate_every=4)
    together = train(network(recipe), plan, settings, SEEDS)
    for place, seed in ((0, SEEDS[1]), (1, SEEDS[0])):
        alone = train(network(recipe), plan, [settings[place]], [seed])
        rows = alone.sizes["evaluation"]  # a fleet ends with its last replica
        for key in TRACE:
            own = together[key].isel(setting=place).sel(seed=seed).values[:rows]
            np.testing.assert_array_equal(own, alone[key].values[0, 0], err_msg=key)


ELSEWHERE = ("low_rank", "weight_noise")  # starts at the best approximation; takes its loss at moved weights


@pytest.mark.slow
@pytest.mark.parametrize("name", each_recipe(but=ELSEWHERE))
def test_the_same_seed_is_the_same_start_under_every_recipe(name):
    task = small_task({"bias": False})
    found = train(task, spec(RECIPES[name], stop={"steps": 1}), inside(RECIPES[name])[:1], SEEDS)
    plain = train(task, spec({"update": "torch.optim:SGD"}, stop={"steps": 1}), [{"lr": 1.0}], SEEDS)
    # a parametrization goes to its parameters and back: a few roundings; all others are the same to the bit
    tolerance = 1e-14 if "parametrization" in RECIPES[name] else 0
    for seed in SEEDS:
        start, other = weights_of(found, 0, seed, "init"), weights_of(plain, 0, seed, "init")
        np.testing.assert_allclose(start, other, rtol=0, atol=tolerance)
        # and the first batch is the same: its loss is taken before the step
        first, second = found["batch_loss"].sel(seed=seed), plain["batch_loss"].sel(seed=seed)
        np.testing.assert_allclose(first, second, rtol=0, atol=tolerance)


@pytest.mark.slow
@pytest.mark.parametrize("name", each_recipe())
def test_a_neighbour_that_diverges_changes_nothing(name):
    recipe = RECIPES[name]
    settings = inside(recipe)
    whole, broken = (fleet_of(network(recipe), recipe, settings, SEEDS, stop={"steps": 16}) for _ in range(2))
    steps(whole, 16)
    steps(broken, 6)
    poke(broken, 1, 0, np.nan)
    steps(broken, 10)
    assert (broken.status[1], broken.status_step[1]) == (STATUS["diverged"], 6)
    rows = [place for place, number in enumerate(whole.ids.tolist()) if number != 1]
    np.testing.assert_array_equal(broken.flat, whole.flat[rows])


@pytest.mark.slow
@pytest.mark.parametrize("shape", [{"hidden": [33]}, {"hidden": [64, 64]}, {"hidden": []}], ids=str)
@pytest.mark.parametrize("name", ["adam", "momentum", "muon", "shampoo"])
def test_at_other_widths(name, shape):
    """Vector units and products by blocks treat the end of a row differently; many replicas meet every end."""
    recipe, seeds = RECIPES[name], [0, 1, 2, 3, 4]
    settings = [{"lr": inside(recipe)[0]["lr"] * factor} for factor in (1, 2, 3)]
    plan = spec(recipe, stop={"steps": 40}, batch_size=16, evaluate_every=20)
    together = train(small_task(shape, inputs=64, classes=10), plan, settings, seeds)
    for place, seed in ((0, 0), (1, 3), (2, 4)):
        alone = train(small_task(shape, inputs=64, classes=10), plan, [settings[place]], [seed])
        np.testing.assert_array_equal(weights_of(together, place, seed), weights_of(alone, 0, seed))

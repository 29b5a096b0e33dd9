"""What every entry of recipes.yaml must do, from birth."""

import numpy as np
import pytest
import torch
from fleet_example import each_recipe, fleet_of, inside, known_recipes, network, spec, steps

from imprint.fleet.train import train

RECIPES = known_recipes()


def middle(recipe):
    """The geometric middle of the search space, or the fixed rate."""
    if "search" in recipe:
        ((name, (low, high)),) = recipe["search"].items()
        return {name: (low * high) ** 0.5}
    return {"lr": recipe["hyper"]["lr"]}


def passes_per_step(recipe, columns, steps):
    """What each part's method costs, added up by hand."""
    kind = {key: recipe.get(key) or {} for key in ("gradient", "perturbation")}
    one = {
        "zeroth_order_coordinates": lambda o: (1 + 2 * min(o.get("coordinates") or columns, columns)) / 3,
        "zeroth_order_direction": lambda o: (1 + 2 * o.get("directions", 1)) / 3,
        "evolution_strategies": lambda o: (1 + o["population"]) / 3,
    }.get(kind["gradient"].get("name"), lambda o: 1.0)(kind["gradient"])
    ascent = kind["perturbation"].get("name") in ("sam", "asam", "adversarial")
    period = {"SophiaH": 10, "AdaHessian": 1}.get(recipe["update"].rpartition(":")[2])
    period = recipe.get("hyper", {}).get("update_period", period)
    curvature = 2 * -(-steps // period) / steps if period else 0
    # K-FAC's own pass through the model, whenever it takes its factors
    inside = -(-steps // recipe["hyper"]["T"]) / steps if recipe["update"] == "kfac" else 0
    return one * (2 if ascent else 1) + curvature + inside


@pytest.mark.parametrize("name", each_recipe())
def test_passes_per_step_are_what_the_method_says(name):
    recipe = RECIPES[name]
    fleet = steps(fleet_of(network(recipe), recipe, [middle(recipe)], [0]), 20)
    assert len(fleet)
    found = fleet.passes.item() / 20
    if recipe["update"] == "torch.optim:LBFGS":
        # a line search evaluates as often as it needs, the first time for nothing
        assert 1 < found <= 25 * recipe["hyper"]["max_iter"]
    else:
        assert found == pytest.approx(passes_per_step(recipe, fleet.layout.columns, 20), rel=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("name", RECIPES)
def test_loss_falls_on_a_small_task(name):
    """At some setting of the space to less than .8 of where it began; at a fixed rate, at all."""
    recipe = RECIPES[name]
    settings = [*inside(recipe), middle(recipe)] if "search" in recipe else [middle(recipe)]
    plan = spec(recipe, stop={"steps": 150}, batch_size=20, evaluate_every=150)
    loss = train(network(recipe), plan, settings, [0, 1])["train_loss"].values
    ratio = loss[:, :, -1] / loss[:, :, 0]
    assert (np.nanmin(ratio, 0) < (0.8 if "search" in recipe else 0.999)).all(), ratio


@pytest.mark.parametrize("name", [name for name in RECIPES if "search" in RECIPES[name]])
def test_what_is_searched_changes_the_trajectory(name):
    recipe = RECIPES[name]
    ((key, (low, high)),) = recipe["search"].items()
    values = np.geomspace(low, high, 4).tolist()
    fleet = steps(fleet_of(network(recipe), recipe, [{key: value} for value in values], [0], block=8), 3)
    rows = list(fleet.flat)
    for number, row in enumerate(rows):
        assert all(not torch.equal(row, other) for other in rows[number + 1 :])


@pytest.mark.slow
@pytest.mark.parametrize("name", RECIPES)
def test_same_seed_same_arrays(name):
    recipe = RECIPES[name]
    plan = spec(recipe, stop={"steps": 8}, evaluate_every=4)
    torch.manual_seed(1)
    one = train(network(recipe), plan, inside(recipe), [0, 1])
    torch.manual_seed(2)
    assert one.identical(train(network(recipe), plan, inside(recipe), [0, 1]))

"""Units that are dead by construction."""

import numpy as np
import pytest
import torch

from imprint.probes.representation import dead_units
from imprint.solution import Solution


def planted(solution, layer, units, cell, snapshot, bias=-1e6):
    """The solution with units of a layer that no example of a few hundred numbers of size 10 can wake."""
    data = solution.data.copy(deep=True)
    values = data[f"weight.layers.{layer}.bias"]
    values.loc[{**cell, "snapshot": snapshot}] = torch.zeros(values.shape[-1]).numpy()
    for unit in units:
        values.loc[{**cell, "snapshot": snapshot, f"layers.{layer}.bias_0": unit}] = bias
    return Solution(data)


@pytest.mark.parametrize("units", [[], [0], [1, 4], [0, 1, 2, 3, 4, 5]])
def test_planted_dead_units_are_counted(fleet, units):
    solution, task = fleet()
    cell = {"setting": 1, "seed": 7}
    weights = {name: torch.as_tensor(solution.values(name, "final")[1, 2]) for name in solution.parameters}
    weights["layers.0.bias"] = torch.zeros_like(weights["layers.0.bias"])
    weights["layers.0.bias"][units] = -1e6
    alive = torch.relu(torch.nn.functional.linear(task.split("test")[0], *list(weights.values())[:2])).amax(0) > 0
    assert alive.sum() == 6 - len(units)  # no other is dead, so that the count below is that of the planted ones
    found = dead_units.measure(planted(solution, 0, units, cell, "final"), task).sel(snapshot="final", **cell)
    assert found["fraction"].sel(layer="hidden_1").item() == len(units) / 6
    if len(units) == 6:  # then the second layer is constant, and dead where its bias is not positive
        constant = (weights["layers.1.bias"] <= 0).double().mean().item()
        assert found["fraction"].sel(layer="hidden_2").item() == constant


def test_overall_counts_units_not_layers(fleet):
    solution, task = fleet()
    found = dead_units.measure(solution, task)
    sizes = np.array([6, 5])
    expected = (found["fraction"] * sizes).sum("layer") / sizes.sum()
    np.testing.assert_allclose(found["overall"], expected, rtol=1e-15)
    np.testing.assert_array_equal(found["overall"], found["current"])  # one task


def test_units_without_an_off_state_are_never_dead(fleet):
    solution, task = fleet(model={"name": "mlp", "hidden": [6, 5], "activation": "tanh"})
    assert (
        dead_units.measure(planted(solution, 0, [2], {"setting": 0, "seed": 3}, "final"), task)["overall"] == 0
    ).all()


def test_current_is_about_the_task_just_learned(fleet):
    """A unit that answers the images of one pair of classes only is dead for the others."""
    solution, task = fleet("split_classes")
    x, _ = task.split("test")
    own = task.stage_of("test") == 1
    data = solution.data.copy(deep=True)
    weight, bias = data["weight.layers.0.weight"], data["weight.layers.0.bias"]
    cell = {"setting": 0, "seed": 0}
    outside, inside = x[~own], x[own]
    direction = inside[0] - outside.mean(0)
    level = (outside @ direction).amax()
    picked = (inside @ direction > level).any()
    assert picked  # so that the unit is awake in its task
    for snapshot in ("task_1", "task_2", "task_3"):
        weight.loc[{**cell, "snapshot": snapshot}] = direction.numpy()
        bias.loc[{**cell, "snapshot": snapshot}] = -level.item()
    weights = {"layers.1.weight": 0.0, "layers.1.bias": 1.0}  # the second layer is awake, whatever the first says
    for name, value in weights.items():
        data[f"weight.{name}"].loc[cell] = value
    found = dead_units.measure(Solution(data), task).sel(cell)
    np.testing.assert_array_equal(found["current"].sel(snapshot=["task_1", "task_2", "task_3"]), [6 / 11, 0, 6 / 11])
    assert found["overall"].sel(snapshot="task_1").item() == 0


def test_a_model_without_hidden_layers_is_refused(fleet):
    solution, task = fleet(model={"name": "mlp", "hidden": []})
    with pytest.raises(ValueError, match="shows no hidden activations"):
        dead_units.measure(solution, task)

"""What snapshots hold beside the weights: the last update and the optimizer's state."""

import numpy as np
import pytest
from fleet_example import known_recipes, small_task, spec

from imprint.fleet.train import train
from imprint.recipes.resolve import RecipeError

SETTINGS = [{"lr": 0.01}, {"lr": 0.003}]
ADAM = {"update": "torch.optim:Adam", "sees": "elements", "search": {"lr": [1e-4, 0.1]}}
BOTH = ["optimizer_state", "update"]
SNAPSHOTS = {"early": {"step": 4}, "low": {"train_loss": 0.9}}


def solution(recipe, **changes):
    plan = spec(recipe, keep=BOTH, snapshots=SNAPSHOTS, evaluate_every=2, **changes)
    return train(small_task(), plan, SETTINGS, [0, 1, 2])


def check_adam(data, rate):
    """W_t - W_{t-1} = -lr m_t / (1 - b1^t) / (sqrt(v_t / (1 - b2^t)) + eps) at every snapshot after the first."""
    step = data["snapshot_step"].values.astype(float)
    for name in [str(name).removeprefix("update.") for name in data if str(name).startswith("update.")]:
        update = data[f"update.{name}"].values
        axes = (...,) + (None,) * (update.ndim - 3)
        t = np.where(step > 0, step, np.nan)[axes]
        first, second = (data[f"state.{key}.{name}"].values for key in ("exp_avg", "exp_avg_sq"))
        lr = np.asarray(rate)[(slice(None),) + (None,) * (update.ndim - 1)]
        expected = -lr * (first / (1 - 0.9**t)) / (np.sqrt(second / (1 - 0.999**t)) + 1e-8)
        taken = np.isfinite(expected)
        assert taken.any() and (np.isfinite(update) >= taken).all()
        # float64, numbers of the size of the rate
        np.testing.assert_allclose(update[taken], expected[taken], rtol=1e-9, atol=1e-16)


@pytest.mark.parametrize("sees", ["elements", "network"])
def test_adams_state_explains_its_update(sees):
    data = solution({**ADAM, "sees": sees})
    check_adam(data, [0.01, 0.003])
    at = data["snapshot_step"].sel(snapshot="early")
    assert (at == 4).all()


def test_at_the_start_there_is_no_state_and_no_update():
    data = solution(ADAM).sel(snapshot="init")
    assert not np.nan_to_num(data["update.layers.0.weight"].values).any()
    assert np.isnan(data["state.exp_avg.layers.0.weight"].values).all()


def test_parts_that_keep_other_things():
    data = solution(known_recipes()["muon"])
    momentum = {str(name) for name in data if str(name).startswith("state.")}
    matrix, bias = data["state.momentum.layers.1.weight"], data["state.exp_avg_sq.layers.1.bias"]
    assert np.isfinite(matrix.sel(snapshot="final")).all() and np.isfinite(bias.sel(snapshot="final")).all()
    assert np.isnan(data["state.momentum.layers.1.bias"]).all()
    assert {"state.momentum.layers.0.weight", "state.exp_avg.layers.0.bias"} <= momentum


def test_a_recipe_without_state_keeps_its_update_alone():
    data = solution({"update": "torch.optim:SGD", "sees": "elements"})
    assert not [name for name in data if str(name).startswith("state.")]
    assert data["update.layers.0.weight"].sel(snapshot="final").any()


def test_nothing_is_kept_unless_asked_for():
    data = train(small_task(), spec(ADAM, snapshots=SNAPSHOTS), SETTINGS, [0])
    assert not [name for name in data if str(name).startswith(("state.", "update."))]


def test_the_state_of_a_parametrization_is_refused():
    recipe = {**ADAM, "parametrization": {"name": "weight_norm"}}
    with pytest.raises(RecipeError, match="leave optimizer_state out of keep"):
        solution(recipe)

"""A fleet's solution: labels, blocks of seeds, and the store's own check."""

import numpy as np
import torch
from fleet_example import small_task, spec, weights_of

from imprint import store
from imprint.fleet.train import train

ADAM = {"update": "torch.optim:Adam", "hyper": {"betas": [0.9, 0.99]}}
SETTINGS = [{"lr": 0.01}, {"lr": 0.1}]


def test_dims_and_labels():
    found = train(small_task(), spec(ADAM), SETTINGS, [5, 2, 9])
    store.check(found)
    assert found["seed"].values.tolist() == [5, 2, 9] and found["setting"].values.tolist() == [0, 1]
    assert found["hyper.lr"].values.tolist() == [0.01, 0.1]
    assert found["weight.layers.0.weight"].dims == (
        "setting", "seed", "snapshot", "layers.0.weight_0", "layers.0.weight_1",
    )  # fmt: skip
    assert found["weight.layers.0.weight"].shape == (2, 3, 2, 7, 6)
    assert found["status"].attrs["flag_meanings"] == "finished; diverged; condition not reached"
    assert found["learned"].dims == ("setting", "seed", "stage_learned") and found.sizes["stage_learned"] == 1


def test_a_solution_survives_the_store(tmp_path):
    found = train(small_task(), spec(ADAM), SETTINGS, [0])
    store.write(found, tmp_path / "fleet.zarr.zip")
    again = store.read(tmp_path / "fleet.zarr.zip")
    assert again.drop_attrs().equals(found.drop_attrs())


def test_blocks_of_seeds_and_of_settings_are_the_same_runs():
    whole = train(small_task(), spec(ADAM), SETTINGS, [0, 1, 2])
    first, second = train(small_task(), spec(ADAM), SETTINGS, [0]), train(small_task(), spec(ADAM), SETTINGS, [2, 1])
    other = train(small_task(), spec(ADAM), SETTINGS[::-1], [1])
    for setting in (0, 1):
        assert (weights_of(whole, setting, 0) == weights_of(first, setting, 0)).all()
        assert (weights_of(whole, setting, 1) == weights_of(second, setting, 1)).all()
        assert (weights_of(whole, setting, 2) == weights_of(second, setting, 2)).all()
        assert (weights_of(whole, setting, 1) == weights_of(other, 1 - setting, 1)).all()


def test_the_same_twice():
    one, two = (train(small_task(), spec(ADAM), SETTINGS, [0, 1]) for _ in range(2))
    assert one.identical(two)


def test_in_float32_fleets_of_one_agree_to_rounding():
    plan = spec({"update": "torch.optim:SGD", "sees": "elements"}, stop={"steps": 50})
    together = train(small_task(precision="float32"), plan, SETTINGS, [0, 1])
    assert together["weight.layers.0.weight"].dtype == np.float32
    for setting in (0, 1):
        alone = train(small_task(precision="float32"), plan, [SETTINGS[setting]], [1])
        # fifty steps of descent that does not amplify: a rounding of weights near 1 per step
        np.testing.assert_allclose(
            weights_of(together, setting, 1), weights_of(alone, 0, 1), atol=50 * torch.finfo(torch.float32).eps
        )


def test_an_order_is_the_same_for_every_seed():
    shared = train(small_task(), spec(ADAM, order=9), SETTINGS, [0, 9])
    own, one = (
        train(small_task(), spec(ADAM), SETTINGS, [0, 9]),
        train(small_task(), spec(ADAM, order=9), SETTINGS, [0]),
    )
    for setting in (0, 1):
        assert (weights_of(shared, setting, 9) == weights_of(own, setting, 9)).all()
        assert not (weights_of(shared, setting, 0) == weights_of(own, setting, 0)).all()
        assert (weights_of(shared, setting, 0) == weights_of(one, setting, 0)).all()
        assert (weights_of(shared, setting, 0, "init") == weights_of(own, setting, 0, "init")).all()

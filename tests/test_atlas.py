"""Measurements gathered under their labels, on small datasets whose every value says where it belongs."""

import itertools

import numpy as np
import pytest
import xarray as xr

from imprint import atlas
from imprint.atlas import Piece, by_role, gather, merge_searches, searched, trace, training

NAN = np.nan
ABOUT = {"long_name": "loss", "units": "1", "source": "here", "prefer": "low"}


def value(recipe, stop, setting, seed, snapshot):
    """A number that says where it belongs."""
    return 10000.0 * recipe + 1000 * stop + 100 * setting + 10 * seed + snapshot


def piece(recipe, stop, roles, seeds, snapshots=("init", "final"), recipes=("sgd", "adam", "plain")):
    """A probe's result on one fleet; the place of each label is its number."""
    grid = itertools.product(range(len(roles)), seeds, range(len(snapshots)))
    number = (recipes.index(recipe), ["steps", "loss"].index(stop))
    values = np.array([value(*number, *place) for place in grid]).reshape(len(roles), len(seeds), len(snapshots))
    data = xr.Dataset(
        {
            "loss": (("setting", "seed", "snapshot"), values, ABOUT),
            "hyper.lr": ("setting", 0.1 * (1.0 + np.arange(len(roles))), {"long_name": "lr", "units": "1"}),
            "role": ("setting", np.array(roles, dtype=str)),
        },
        {"setting": range(len(roles)), "seed": list(seeds), "snapshot": list(snapshots)},
    )
    return Piece(stop, recipe, data)


def put(pieces, selects=("best", "matched"), recipes=("sgd", "adam", "plain"), stops=("steps", "loss")):
    return gather(pieces, list(selects), list(recipes), list(stops))


# -------------------------------------------------------------------- by role


def test_by_role():
    picked = by_role(piece("sgd", "steps", ["matched", "", "best"], [0, 1]).data)
    assert picked["loss"].dims == ("select", "seed", "snapshot")
    assert picked["select"].values.tolist() == ["matched", "best"]
    assert "role" not in picked and "setting" not in picked.coords
    assert picked["loss"].sel(select="best", seed=1, snapshot="final") == value(0, 0, 2, 1, 1)
    assert picked["hyper.lr"].sel(select="best") == pytest.approx(0.3, rel=1e-15)


def test_one_setting_with_two_roles_stands_under_both():
    picked = by_role(piece("sgd", "steps", ["best matched"], [0]).data)
    assert picked["select"].values.tolist() == ["best", "matched"]
    np.testing.assert_array_equal(picked["loss"].sel(select="best"), picked["loss"].sel(select="matched"))


def test_a_setting_that_no_rule_chose_is_nowhere():
    assert by_role(piece("sgd", "steps", [""], [0]).data).sizes["select"] == 0


# --------------------------------------------------------------------- gather


def test_every_value_is_under_its_labels():
    pieces = [
        piece(recipe, stop, ["best", "matched"], seeds)
        for recipe, stop, seeds in itertools.product(("adam", "sgd"), ("loss", "steps"), ([2, 3], [0]))
    ]
    data = put(pieces, recipes=("sgd", "adam"))
    assert data["loss"].dims == ("stop", "select", "recipe", "seed", "snapshot")
    assert data["hyper.lr"].dims == ("stop", "select", "recipe")
    coords = {dim: data[dim].values.tolist() for dim in data["loss"].dims}
    assert coords == {
        "stop": ["steps", "loss"],
        "select": ["best", "matched"],
        "recipe": ["sgd", "adam"],
        "seed": [0, 2, 3],
        "snapshot": ["init", "final"],
    }
    for place in itertools.product(*coords.values()):
        stop, select, recipe, seed, snapshot = (
            coords[dim].index(label) for dim, label in zip(coords, place, strict=True)
        )
        expected = value(recipe, stop, select, coords["seed"][seed], snapshot)
        assert data["loss"].sel(dict(zip(coords, place, strict=True))).item() == expected
    assert data["loss"].attrs == ABOUT


def test_the_order_of_pieces_does_not_matter():
    pieces = [piece(recipe, "steps", ["best"], [seed]) for recipe in ("sgd", "adam") for seed in (0, 1, 2)]
    xr.testing.assert_identical(put(pieces), put(pieces[::-1]))


def test_blocks_of_seeds_change_nothing():
    def blocks(*seeds):
        return put([piece("sgd", "steps", ["best", "matched"], block) for block in seeds])

    xr.testing.assert_identical(blocks([0, 1, 2, 3]), blocks([3], [1, 2], [0]))


def test_roles_may_be_at_other_settings_in_each_recipe():
    data = put([piece("sgd", "steps", ["matched", "best"], [0]), piece("adam", "steps", ["best matched"], [0])])
    final = data["loss"].sel(stop="steps", seed=0, snapshot="final")
    assert final.sel(recipe="sgd", select="best") == value(0, 0, 1, 0, 1)
    assert final.sel(recipe="sgd", select="matched") == value(0, 0, 0, 0, 1)
    assert final.sel(recipe="adam", select="best") == final.sel(recipe="adam", select="matched") == value(1, 0, 0, 0, 1)


def test_a_role_that_one_recipe_lacks_is_nan_there_alone():
    data = put([piece("sgd", "steps", ["best", "matched"], [0, 1]), piece("adam", "steps", ["best"], [0, 1])])
    known = data["loss"].notnull().all(("seed", "snapshot")).sel(stop="steps")
    assert known.sel(recipe="adam").values.tolist() == [True, False]
    assert known.sel(recipe="sgd").values.tolist() == [True, True]
    assert not data["loss"].sel(recipe="plain").notnull().any()
    assert not data["loss"].sel(stop="loss").notnull().any()


def test_a_recipe_without_search_stands_under_fixed():
    data = put([piece("plain", "steps", ["fixed"], [0]), piece("sgd", "steps", ["best"], [0])])
    assert data["select"].values.tolist() == ["best", "fixed"]
    known = data["loss"].sel(stop="steps", seed=0, snapshot="final").notnull()
    assert known.sel(recipe="plain").values.tolist() == [False, True]
    assert known.sel(recipe="sgd").values.tolist() == [True, False]


def test_without_any_search_there_is_only_fixed():
    data = put([piece("plain", "steps", ["fixed"], [0])], selects=())
    assert data["select"].values.tolist() == ["fixed"]


def test_a_recipe_whose_search_met_no_rule_is_nan():
    data = put([piece("sgd", "steps", [""], [0]), piece("adam", "steps", ["best"], [0])])
    assert not data["loss"].sel(recipe="sgd").notnull().any()
    assert data["loss"].sel(recipe="adam", stop="steps").notnull().all()


def test_a_block_that_is_absent_is_nan():
    data = put([piece("sgd", "steps", ["best"], [0, 1]), piece("adam", "steps", ["best"], [1])])
    known = data["loss"].notnull().all("snapshot").sel(stop="steps", select="best")
    assert known.sel(recipe="adam").values.tolist() == [False, True]


def test_snapshots_go_from_init_to_final():
    pieces = [
        piece("sgd", "steps", ["best"], [0], ["final", "task_1", "init", "task_2"]),
        piece("adam", "steps", ["best"], [0], ["init", "early", "final"]),
    ]
    data = put(pieces)
    assert data["snapshot"].values.tolist() == ["init", "task_1", "task_2", "early", "final"]
    assert data["loss"].sel(recipe="sgd", stop="steps", select="best", seed=0, snapshot="task_1") == value(
        0, 0, 0, 0, 1
    )
    assert np.isnan(data["loss"].sel(recipe="sgd", stop="steps", select="best", seed=0, snapshot="early"))


def test_a_further_dimension_is_a_union_of_labels():
    def layered(recipe, layers):
        made = piece(recipe, "steps", ["best"], [0])
        rank = np.arange(float(len(layers)))[None, None, None] + np.zeros((1, 1, 2, 1))
        data = made.data.assign(rank=(("setting", "seed", "snapshot", "layer"), rank, ABOUT)).assign_coords(
            layer=layers
        )
        return Piece("steps", recipe, data)

    data = put([layered("sgd", ["a", "b"]), layered("adam", ["b", "c", "a"])], recipes=("sgd", "adam"))
    assert data["rank"].dims == ("stop", "select", "recipe", "seed", "snapshot", "layer")
    rank = data["rank"].sel(stop="steps", select="best", seed=0, snapshot="final")
    assert rank["layer"].values.tolist() == ["a", "b", "c"]
    np.testing.assert_array_equal(rank.sel(recipe="sgd"), [0.0, 1.0, NAN])
    np.testing.assert_array_equal(rank.sel(recipe="adam"), [2.0, 0.0, 1.0])


def test_dims_of_a_piece_may_be_in_any_order():
    straight = piece("sgd", "steps", ["best", "matched"], [0, 1, 2])
    turned = Piece("steps", "sgd", straight.data.transpose("snapshot", "seed", "setting"))
    wanted = put([straight])["loss"]
    xr.testing.assert_equal(put([turned])["loss"].transpose(*wanted.dims), wanted)


def test_gathering_leaves_the_pieces_and_lists_as_they_were():
    made = piece("sgd", "steps", ["best"], [0])
    before, stops, recipes = made.data.copy(deep=True), ["steps", "loss"], ["sgd", "adam"]
    gather([made], ["best"], recipes, stops)
    xr.testing.assert_identical(made.data, before)
    assert (stops, recipes) == (["steps", "loss"], ["sgd", "adam"])


# ------------------------------------------------------------------- training


@pytest.fixture
def solution():
    """Two settings, two seeds, evaluated at steps 0, 5 and 10; one replica diverged at step 7."""
    shape = (2, 2, 3)
    loss = np.arange(12.0).reshape(shape)
    loss[1, 1, 2] = NAN
    names = ("train_loss", "validation_loss", "validation_accuracy", "path_length", "passes")
    curves = {
        name: (("setting", "seed", "evaluation"), loss + 100 * place, {"long_name": name, "units": "1"})
        for place, name in enumerate(names)
    }
    taken = np.array([[[0, 5, 10], [0, 10, 10]], [[0, 5, 10], [0, -1, -1]]])
    return xr.Dataset(
        {
            **curves,
            "snapshot_step": (("setting", "seed", "snapshot"), taken, {"long_name": "step", "units": "step"}),
            "status": (("setting", "seed"), [[0, 0], [0, 1]], {"long_name": "status", "units": "1"}),
            "status_step": (("setting", "seed"), [[10, 10], [10, 7]], {"long_name": "step", "units": "step"}),
            "hyper.lr": ("setting", [0.1, 1.0], {"long_name": "lr", "units": "1"}),
            "weight.a": (("setting", "seed", "snapshot"), np.zeros((2, 2, 3))),
            "role": ("setting", ["best", "matched"]),
        },
        {"setting": [0, 1], "seed": [3, 4], "snapshot": ["init", "early", "final"], "step": ("evaluation", [0, 5, 10])},
    )


def test_training_reads_the_trace_at_each_snapshot(solution):
    data = training(solution)
    np.testing.assert_array_equal(data["train_loss"].sel(setting=0, seed=3), [0.0, 1.0, 2.0])
    np.testing.assert_array_equal(data["train_loss"].sel(setting=0, seed=4), [3.0, 5.0, 5.0])
    # a snapshot that was never taken has no value
    np.testing.assert_array_equal(data["train_loss"].sel(setting=1, seed=4), [9.0, NAN, NAN])
    np.testing.assert_array_equal(data["passes"], data["train_loss"] + 400)
    assert set(data["train_loss"].dims) == {"setting", "seed", "snapshot"}
    assert data["status"].values.tolist() == [[0, 0], [0, 1]]
    assert data["hyper.lr"].values.tolist() == [0.1, 1.0]
    assert "weight.a" not in data
    assert data["train_loss"].attrs["long_name"] == "train_loss"
    assert all({"source", "prefer"} <= set(data[name].attrs) for name in data.data_vars)


def test_training_is_gathered(solution):
    data = put([Piece("steps", "sgd", training(solution))])
    assert data["status"].dims == ("stop", "select", "recipe", "seed")
    assert data["status"].sel(stop="steps", recipe="sgd", select="matched", seed=4) == 1.0
    assert data["train_loss"].sel(stop="steps", recipe="sgd", select="best", seed=4, snapshot="early") == 5.0


def test_trace_is_over_steps(solution):
    data = trace(solution)
    assert data["train_loss"].dims == ("setting", "seed", "step")
    assert data["step"].values.tolist() == [0, 5, 10]
    np.testing.assert_array_equal(data["train_loss"], solution["train_loss"])
    assert "snapshot" not in data.coords


def test_traces_of_other_length_are_padded(solution):
    long = solution.assign_coords(step=("evaluation", [0, 10, 20]))
    data = put([Piece("steps", "sgd", trace(solution)), Piece("steps", "adam", trace(long))])
    assert data["step"].values.tolist() == [0, 5, 10, 20]
    curve = data["train_loss"].sel(stop="steps", select="best", seed=3)
    np.testing.assert_array_equal(curve.sel(recipe="sgd"), [0.0, 1.0, 2.0, NAN])
    np.testing.assert_array_equal(curve.sel(recipe="adam"), [0.0, NAN, 1.0, 2.0])


# --------------------------------------------------------------------- search


def fleet(settings, seeds=(1000, 1001), diverged=()):
    """A search of so many settings; accuracy and loss say setting and seed."""
    shape = (settings, len(seeds))
    number = 10.0 * np.arange(settings)[:, None] + np.arange(len(seeds))
    status = np.zeros(shape, int)
    for place in diverged:
        status[place] = 1
    loss = np.stack([number + 100, number, np.full(shape, NAN)], -1)
    loss[0, 0, 2] = 77.0
    return xr.Dataset(
        {
            "learned": (("setting", "seed", "stage_learned"), np.stack([number - 1, number + 1], -1)),
            "retained": (("setting", "seed", "stage_learned"), np.stack([number / 2, number], -1)),
            "validation_loss": (("setting", "seed", "evaluation"), loss),
            "status": (("setting", "seed"), status),
            "hyper.lr": ("setting", np.geomspace(0.1, 1.0, settings)),
        },
        {"setting": range(settings), "seed": list(seeds), "step": ("evaluation", [0, 5, 10])},
    )


def choice(settings, chosen, edge):
    names = ["best", "matched"]
    return xr.Dataset(
        {
            "chosen": ("select", chosen, {"long_name": "chosen", "units": "1"}),
            "at_edge": ("select", edge, {"long_name": "edge", "units": "1"}),
            "hyper.lr": ("setting", np.zeros(settings)),
        },
        {"select": names, "setting": range(settings)},
    )


def test_searched():
    data = searched(fleet(3, diverged=[(2, 1)]), choice(3, [0, -1], [1, 0]))
    np.testing.assert_array_equal(data["learning_accuracy"], [[0, 1], [10, 11], [20, NAN]])
    # of the first task, since nothing comes after the last
    np.testing.assert_array_equal(data["forgetting"], [[-1, -0.5], [4, 4.5], [9, NAN]])
    # the last known loss: one replica has a third evaluation
    np.testing.assert_array_equal(data["validation_loss"], [[77, 1], [10, 11], [20, NAN]])
    np.testing.assert_array_equal(data["chosen"], [0, NAN])
    np.testing.assert_array_equal(data["at_edge"], [1, 0])
    np.testing.assert_allclose(data["lr"], [0.1, 10**-0.5, 1.0], rtol=1e-15)
    assert data["status"].values.tolist() == [[0, 0], [0, 0], [0, 1]]
    assert all(data[name].attrs.get("units") for name in data.data_vars)


def test_one_task_has_nothing_to_forget():
    one = fleet(3).isel(stage_learned=[0])
    assert "forgetting" not in searched(one, choice(3, [0, -1], [1, 0]))


def test_searches_are_merged():
    pieces = [
        Piece("steps", "adam", searched(fleet(3), choice(3, [1, 2], [0, 1]))),
        Piece("steps", "sgd", searched(fleet(2), choice(2, [0, -1], [1, 0]))),
        Piece("loss", "sgd", searched(fleet(4), choice(4, [3, 3], [1, 1]))),
    ]
    data = merge_searches(pieces, ["sgd", "plain", "adam"], ["steps", "loss"], selects=["best", "matched"])
    assert data["recipe"].values.tolist() == ["sgd", "adam"]  # without those that have no search
    assert data["stop"].values.tolist() == ["steps", "loss"]
    assert data["setting"].values.tolist() == [0, 1, 2, 3]
    rate = data["lr"].transpose("stop", "recipe", "setting")
    np.testing.assert_allclose(rate.sel(stop="steps", recipe="sgd"), [0.1, 1.0, NAN, NAN], rtol=1e-15)
    np.testing.assert_allclose(rate.sel(stop="loss", recipe="sgd"), np.geomspace(0.1, 1.0, 4), rtol=1e-15)
    assert not rate.sel(stop="loss", recipe="adam").notnull().any()
    chosen = data["chosen"].transpose("stop", "recipe", "select")
    np.testing.assert_array_equal(chosen.sel(stop="steps"), [[0, NAN], [1, 2]])
    np.testing.assert_array_equal(chosen.sel(stop="loss"), [[3, 3], [NAN, NAN]])
    accuracy = data["learning_accuracy"].sel(stop="steps", recipe="adam", setting=2)
    assert accuracy.values.tolist() == [20.0, 21.0]
    assert data["validation_loss"].attrs["units"] == "nat"


def test_places_are_the_axes_that_every_measure_has():
    assert atlas.PLACES == ("stop", "select", "recipe", "seed", "snapshot")

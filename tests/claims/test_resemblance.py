"""Resemblance: planted distances come back, units and scales do not matter, probes count alike."""

import numpy as np
import pytest

from imprint.claims.resemblance import Imprints, imprints, resemblance, scaled, together

RECIPES = ["near", "far", "hers"]


def made(random, shift, noise=0.1, seeds=8, features=4, groups=("a",)):
    """Imprints of recipes at planted places: ``shift[r]`` is added to all features of recipe r."""
    x_RNF = noise * random.normal(size=(len(shift), seeds, features)) + np.array(shift)[:, None, None]
    group_F = np.array([groups[place % len(groups)] for place in range(features)], object)
    return Imprints(RECIPES[: len(shift)], list(range(seeds)), x_RNF, group_F)


def test_a_copy_is_at_no_distance():
    found = made(np.random.default_rng(0), [0.0, -3.0, 0.0])
    found.x_RNF[2] = found.x_RNF[0]
    near = resemblance(found, "hers")
    assert near.others == ["near", "far"] and near.nearest == ["near"]
    assert near.distance_K[0] == near.low_K[0] == near.high_K[0] == 0.0
    assert near.farther_K[1] == 2 / 256, "eight seeds of one sign"


def test_a_planted_distance():
    """Without noise the deviation over two known recipes at 0 and 2 is 1, and hers at -1 is 1 and 3 of them away."""
    near = resemblance(made(np.random.default_rng(0), [0.0, 2.0, -1.0], noise=0.0), "hers")
    assert near.distance_K.tolist() == pytest.approx([1.0, 3.0], rel=1e-14)
    assert near.typical == pytest.approx(2.0, rel=1e-14) and near.own == 0.0
    assert (near.n, near.features) == (8, 4)


def test_alike_recipes_are_all_called_nearest():
    near = resemblance(made(np.random.default_rng(0), [0.0, 0.0, 1.0]), "hers")
    assert sorted(near.nearest) == ["far", "near"]


def test_intervals_hold_the_mean_and_need_seeds():
    near = resemblance(made(np.random.default_rng(1), [0.0, -1.0, 0.5]), "hers")
    assert (near.low_K < near.distance_K).all() and (near.distance_K < near.high_K).all()
    few = resemblance(made(np.random.default_rng(1), [0.0, -1.0, 0.5], seeds=2), "hers")
    assert np.isinf(few.high_K).all() and not (few.low_K < 0).any()


def test_units_do_not_matter():
    found = made(np.random.default_rng(2), [0.0, -1.0, 0.5])
    other = Imprints(found.recipes, found.seeds, found.x_RNF * [1e6, 1.0, 1e-6, -2.0] - [0, 7, 0, 1], found.group_F)
    one, two = resemblance(found, "hers"), resemblance(other, "hers")
    assert two.distance_K == pytest.approx(one.distance_K, rel=1e-8)  # what is added costs a digit or two of 16


def test_what_is_above_zero_is_compared_by_factors():
    found = made(np.random.default_rng(2), [5.0, 6.0, 7.0], noise=0.0)
    powers = Imprints(found.recipes, found.seeds, np.exp(found.x_RNF), found.group_F)
    assert resemblance(powers, "hers").distance_K == pytest.approx([1 / 0.5, 2 / 0.5], rel=1e-12)


def test_her_own_values_do_not_set_the_scale():
    x_RNF = made(np.random.default_rng(3), [0.0, 1.0, 1e9]).x_RNF
    z_RNF, kept_F = scaled(x_RNF, np.array([True, True, False]))
    assert kept_F.all() and z_RNF[:2].reshape(-1, 4).std(0) == pytest.approx(np.ones(4), rel=1e-12)


def test_probes_count_alike():
    """A probe of three features at distance 0 and one of one feature at distance 2: the mean square is 2."""
    found = made(np.random.default_rng(0), [0.0, 2.0, 0.0], noise=0.0, groups=("a", "a", "a", "b"))
    found.x_RNF[2, :, 3] = -2.0
    near = resemblance(found, "hers")
    assert near.distance_K[near.others.index("near")] == pytest.approx(np.sqrt(0.5 * 4), rel=1e-14)


def test_what_is_constant_or_absent_is_left_out():
    found = made(np.random.default_rng(0), [0.0, 2.0, -1.0], noise=0.0)
    found.x_RNF[..., 0] = 5.0
    found.x_RNF[:2, :, 1] = np.nan
    near = resemblance(found, "hers")
    assert near.features == 2 and near.distance_K.tolist() == pytest.approx([1.0, 3.0], rel=1e-14)


def test_a_recipe_without_values_comes_last():
    found = made(np.random.default_rng(0), [0.0, 2.0, -1.0])
    found.x_RNF[0] = np.nan
    near = resemblance(found, "hers")
    assert near.others == ["far", "near"] and np.isnan(near.distance_K[1]) and near.nearest == ["far"]


def test_experiments_together_have_what_all_have():
    one = made(np.random.default_rng(0), [0.0, 2.0, -1.0], groups=("a",))
    two = Imprints(["hers", "near", "more"], [1, 2, 9], one.x_RNF[:, :3, :2] + 10, np.array(["b", "b"], object))
    both = together([one, two])
    assert (both.recipes, both.seeds, both.x_RNF.shape) == (["near", "hers"], [1, 2], (2, 2, 6))
    assert both.x_RNF[1, 0, :4].tolist() == one.x_RNF[2, 1].tolist()
    assert both.x_RNF[1, 0, 4:].tolist() == two.x_RNF[0, 0].tolist()
    assert both.group_F.tolist() == ["a"] * 4 + ["b"] * 2


def test_imprints_are_read_from_the_atlas(toy):
    value = np.arange(16.0).reshape(2, 8)
    atlas = toy.atlas({"a.x": (value, {}), "b.y": (-value, {}), "path_length.passes": (value, {})})
    found = imprints(atlas, toy.spec({}, probes={"a": {}, "b": {}, "path_length": {}}), {"snapshot": "final"})
    assert found.x_RNF[..., 0].tolist() == value.tolist() and found.x_RNF[..., 1].tolist() == (-value).tolist()
    assert (found.recipes, found.group_F.tolist()) == (["muon", "adam"], ["toy a", "toy b"])

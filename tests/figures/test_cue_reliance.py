"""The analysis of variance behind the figure, against enumeration and closed forms."""

import itertools

import numpy as np
import pytest
from scipy import stats

from imprint.figures import cue_reliance


def test_two_recipes_are_the_paired_sign_flip():
    """With two recipes an exchange within a seed flips the sign of its difference."""
    random = np.random.default_rng(2)
    points = random.normal(size=(2, 6, 3)) + 0.7 * np.arange(2)[:, None, None]
    difference = points[0] - points[1]
    explained, p = cue_reliance.permanova(points, 4000)
    assert explained == pytest.approx(6 * np.square(difference.mean(0)).sum() / np.square(difference).sum(), rel=1e-12)
    signs = np.array(list(itertools.product((1, -1), repeat=6)))
    sizes = np.square(signs @ difference / 6).sum(1)
    exact = (sizes >= np.square(difference.mean(0)).sum() * (1 - 1e-12)).mean()
    assert 0.02 < exact < 0.9
    assert abs(p - exact) < 4 * np.sqrt(exact * (1 - exact) / 4000)  # four standard errors


def test_one_measure_is_the_two_way_analysis_of_variance():
    """F = R^2 (S - 1) / (1 - R^2) of the classical analysis with seeds as blocks."""
    random = np.random.default_rng(3)
    points = random.normal(size=(4, 9, 1)) + random.normal(size=(1, 9, 1)) + 0.3 * np.arange(4)[:, None, None]
    explained, p = cue_reliance.permanova(points, 4000)
    y = points[..., 0]
    residual = y - y.mean(0) - y.mean(1, keepdims=True) + y.mean()
    between = 9 * np.square(y.mean(1) - y.mean()).sum()
    f = (between / 3) / (np.square(residual).sum() / 24)
    assert explained / (1 - explained) * 8 == pytest.approx(f, rel=1e-12)
    exact = stats.f.sf(f, 3, 24)
    assert 0.001 < exact < 0.2
    # the permutation test agrees with the normal one to a third and four standard errors at this size
    assert abs(p - exact) < exact / 3 + 4 * np.sqrt(exact / 4000)


def test_shifts_of_seeds_do_not_matter():
    random = np.random.default_rng(4)
    points = random.normal(size=(3, 5, 4))
    shifted = points + random.normal(size=(1, 5, 4))
    assert cue_reliance.permanova(points, 99) == pytest.approx(cue_reliance.permanova(shifted, 99), rel=1e-12)


def test_nothing_varies():
    assert cue_reliance.permanova(np.ones((3, 5, 4)), 9) == (0.0, 1.0)


def test_cues_stand_in_the_order_of_their_description(study):
    atlas, claims, specs = study
    table = cue_reliance.data(atlas, claims, specs["sprites"])
    assert table.drop_duplicates("cue")["cue"].tolist() == ["colour", "orientation", "scale", "shape"]
    assert set(table["snapshot"]) == {"early", "final"}
    assert table["chance"].unique() == pytest.approx([15 / 63])


def test_a_seed_without_a_recipe_is_left_out_of_the_analysis(study):
    atlas, claims, specs = study
    table = cue_reliance.data(atlas, claims, specs["sprites"])
    own = table[table["snapshot"] == "final"]
    whole = cue_reliance.sentence(own)
    assert whole.startswith("accuracy by the cue; the recipe explains")
    holed = own[(own["recipe"] != "sgd") | (own["seed"] != 3)]
    assert cue_reliance.sentence(holed) == cue_reliance.sentence(own[own["seed"] != 3]) != whole
    assert cue_reliance.sentence(own[own["recipe"] == "sgd"]) == "accuracy by the cue"

"""Moons: the published construction on the same noise, and what each coordinate tells."""

import numpy as np
import pytest

from imprint.tasks import moons, moons_decoupled

OPTIONS = {"train": 2000, "validation": 40, "test": 4000, "seed": 5}


def test_against_the_construction_of_the_paper():
    """Half circles, shifted by half and by 0.3 of the class, centred, turned to the class's side and pulled apart."""
    size, noise = 2000, np.random.default_rng(5).spawn(3)[0].standard_normal((2000, 2)) * 0.1
    angle = np.repeat(np.linspace(0, np.pi, size // 2), 2)
    upper = np.arange(size) % 2 == 0
    circle = np.where(upper, [np.cos(angle), np.sin(angle)], [1 - np.cos(angle), 0.5 - np.sin(angle)]).T
    sign = np.where(upper, -1, 1)
    points = circle + noise[:, ::-1] - np.column_stack([np.full(size, 0.5), 0.3 * sign])
    points[:, 1] -= 0.25  # the mean of both half circles after the shift
    points[:, 1] *= np.sign(-points[:, 1] * sign)
    points[:, 1] -= 0.1 * sign
    built = moons.build(**OPTIONS)
    np.testing.assert_allclose(built["x_train"], points[:, ::-1], atol=1e-6)  # rounded to float32
    np.testing.assert_array_equal(built["y_train"], sign > 0)


@pytest.mark.parametrize("margin", [0.0, 0.1])
def test_the_first_coordinate_alone_separates(margin):
    data = moons.build(**OPTIONS, margin=margin)
    signed = data["x_test"].values[:, 0] * (1 - 2 * data["y_test"].values)
    assert signed.min() >= margin - 1e-6


def test_with_a_negative_margin_it_does_not():
    data = moons.build(**OPTIONS, margin=-0.1)
    signed = data["x_test"].values[:, 0] * (1 - 2 * data["y_test"].values)
    assert (signed < 0).mean() > 0.01


def test_the_second_coordinate_alone_tells_two_points_of_three():
    """Best cut at 0: |cos t| < 1/2 in a third of the half circle is on the wrong side, but for noise."""
    data = moons.build(**OPTIONS)
    right = (data["x_test"].values[:, 1] > 0) == (data["y_test"].values == 1)
    assert abs(right.mean() - 2 / 3) < 0.03  # noise of 0.1 moves about as many points over the cut either way


def test_decoupled_moons_are_the_same_points():
    assert moons_decoupled.build(**OPTIONS).identical(moons.build(**OPTIONS))


@pytest.mark.parametrize(("options", "message"), [({"noise": 0}, "noise=0"), ({"test": 1}, "test=1: at least one")])
def test_errors(options, message):
    with pytest.raises(ValueError, match=message):
        moons.build(**(OPTIONS | options))

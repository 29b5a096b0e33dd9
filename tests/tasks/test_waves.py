"""Classes divided by plane waves: the boundary by its formula, balance, streams."""

import numpy as np
import pytest

from imprint.tasks import waves


def test_one_wave_divides_the_square_into_bands():
    """Along its direction the class changes every half cycle, across it never."""
    data = waves.build(cycles=(3,), train=4000, seed=5)
    (vector,), (phase,) = waves.drawn_waves((3,), np.random.default_rng(5).spawn(4)[0])
    assert np.linalg.norm(vector) == pytest.approx(3 * np.pi, rel=1e-14)  # two roundings
    x, y = data["x_train"].values.astype(np.float64), data["y_train"].values
    band = np.floor((x @ vector + phase) / np.pi).astype(int)
    np.testing.assert_array_equal(y, 1 - band % 2)


def test_a_wave_makes_its_number_of_cycles_along_a_side():
    along = np.stack([np.linspace(-1, 1, 2001)[:-1], np.zeros(2000)], 1)
    height = waves.height(along, np.array([[4 * np.pi, 0.0]]), np.array([0.3]))
    spectrum = np.abs(np.fft.rfft(height))
    assert spectrum.argmax() == 4


def test_points_fill_the_square_and_classes_are_not_rare():
    for seed in range(5):
        data = waves.build(cycles=(1, 2), train=4000, seed=seed)
        x = data["x_train"].values
        assert (np.abs(x) <= 1).all()
        # uniform numbers have mean 0 and variance 1/3: 5 standard errors
        assert np.abs(x.mean(0)).max() < 5 * (1 / 3 / 4000) ** 0.5
        assert 0.2 < data["y_train"].values.mean() < 0.8


def test_sizes_do_not_change_the_points_of_other_splits():
    small, large = waves.build(train=10, validation=20, seed=1), waves.build(train=30, validation=50, seed=1)
    np.testing.assert_array_equal(small["x_test"], large["x_test"])
    np.testing.assert_array_equal(small["y_test"], large["y_test"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cycles": ()}, r"cycles=\[\]: give at least one wave"),
        ({"cycles": (1, 0)}, r"cycles=\[1, 0\]: give at least one wave"),
        ({"test": 0}, "test=0: at least one point"),
    ],
)
def test_options_outside_their_range_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        waves.build(**options, seed=0)

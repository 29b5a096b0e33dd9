"""Tasks of classes with keys: how often each occurs, where its examples lie, and the modes against an SVD."""

import numpy as np
import pytest

from imprint.tasks import associative, heavy_tail, keys, modes


def test_frequencies_fall_as_a_power():
    assert keys.power_law(5, 0.0, 3).tolist() == [3] * 5
    assert keys.power_law(200, 1.0, 1)[[0, 1, 9, 199]].tolist() == [200, 100, 20, 1]
    assert keys.power_law(4, 2.0, 5).tolist() == [80, 20, 9, 5]


@pytest.mark.parametrize("rotated", [False, True])
def test_keys_are_orthogonal_and_of_one_length(rotated):
    key = keys.orthogonal(4, 7, 3.0, rotated, np.random.default_rng(0))
    np.testing.assert_allclose(key @ key.T, 9 * np.eye(4), atol=1e-13)  # seven products of numbers up to 3
    assert rotated == (np.abs(key[key != 0]).min() < 2.9)


def test_rotations_are_haar_in_their_second_moments():
    """Over draws, an entry of the rotation has mean 0 and mean square 1 / D; signs of QR alone would have neither."""
    drawn = np.stack([keys.orthogonal(2, 3, 1.0, True, np.random.default_rng(seed)) for seed in range(2000)])
    # 5 standard errors; an entry's square has variance 2 (D - 1) / (D^2 (D + 2)) = 4/45
    np.testing.assert_allclose(drawn.mean(0), 0, atol=5 * np.sqrt(1 / 3 / 2000))
    np.testing.assert_allclose((drawn**2).mean(0), 1 / 3, atol=5 * np.sqrt(4 / 45 / 2000))


def test_heavy_tail_without_noise_shows_its_means():
    data = heavy_tail.build(classes=5, dimensions=6, length=2.0, test=3, seed=0)
    assert np.bincount(data["y_train"]).tolist() == np.bincount(data["y_validation"]).tolist() == [5, 2, 2, 1, 1]
    assert np.bincount(data["y_test"]).tolist() == [3] * 5
    for split in ("train", "validation", "test"):
        np.testing.assert_array_equal(data[f"x_{split}"], 2 * np.eye(5, 6)[data[f"y_{split}"]])


def test_heavy_tail_with_noise_is_a_mixture():
    data = heavy_tail.build(classes=2, dimensions=3, rarest=2000, length=4.0, noise=0.5, seed=1)
    for label in range(2):
        points = data["x_train"].values[data["y_train"].values == label]
        size = len(points)
        np.testing.assert_allclose(points.mean(0), 4 * np.eye(2, 3)[label], atol=5 * 0.5 / np.sqrt(size))
        np.testing.assert_allclose(points.var(0), 0.25, atol=5 * 0.25 * np.sqrt(2 / size))


def test_splits_do_not_change_one_another():
    few, many = (heavy_tail.build(classes=3, noise=0.1, test=size, seed=2) for size in (1, 9))
    np.testing.assert_array_equal(few["x_train"], many["x_train"])
    np.testing.assert_array_equal(few["x_validation"], many["x_validation"])


def test_associative_is_the_same_memory_in_other_axes():
    plain, turned = (associative.build(pairs=6, length=3.0, rotated=rotated, seed=4) for rotated in (False, True))
    np.testing.assert_array_equal(plain["y_train"], turned["y_train"])
    gram = [data["x_train"].values @ data["x_train"].values.T for data in (plain, turned)]
    np.testing.assert_allclose(*gram, atol=1e-13)
    assert np.bincount(plain["y_test"]).tolist() == [1] * 6


@pytest.mark.parametrize("options", [{}, {"labels": 2}, {"labels": 3, "dimensions": 9, "length": 2.5}])
def test_modes_are_those_of_the_input_output_correlation(options):
    """Singular values, directions, and the map of least squares, each by numpy from the examples alone."""
    data = modes.build(spectrum=(12, 8, 4), seed=0, **options)
    x, y = data["x_train"].values, data["y_train"].values
    onehot = np.eye(data.attrs["classes"])[y]
    correlation = onehot.T @ x / len(x)
    left, right = data["modes_left"].values, data["modes_right"].values
    value, strength = data["modes_value"].values, data["modes_strength"].values
    np.testing.assert_allclose(np.linalg.svd(correlation)[1][:3], value, rtol=1e-13)
    np.testing.assert_allclose((left.T * value) @ right, correlation, atol=1e-15)
    solution = np.linalg.lstsq(x, onehot, rcond=None)[0].T
    np.testing.assert_allclose((left.T * strength) @ right, solution, atol=1e-13)
    for unit in (left, right):
        np.testing.assert_allclose(unit @ unit.T, np.eye(3), atol=1e-14)


def test_noise_shrinks_the_weaker_modes():
    data = modes.build(spectrum=(6000, 2000), noise=0.5, dimensions=3, seed=0)
    x, onehot = data["x_train"].values, np.eye(2)[data["y_train"].values]
    solution = np.linalg.lstsq(x, onehot, rcond=None)[0].T
    found = np.einsum("mc,cd,md->m", data["modes_left"], solution, data["modes_right"])
    # a coefficient of 8000 examples with residuals below 0.5 and features of deviation 0.5: 5 standard errors
    np.testing.assert_allclose(found, data["modes_strength"], atol=5 / np.sqrt(8000))
    assert data["modes_strength"][0] > data["modes_strength"][1]


def test_labels_of_a_mode_are_its_own():
    data = modes.build(spectrum=(5, 4), labels=2, seed=0)
    assert data.attrs["classes"] == 4
    assert np.bincount(data["y_train"]).tolist() == [3, 2, 2, 2]


@pytest.mark.parametrize(
    ("build", "options", "message"),
    [
        (heavy_tail.build, {"classes": 1}, "1 classes: at least 2"),
        (heavy_tail.build, {"exponent": -1.0}, "exponent=-1.0: at least 0"),
        (heavy_tail.build, {"rarest": 0}, "rarest=0: the rarest class has at least one"),
        (heavy_tail.build, {"dimensions": 199}, "dimensions=199: 200 orthogonal keys need at least as many"),
        (heavy_tail.build, {"length": 0.0}, "length=0.0: a key has a positive length"),
        (heavy_tail.build, {"noise": -1.0}, "noise=-1.0: a standard deviation is at least 0"),
        (heavy_tail.build, {"test": 0}, "test=0: every class needs at least one"),
        (associative.build, {"pairs": 1}, "1 classes: at least 2"),
        (modes.build, {"spectrum": (3,)}, r"spectrum=\[3\]: give at least 2 modes"),
        (modes.build, {"spectrum": (3, 0)}, r"spectrum=\[3, 0\]: .* each with at least one example"),
        (modes.build, {"labels": 0}, "labels=0: a mode has at least one class"),
        (modes.build, {"dimensions": 5}, "dimensions=5: 6 orthogonal keys"),
    ],
)
def test_impossible_options_are_refused(build, options, message):
    with pytest.raises(ValueError, match=message):
        build(**options, seed=0)

"""Clones have the moments of their class exactly, and are Gaussian."""

import numpy as np
import pytest

from imprint.tasks import classification, clones

OPTIONS = {"data": "digits", "pool": 2, "limit": 900, "validation": 200, "test": 300}
VIEW = ("clones_gaussian", "clones_isotropic")


@pytest.fixture(scope="module")
def built():
    return clones.build(**OPTIONS)


def of_class(built, name, label):
    return built[name].values[built["y_train"].values == label].astype(np.float64)


@pytest.mark.parametrize("label", range(10))
def test_moments_of_every_class(built, label):
    images, gaussian, isotropic = (of_class(built, name, label) for name in ("x_train", *VIEW))
    covariance = np.cov(images.T, bias=True)
    # stored as float32: a rounding of 6e-8 of entries of at most 4, averaged
    for clone in (gaussian, isotropic):
        np.testing.assert_allclose(clone.mean(0), images.mean(0), atol=1e-6)
    np.testing.assert_allclose(np.cov(gaussian.T, bias=True), covariance, atol=3e-6)
    variance = np.trace(covariance) / len(covariance)
    np.testing.assert_allclose(np.cov(isotropic.T, bias=True), variance * np.eye(len(covariance)), atol=3e-6)


def test_images_are_those_of_classification(built):
    plain = classification.build(**OPTIONS)
    for name in plain:
        np.testing.assert_array_equal(plain[name].values, built[name].values)


def test_clones_are_gaussian_where_images_are_not():
    """Standardized scores along the first principal axis of two clusters: kurtosis 1, and 3 of its Gaussian clone."""
    generator = np.random.default_rng(0)
    images = generator.standard_normal((4000, 3)) * 0.1
    images[::2, 0] += 4
    gaussian, isotropic = clones.cloned(images, *generator.spawn(2))

    def kurtosis(values):
        return np.mean(((values - values.mean()) / values.std()) ** 4)

    assert kurtosis(images[:, 0]) < 1.1
    # the standard error of the kurtosis of n normal numbers is sqrt(24 / n)
    for clone in (gaussian[:, 0], isotropic[:, 1]):
        assert abs(kurtosis(clone) - 3) < 5 * np.sqrt(24 / 4000)


def test_third_moments_vanish_in_clones_alone():
    generator = np.random.default_rng(1)
    images = generator.exponential(size=(4000, 2))
    gaussian, isotropic = clones.cloned(images, *generator.spawn(2))
    skew = [np.mean((values[:, 0] - values[:, 0].mean()) ** 3) for values in (images, gaussian, isotropic)]
    assert skew[0] > 1.5  # 2 for the exponential distribution
    # the third central moment of n normal numbers of variance 1 has standard error sqrt(6 / n)
    assert max(map(abs, skew[1:])) < 5 * np.sqrt(6 / 4000)


def test_frame_is_orthonormal_and_centred():
    columns = clones.frame(20, 5, np.random.default_rng(0))
    np.testing.assert_allclose(columns.T @ columns, np.eye(5), atol=1e-14)
    np.testing.assert_allclose(columns.sum(0), 0, atol=1e-14)


def test_another_seed_gives_other_clones(built):
    other = clones.build(**OPTIONS, clone_seed=1)
    assert not np.array_equal(other["clones_gaussian"], built["clones_gaussian"])
    np.testing.assert_array_equal(other["x_train"], built["x_train"])


def test_too_few_images_for_their_features():
    with pytest.raises(ValueError, match="class 0 has 10 training images of 64 features.*raise limit or pool"):
        clones.build(data="digits", limit=100)

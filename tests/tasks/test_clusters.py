"""Gaussian clusters: moments, and the boundary against the densities themselves."""

import numpy as np
import pytest
from scipy import stats

from imprint.tasks import clusters

ERRORS = 5  # standard errors, for some dozens of checks at a fixed seed
MEANS = {0: [(-0.75, 0.0)], 1: [(0.45, 0.45), (0.45, -0.45)]}  # mu 0.3, omega 2, sigmas 0.2 and 0.15: by hand


@pytest.fixture(scope="module")
def drawn():
    data = clusters.build(dimensions=4, train=50, validation=50, test=40000, seed=7)
    return data["x_test"].values.astype(np.float64), data["y_test"].values


def log_density(points, label):
    parts = [stats.multivariate_normal(mean, np.diag([0.04, 0.0225])).pdf(points) for mean in MEANS[label]]
    return np.log(np.mean(parts, axis=0))


def test_moments_of_each_cluster(drawn):
    x, y = drawn
    assert abs(y.mean() - 0.5) < ERRORS * 0.5 / np.sqrt(len(y))
    # at 3 deviations from 0 in the second coordinate, the sign tells the cluster but for one point in a thousand
    parts = {0: [x[y == 0]], 1: [x[(y == 1) & (x[:, 1] > 0)], x[(y == 1) & (x[:, 1] < 0)]]}
    assert abs(len(parts[1][0]) / (y == 1).sum() - 0.5) < ERRORS * 0.5 / np.sqrt((y == 1).sum())
    for label, (first, *rest) in parts.items():
        for part, mean in zip((first, *rest), MEANS[label], strict=True):
            deviation = np.array([0.2, 0.15, 0.15, 0.15])
            error = deviation / np.sqrt(len(part))
            wrong_side = 0.002 * np.array([0, 1, 0, 0])
            assert (np.abs(part.mean(0) - [*mean, 0, 0]) < ERRORS * error + wrong_side).all()
            assert (np.abs(part.std(0) / deviation - 1) < ERRORS / np.sqrt(2 * len(part)) + 10 * wrong_side).all()


def test_documented_boundary_is_where_the_densities_are_equal():
    points = np.random.default_rng(0).uniform(-1, 1, (200, 2))
    u, v = points[:, 0] / 0.2, points[:, 1] / 0.15
    k = 2 * 0.3 / 0.2
    # the logarithm of sums of exponentials of numbers up to 70
    np.testing.assert_allclose(
        log_density(points, 1) - log_density(points, 0), 2 * k * u + np.log(np.cosh(k * v)), rtol=1e-10, atol=1e-10
    )


def test_the_vertical_line_through_the_origin_has_the_accuracy_of_normal_tails(drawn):
    x, y = drawn
    expected = (stats.norm.cdf(0.45 / 0.2) + stats.norm.cdf(0.75 / 0.2)) / 2
    found = ((x[:, 0] > 0) == (y == 1)).mean()
    assert abs(found - expected) < ERRORS * np.sqrt(expected * (1 - expected) / len(y))


def test_the_corner_beats_the_line(drawn):
    x, y = drawn
    best = log_density(x[:, :2], 1) > log_density(x[:, :2], 0)
    line = x[:, 0] > 0
    # paired, the difference of 0.005 has a standard error of sqrt(0.007 / 40000) < 0.0005
    assert (best == (y == 1)).mean() - (line == (y == 1)).mean() > 0.003


def test_sizes_do_not_change_other_splits():
    first = clusters.build(**clusters.EXAMPLE, seed=5)
    second = clusters.build(**(clusters.EXAMPLE | {"train": 7}), seed=5)
    assert second.sizes["train"] == 7
    for name in ("x_validation", "y_validation", "x_test", "y_test"):
        np.testing.assert_array_equal(first[name], second[name])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dimensions": 1}, "dimensions=1: the clusters lie in a plane"),
        ({"omega": 1.0}, "omega=1.0: the two classes lie on two sides"),
        ({"mu": 0.0}, "mu=0.0"),
        ({"sigma_z": 0.0}, r"sigmas=\[0.2, 0.15, 0.0\]: a length is above 0"),
        ({"train": 0}, "train=0: at least one point"),
    ],
)
def test_options_outside_their_range_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        clusters.build(**(clusters.EXAMPLE | options), seed=0)

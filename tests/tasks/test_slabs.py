"""Slab data against the geometry and probabilities of Shah et al. 2020 at width 1 and margin 0.1."""

import numpy as np
import pytest
from scipy import stats

from imprint.tasks import slabs

# |coordinate| interval, class and P(interval | class), in the order of the intervals; every gap is 0.2
GEOMETRY = {
    3: [((0, 0.8 / 3), 0, 1), ((0.8 / 3 + 0.2, 1), 1, 1)],
    5: [((0, 0.12), 0, 0.75), ((0.32, 0.56), 1, 1), ((0.76, 1), 0, 0.25)],
    7: [
        ((0, 0.4 / 7), 0, 0.5),
        ((1.8 / 7, 2.6 / 7), 1, 0.875),
        ((4 / 7, 4.8 / 7), 0, 0.5),
        ((6.2 / 7, 1), 1, 0.125),
    ],
}
ROUNDING = 2.0**-23  # of float32 for values up to 1, twice
ERRORS = 4  # standard errors: one check in 16000 fails by chance, and the seed is fixed


@pytest.fixture(scope="module", params=[3, 5, 7])
def drawn(request):
    return request.param, slabs.build(slabs=request.param, dimensions=20, train=50, validation=50, seed=11)


def interval_of(latent, k):
    """Index of the interval that holds |latent|, -1 outside of all."""
    found = np.full(latent.shape, -1)
    for position, ((low, high), _, _) in enumerate(GEOMETRY[k]):
        found[(np.abs(latent) >= low - ROUNDING) & (np.abs(latent) <= high + ROUNDING)] = position
    return found


def test_linear_coordinate_decides_the_class(drawn):
    _, data = drawn
    linear, y = data["blocks_latent"].values[:, 0], data["y_test"].values
    np.testing.assert_array_equal(linear > 0, y == 1)
    assert np.abs(linear).min() >= 0.1 - ROUNDING
    assert np.abs(linear).max() <= 1
    # uniform on [0.1, 1]: Kolmogorov-Smirnov at the level of four standard errors
    assert stats.kstest(np.abs(linear), stats.uniform(0.1, 0.9).cdf).pvalue > 6e-5


def test_every_slab_coordinate_alone_decides_the_class(drawn):
    k, data = drawn
    slab, y = data["blocks_latent"].values[:, 1:], data["y_test"].values
    place = interval_of(slab, k)
    assert (place >= 0).all()
    labels = np.array([label for _, label, _ in GEOMETRY[k]])
    np.testing.assert_array_equal(labels[place], np.broadcast_to(y[:, None], place.shape))


def test_probabilities_of_slabs_sides_and_classes(drawn):
    k, data = drawn
    slab, y = data["blocks_latent"].values[:, 1:], data["y_test"].values
    assert abs(y.mean() - 0.5) < ERRORS * 0.5 / np.sqrt(len(y))
    place = interval_of(slab, k)
    for position, (_, label, probability) in enumerate(GEOMETRY[k]):
        chosen = place[y == label] == position
        error = np.sqrt(probability * (1 - probability) / chosen.size)
        assert abs(chosen.mean() - probability) <= ERRORS * error
        per_coordinate = np.sqrt(probability * (1 - probability) / len(chosen))
        assert (np.abs(chosen.mean(0) - probability) <= ERRORS * per_coordinate).all()
        right = slab[(place == position)] > 0
        assert abs(right.mean() - 0.5) < ERRORS * 0.5 / np.sqrt(right.size)


def test_points_are_uniform_within_their_slab(drawn):
    k, data = drawn
    slab = np.abs(data["blocks_latent"].values[:, 1:])
    place = interval_of(slab, k)
    for position, ((low, high), _, _) in enumerate(GEOMETRY[k]):
        there = slab[place == position]
        assert stats.kstest(there, stats.uniform(low, high - low).cdf).pvalue > 6e-5
        # the edges are reached: the nearest of n uniform points is farther than 15 / n with chance e^-15
        assert there.min() - low < 15 * (high - low) / there.size
        assert high - there.max() < 15 * (high - low) / there.size


def test_coordinates_are_independent_given_the_class(drawn):
    _, data = drawn
    for label in (0, 1):
        latent = data["blocks_latent"].values[data["y_test"].values == label].astype(np.float64)
        for values in (latent, np.abs(latent)):
            varying = values[:, values.std(0) > 0]
            correlation = np.corrcoef(varying, rowvar=False)
            off = correlation[~np.eye(len(correlation), dtype=bool)]
            # standard error 1/sqrt(n); 5 of them, for 380 correlations at once
            assert np.abs(off).max() < 5 / np.sqrt(len(latent))


def test_no_slab_coordinate_is_linear(drawn):
    _, data = drawn
    slab, y = data["blocks_latent"].values[:, 1:].astype(np.float64), data["y_test"].values
    for label in (0, 1):
        part = slab[y == label]
        error = part.std(0) / np.sqrt(len(part))
        assert (np.abs(part.mean(0)) < ERRORS * error).all()


def test_rotation_connects_points_and_latent_points(drawn):
    _, data = drawn
    rotation = data["blocks_rotation"].values.astype(np.float64)
    x, latent = data["x_test"].values.astype(np.float64), data["blocks_latent"].values
    # norms of latent points are below sqrt(20), each float32 rounding is 6e-8 of it
    assert np.abs(x @ rotation.T - latent).max() < 1e-6
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(20), atol=1e-6)
    np.testing.assert_array_equal(x.astype(np.float32), (latent.astype(np.float64) @ rotation).astype(np.float32))


def test_view_names_the_coordinates(drawn):
    _, data = drawn
    name = data["blocks_name"]
    assert name.values.tolist() == [0] + [1] * 19
    assert dict(zip(name.attrs["flag_values"], name.attrs["flag_meanings"].split(), strict=True)) == {
        0: "linear",
        1: "slab",
    }
    assert data["blocks_latent"].dims == ("test", "latent")
    assert data["blocks_rotation"].dims == ("latent", "feature")


def test_seeds_have_other_points_and_another_rotation():
    first, second = (slabs.build(**slabs.EXAMPLE, seed=seed) for seed in (0, 1))
    for name in ("blocks_rotation", "blocks_latent", "x_train"):
        assert np.abs(first[name].values - second[name].values).min() > 0


def test_sizes_do_not_change_other_splits():
    first = slabs.build(**slabs.EXAMPLE, seed=5)
    second = slabs.build(**(slabs.EXAMPLE | {"train": 7}), seed=5)
    assert second.sizes["train"] == 7
    for name in ("x_validation", "x_test", "blocks_latent", "blocks_rotation"):
        np.testing.assert_array_equal(first[name], second[name])


def test_margin_scales_gaps():
    data = slabs.build(slabs=5, dimensions=3, test=4000, margin=0.05, seed=2)
    slab = np.abs(data["blocks_latent"].values[:, 1:])
    edges = np.array([0, 0.16, 0.26, 0.58, 0.68, 1])  # width (2 - 8 * 0.05) / 5 = 0.32, gaps 0.1
    inside = [
        (slab >= low - ROUNDING) & (slab <= high + ROUNDING) for low, high in zip(edges[::2], edges[1::2], strict=True)
    ]
    assert np.logical_or.reduce(inside).all()
    assert all(part.any() for part in inside)


@pytest.mark.parametrize(("first", "names"), [(5, ["slab_5", "slab_7"]), (7, ["slab_7"])])
def test_first_coordinate_has_its_own_slabs(first, names):
    data = slabs.build(slabs=7, first=first, dimensions=6, train=50, validation=50, test=4000, seed=3)
    latent, y = data["blocks_latent"].values, data["y_test"].values
    for k, columns in ((first, [0]), (7, range(1, 6))):
        probabilities = {label: [p for _, own, p in GEOMETRY[k] if own == label] for label in (0, 1)}
        for column in columns:
            place = interval_of(latent[:, column], k)
            assert (place >= 0).all()
            for label in (0, 1):
                of_class = [position for position, (_, own, _) in enumerate(GEOMETRY[k]) if own == label]
                chosen = place[y == label]
                assert np.isin(chosen, of_class).all()
                for position, probability in zip(of_class, probabilities[label], strict=True):
                    error = np.sqrt(probability * (1 - probability) / len(chosen))
                    assert abs((chosen == position).mean() - probability) <= ERRORS * error
    name = data["blocks_name"]
    assert name.attrs["flag_meanings"].split() == names
    assert name.values.tolist() == [0] + [len(names) - 1] * 5


def test_noise_replaces_the_line_of_a_share_of_the_points_and_nothing_else():
    options = {"slabs": 7, "dimensions": 4, "train": 300, "validation": 100, "test": 5000, "seed": 4}
    clean, noisy = slabs.build(**options), slabs.build(**options, noise=0.1)
    for split in ("train", "validation", "test"):
        np.testing.assert_array_equal(clean[f"y_{split}"], noisy[f"y_{split}"])
    np.testing.assert_array_equal(clean["blocks_rotation"], noisy["blocks_rotation"])
    before, after, y = clean["blocks_latent"].values, noisy["blocks_latent"].values, noisy["y_test"].values
    np.testing.assert_array_equal(before[:, 1:], after[:, 1:])
    changed = before[:, 0] != after[:, 0]
    np.testing.assert_array_equal(changed, np.abs(after[:, 0]) < 0.1)
    assert changed.sum() == 500
    assert stats.kstest(after[changed, 0], stats.uniform(-0.1, 0.2).cdf).pvalue > 6e-5
    right = (after[changed, 0] > 0) == (y[changed] == 1)
    assert abs(right.mean() - 0.5) < ERRORS * 0.5 / np.sqrt(500)


def test_all_points_may_be_noise():
    data = slabs.build(**slabs.EXAMPLE, noise=1.0, seed=0)
    assert (np.abs(data["blocks_latent"].values[:, 0]) <= 0.1).all()


def test_source_names_the_family():
    named = {
        "LMS-k": {},
        "noisy LMS-k": {"noise": 0.1},
        "MS-(k,l)": {"first": 3},
        "MS-k": {"first": 5},
    }
    for family, options in named.items():
        source = slabs.build(**slabs.EXAMPLE, **options, seed=0).attrs["source"]
        assert source == f"Shah et al. 2020, arXiv 2006.07710, {family} as in their code"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"slabs": 4}, "slabs=4: a coordinate has 3, 5 or 7 slabs"),
        ({"first": 4}, "first=4: coordinate 0 is 'linear' or has 3, 5 or 7 slabs"),
        ({"noise": -0.1}, "noise=-0.1: a share of the points is from 0 to 1"),
        ({"noise": 0.1, "first": 5}, "noise=0.1 with first=5: only a linear coordinate has noise; set noise to 0"),
        ({"dimensions": 1}, "dimensions=1: at least 2"),
        ({"margin": 0.25}, "margin=0.25: 5 slabs need one above 0 and below 0.25"),
        ({"margin": 0}, "margin=0: 5 slabs"),
        ({"margin": 0.2, "first": 7}, "margin=0.2: 7 slabs need one above 0 and below 0.1667"),
        ({"test": 0}, "test=0: at least one point"),
    ],
)
def test_impossible_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        slabs.build(**(slabs.EXAMPLE | options), seed=0)

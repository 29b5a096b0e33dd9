"""Boolean staircases: the function by plain loops, and what agrees with what."""

import itertools

import numpy as np
import pytest

from imprint.tasks import staircase

ERRORS = 5  # standard errors, at a fixed seed


def by_loops(bits):
    total, product = 0, 1
    for bit in bits:
        product *= bit
        total += product
    return int(total >= 0)


@pytest.mark.parametrize("count", [1, 2, 3, 5, 8])
def test_staircase_is_the_sign_of_the_sum_of_products(count):
    patterns = list(itertools.product((-1, 1), repeat=count))
    found = staircase.staircase(np.array(patterns, np.float32))
    assert found.tolist() == [by_loops(pattern) for pattern in patterns]
    if count % 2:  # the first bit turns every term round, and an odd sum of signs is not 0
        assert 2 * found.sum() == len(patterns)


@pytest.fixture(scope="module")
def drawn():
    return staircase.build(dimensions=12, core=5, spurious=3, train=20000, test=50, free=20000, seed=3)


def test_class_is_the_core_staircase_and_the_spurious_one_agrees_as_often_as_declared(drawn):
    x, y = drawn["x_train"].values, drawn["y_train"].values
    assert set(np.unique(x)) == {-1, 1}
    np.testing.assert_array_equal(y, [by_loops(bits) for bits in x[:, :5]])
    agree = staircase.staircase(x[:, 5:8]) == y
    for label in (0, 1):
        own = agree[y == label]
        assert abs(own.mean() - 0.9) < ERRORS * 0.3 / np.sqrt(len(own))


def test_features_of_the_view_are_independent(drawn):
    x, core, spurious = (drawn[f"features_{name}"].values for name in ("x", "core", "spurious"))
    np.testing.assert_array_equal(core, staircase.staircase(x[:, :5]))
    np.testing.assert_array_equal(spurious, staircase.staircase(x[:, 5:8]))
    assert abs((core == spurious).mean() - 0.5) < ERRORS * 0.5 / np.sqrt(len(core))


def test_patterns_of_one_value_are_equally_frequent_and_other_bits_are_coins(drawn):
    x, y = drawn["x_train"].values, drawn["y_train"].values
    code = (x[:, 5:8] > 0) @ [1, 2, 4]
    value = staircase.staircase(x[:, 5:8])
    for wanted in (0, 1):
        counts = np.bincount(code[value == wanted], minlength=8)
        shares = counts[counts > 0] / counts.sum()
        assert len(shares) == 4
        assert (np.abs(shares - 0.25) < ERRORS * np.sqrt(0.25 * 0.75 / counts.sum())).all()
    signs = 2 * y - 1
    for column in x[:, 8:].T:
        assert abs(column.mean()) < ERRORS / np.sqrt(len(x))
        assert abs((column * signs).mean()) < ERRORS / np.sqrt(len(x))


def test_agreement_one_and_zero():
    for agreement in (0.0, 1.0):
        data = staircase.build(**staircase.EXAMPLE, agreement=agreement, seed=0)
        spurious = (data["x_train"].values[:, 3] > 0).astype(int)
        assert ((spurious == data["y_train"].values) == bool(agreement)).all()


def test_sizes_do_not_change_other_splits():
    first = staircase.build(**staircase.EXAMPLE, seed=5)
    second = staircase.build(**(staircase.EXAMPLE | {"train": 7}), seed=5)
    for name in ("x_validation", "y_test", "features_x", "features_spurious"):
        np.testing.assert_array_equal(first[name], second[name])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"core": 0}, "core=0, spurious=1: give at least 1 core bit"),
        ({"spurious": 17}, "spurious=17: give at least 1 core bit and 1 to 16 others"),
        ({"dimensions": 3}, "dimensions=3: 3 core and 1 spurious bits need 4"),
        ({"agreement": 1.5}, "agreement=1.5: a probability"),
        ({"free": 0}, "free=0: at least one point"),
    ],
)
def test_options_outside_their_range_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        staircase.build(**(staircase.EXAMPLE | options), seed=0)

"""Second-order regression: residuals, curvature and its rise where training starts."""

import numpy as np
import pytest

from imprint.tasks import second_order_regression

SIZES = {"parameters": 7, "points": 4}


def parts(data, parameters=7):
    x = data["x_train"].values
    return x[:, 0], x[:, 1 : 1 + parameters], x[:, 1 + parameters :].reshape(len(x), parameters, parameters)


def top(slope):
    return np.linalg.eigvalsh(slope.T @ slope / len(slope))[-1]


@pytest.mark.parametrize("seed", range(5))
def test_residuals_curvature_and_symmetry(seed):
    offset, slope, form = parts(second_order_regression.build(**SIZES, sharpness=3.0, curvature=2.0, seed=seed))
    # float64 sums of ten numbers near 1
    assert np.square(offset - 1).mean() == pytest.approx(1, rel=1e-13)
    assert top(slope) == pytest.approx(3, rel=1e-13)
    np.testing.assert_array_equal(form, form.transpose(0, 2, 1))


@pytest.mark.parametrize("seed", range(10))
def test_gradient_flow_raises_the_curvature_at_first(seed):
    """One short step of gradient descent on the quadratics themselves; its length is far below the change."""
    offset, slope, form = parts(second_order_regression.build(**SIZES, seed=seed))
    w = -1e-7 * slope.T @ (offset - 1) / len(offset)
    assert top(slope + form @ w) > top(slope)


def test_size_of_the_forms():
    form = parts(second_order_regression.build(parameters=100, points=5, curvature=3.0, seed=0), 100)[2]
    beside = form[:, ~np.eye(100, dtype=bool)]
    # 24750 independent entries: a relative standard error of 0.45 % of their deviation; six of them
    assert beside.std() == pytest.approx(3 / 10, rel=0.027)
    # 500 entries: 3.2 %; four of them
    assert np.diagonal(form, axis1=1, axis2=2).std() == pytest.approx(3 * np.sqrt(2) / 10, rel=0.13)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"parameters": 0}, "parameters=0.*at least one of each"),
        ({"test": 0}, "at least one of each is needed"),
        ({"sharpness": 0.0}, "sharpness=0.0, curvature=20.0: one is positive"),
        ({"curvature": -1.0}, "the other not negative"),
    ],
)
def test_options_outside_their_range_are_refused(options, match):
    with pytest.raises(ValueError, match=match):
        second_order_regression.build(**options, seed=0)

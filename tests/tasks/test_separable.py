"""The separable problem: separability and the certificate by other linear programs, redraws, refusals."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.optimize import linprog

from imprint.tasks import separable


def constraints(x, y, classes):
    """Rows g with g . vec(W) = (w_y - w_c) x, one for each point and each other class, by loops."""
    rows = []
    for point, label in zip(x, y, strict=True):
        for other in set(range(classes)) - {int(label)}:
            row = np.zeros((classes, x.shape[1]))
            row[label] += point
            row[other] -= point
            rows.append(row.ravel())
    return np.array(rows)


def is_separable(x, y, classes):
    """Whether some W, of any size, has all (w_y - w_c) x >= 1."""
    rows = constraints(x, y, classes)
    free = [(None, None)] * rows.shape[1]
    return linprog(np.zeros(rows.shape[1]), A_ub=-rows, b_ub=-np.ones(len(rows)), bounds=free).status == 0


def dual_margin(x, y, classes):
    """Smallest l1 norm of sum_k p_k g_k over p in the simplex: by duality the largest max-norm margin."""
    rows = constraints(x, y, classes)
    count, size = rows.shape
    # variables (p, t): minimize sum t with -t <= rows' p <= t, sum p = 1, p >= 0
    upper = np.block([[rows.T, -np.eye(size)], [-rows.T, -np.eye(size)]])
    cost = np.concatenate([np.zeros(count), np.ones(size)])
    one = np.concatenate([np.ones(count), np.zeros(size)])[None]
    result = linprog(cost, A_ub=upper, b_ub=np.zeros(2 * size), A_eq=one, b_eq=[1])
    assert result.status == 0
    return result.fun


@pytest.fixture(scope="module", params=range(3))
def drawn(request):
    return separable.build(seed=request.param)


def test_training_points_are_separable(drawn):
    assert is_separable(drawn["x_train"].values, drawn["y_train"].values, 10)


def test_certificate_attains_its_margin(drawn):
    weight, x, y = (drawn[name].values for name in ("separable_weight", "x_train", "y_train"))
    assert np.abs(weight).max() <= 1
    margins = constraints(x, y, 10) @ weight.ravel()
    # feasibility tolerance of the solver, 1e-7, against a margin above 10
    assert margins.min() == pytest.approx(float(drawn["separable_margin"]), rel=1e-7)


def test_margin_is_the_largest_by_duality(drawn):
    expected = dual_margin(drawn["x_train"].values, drawn["y_train"].values, 10)
    # both programs are solved to 1e-7, relative to data of size 1
    assert float(drawn["separable_margin"]) == pytest.approx(expected, rel=1e-6)


def test_sizes_classes_and_scale(drawn):
    assert [drawn.sizes[split] for split in ("train", "validation", "test")] == [60, 200, 1000]
    assert drawn["x_train"].dtype == np.float64
    for split in ("train", "validation", "test"):
        counts = np.bincount(drawn[f"y_{split}"])
        assert len(counts) == 10
        assert np.ptp(counts) <= 1
    # 250 means of variance 1: the mean square is 1 within 4 standard errors sqrt(2 / 250), noise adds 0.04
    assert np.square(drawn["x_test"].values).mean() == pytest.approx(1.04, abs=4 * np.sqrt(2 / 250))


def test_splits_share_the_means():
    data = separable.build(classes=3, dimensions=4, points=300, validation=300, test=300, noise=0.1, seed=1)
    for label in range(3):
        means = [data[f"x_{split}"].values[data[f"y_{split}"].values == label].mean(0) for split in ("train", "test")]
        # two means of 100 points with deviation 0.1, within 5 standard errors of their difference
        np.testing.assert_allclose(*means, atol=5 * 0.1 * np.sqrt(2 / 100))
    assert not np.isin(data["x_test"].values, data["x_train"].values).any()


def test_draws_that_are_not_separable_are_replaced():
    options = {"classes": 2, "dimensions": 2, "points": 6, "noise": 1.0}
    sizes = {"train": 6, "validation": 200, "test": 1000}
    first_separable = 0
    for seed in range(10):
        first = separable._draw(2, 2, 1.0, sizes, [seed, 0])["train"]
        data = separable.build(**options, seed=seed)
        assert is_separable(data["x_train"].values, data["y_train"].values, 2)
        kept = np.array_equal(data["x_train"], first["x"])
        assert kept == is_separable(first["x"], first["y"], 2)
        first_separable += kept
    assert 0 < first_separable < 10  # both cases were met


def test_validation_size_does_not_change_training_points():
    first, second = (separable.build(seed=3, validation=size) for size in (10, 500))
    np.testing.assert_array_equal(first["x_train"], second["x_train"])
    np.testing.assert_array_equal(first["x_test"], second["x_test"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"classes": 1}, "classes=1, dimensions=5: give at least 2 classes"),
        ({"dimensions": 0}, "dimensions=0: give at least 2 classes and 1 dimension"),
        ({"noise": -0.1}, "noise=-0.1: a standard deviation is at least 0"),
        ({"points": 2}, "2 train points for 3 classes"),
        ({"validation": 1}, "1 validation points for 3 classes"),
        (
            {"dimensions": 1, "points": 40, "noise": 5.0},
            "no separable draw in 100 attempts.*lower noise or points",
        ),
    ],
)
def test_impossible_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        separable.build(**(separable.EXAMPLE | options), seed=0)


def test_unsolved_program_is_an_error(monkeypatch):
    unsolved = SimpleNamespace(status=4, message="numerical difficulties")
    monkeypatch.setattr(separable, "linprog", lambda *args, **options: unsolved)
    with pytest.raises(RuntimeError, match="linear program of the margin was not solved: numerical difficulties"):
        separable.build(seed=0)

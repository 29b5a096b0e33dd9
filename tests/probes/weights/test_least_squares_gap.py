"""Minima of least squares and of its Lasso: optimality conditions, closed forms, and what trained weights do."""

import numpy as np
import pytest
import torch

from imprint.fleet.train import train
from imprint.probes.weights import least_squares_gap
from imprint.solution import Solution

LINEAR = {"task": "least_squares", "model": {"name": "offset_linear"}}
PLAN = {"batch_size": None, "executor": "stacked", "block": None, "snapshots": {}}


def problem(task, seed):
    x = task.data["x_train"].sel(seed=seed).values
    return x[:, 1:], 1 - x[:, 0]


@pytest.mark.parametrize("penalty", [0.03, 0.3])
def test_lasso_meets_its_optimality_conditions(fleet, penalty):
    """Each slope of the loss is minus the penalty times the sign of its weight, or within it where that is 0."""
    _, task = fleet(**LINEAR, dimensions=20, points=10)
    features, y = problem(task, 3)
    found = least_squares_gap.lasso(features, y, penalty)
    slope = features.T @ (features @ found - y) / len(y)
    active = found != 0
    assert active.any() and not active.all()
    # a gap of 1e-12 of ||y||^2 / N: its root, near 1e-6, times the norm of a feature
    np.testing.assert_allclose(slope[active], -penalty * np.sign(found[active]), rtol=0, atol=1e-5)
    assert (np.abs(slope[~active]) <= penalty + 1e-5).all()


def test_lasso_of_orthogonal_features_is_soft_thresholding():
    stream = np.random.default_rng(0)
    features = np.sqrt(12) * np.linalg.qr(stream.standard_normal((12, 5)))[0]
    y = stream.standard_normal(12)
    along = features.T @ y / 12
    expected = np.sign(along) * np.maximum(np.abs(along) - 0.2, 0)
    np.testing.assert_allclose(least_squares_gap.lasso(features, y, 0.2), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("points", [9, 4])
def test_excess_is_the_loss_above_that_of_least_squares(fleet, points):
    """With more points than features and with fewer, where the minimum is 0 and not unique."""
    solution, task = fleet(**LINEAR, points=points)
    measured = least_squares_gap.measure(solution, task)["excess"].sel(snapshot="final")
    for place, seed in enumerate(solution.data["seed"].values):
        features, y = problem(task, seed)
        best = np.linalg.lstsq(features, y, rcond=None)[0]
        for setting in range(2):
            w = solution.values("layer.weight", "final")[setting, place, 0]
            losses = [np.square(features @ v - y).mean() / 2 for v in (w, best)]
            # losses near 10 and sums of ten products
            assert measured[setting, place] == pytest.approx(losses[0] - losses[1], rel=1e-11)


def test_proximal_descent_ends_at_the_lasso_and_subgradients_do_not(fleet):
    _, task = fleet(**LINEAR, dimensions=20, points=10)
    found = {}
    for name in ("l1_proximal", "l1_subgradient"):
        recipe = {"update": "torch.optim:SGD", "sees": "elements", "decay": {"name": name, "penalty": 0.3}}
        plan = {"recipe": recipe, **PLAN, "stop": {"steps": 2000}, "evaluate_every": 2000}
        solution = Solution(train(task, plan, [{"lr": 0.1}], [3, 0, 7]))
        measured = least_squares_gap.measure(solution, task, penalties=[0.3, 1.0])
        found[name] = measured.sel(snapshot="final").isel(setting=0)
    proximal, subgradient = found["l1_proximal"], found["l1_subgradient"]
    # the reference itself is known to the root of its gap, near 1e-6
    assert (proximal["lasso_distance"].sel(penalty="0.3") < 1e-5).all()
    assert (proximal["lasso_distance"].sel(penalty="1") > 0.1).all()
    np.testing.assert_allclose(proximal["l1_norm"], proximal["lasso_l1_norm"].sel(penalty="0.3"), rtol=1e-5)
    assert (proximal["zeros"] > 0.3).all() and not subgradient["zeros"].any()
    assert (subgradient["lasso_distance"].sel(penalty="0.3") > 0.01).all()


def test_a_search_that_does_not_end_is_said(monkeypatch):
    short = least_squares_gap.Lasso
    monkeypatch.setattr(least_squares_gap, "Lasso", lambda **options: short(**{**options, "max_iter": 1}))
    stream = np.random.default_rng(0)
    with pytest.raises(RuntimeError, match="the Lasso of penalty 0.001 is not found"):
        least_squares_gap.lasso(stream.standard_normal((10, 20)), stream.standard_normal(10), 0.001)


def test_other_problems_and_penalties_are_refused(fleet):
    with pytest.raises(ValueError, match="MLP with 10 outputs is none: use task: {name: least_squares"):
        least_squares_gap.measure(*fleet())
    solution, task = fleet(**LINEAR)
    for penalties in ([], [0.1, 0.0]):
        with pytest.raises(ValueError, match="give positive numbers, at least one"):
            least_squares_gap.measure(solution, task, penalties=penalties)


def test_distance_is_symmetric():
    one, other = torch.tensor([[1.0, 2.0]]), torch.tensor([[-3.0, 0.5]])
    assert torch.equal(least_squares_gap.distance(one, other), least_squares_gap.distance(other, one))

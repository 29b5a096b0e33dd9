import numpy as np
import pytest
import torch

from imprint.probes.function import margins
from imprint.solution import Solution

LINEAR = {"name": "mlp", "hidden": [], "bias": False}


def planted(fleet):
    """A fleet on separable data with the linear programme's own weights as the final ones."""
    solution, task = fleet("separable", LINEAR)
    data = solution.data.copy(deep=True)
    best = task.data["separable_weight"].values
    data["weight.layers.0.weight"].loc[{"snapshot": "final"}] = best
    return Solution(data), task


def test_the_best_weights_reach_the_bound_in_their_own_norm(fleet):
    solution, task = planted(fleet)
    measured = margins.measure(solution, task).isel(setting=0)
    final = measured.sel(snapshot="final")
    truth = task.data["separable_margin"].values
    np.testing.assert_allclose(final["margin"].sel(norm="max"), truth, rtol=1e-6)  # feasibility of HiGHS
    np.testing.assert_allclose(final["max_norm_optimum"], truth, rtol=1e-6)
    assert (final["ratio"].sel(norm="max") >= 1 - 2e-3).all()  # the tolerance of the bound
    assert (final["ratio"].sel(norm="l2") < 0.99).all()
    assert (measured["ratio"] <= 1).all()
    assert (measured["bound_gap"] <= 2e-3).all() and (measured["bound_gap"] >= 0).all()


def test_scale_does_not_matter(fleet):
    solution, task = planted(fleet)
    scaled = solution.data.copy(deep=True)
    scaled["weight.layers.0.weight"] *= 1e6
    before, after = margins.measure(solution, task), margins.measure(Solution(scaled), task)
    np.testing.assert_allclose(before["ratio"], after["ratio"], rtol=1e-12, atol=1e-12)  # a few roundings


def test_zero_weights_have_no_margin():
    found = margins.margins(torch.zeros(2, 3), torch.ones(4, 3), torch.tensor([0, 1, 0, 1]))
    assert found.isnan().all()


@pytest.mark.parametrize("model", [{**LINEAR, "bias": True}, {"name": "mlp", "hidden": [4], "bias": False}])
def test_other_models_are_refused(fleet, model):
    solution, task = fleet("separable", model)
    with pytest.raises(ValueError, match=r"linear model without bias.*MLP has .*layers\.0\.weight.*hidden: \[\]"):
        margins.measure(solution, task)


def test_inseparable_data_are_refused(fleet):
    solution, task = fleet("separable", LINEAR)
    task.data["x_train"][:] = 1.0
    with pytest.raises(ValueError, match="not linearly separable without a bias"):
        margins.measure(solution, task)

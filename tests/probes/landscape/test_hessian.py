import numpy as np
import torch

from imprint.probes.landscape import hessian
from imprint.solution import Solution
from imprint.task import Task


def test_linear_least_squares_in_closed_form(fleet):
    """Squared error of a linear model: the Hessian is I_C (x) X'X / n of the declared examples."""
    solution, task = fleet(model={"name": "mlp", "hidden": [], "bias": False})
    task = Task(task.data, {"name": "mlp", "hidden": [], "bias": False}, "squared_error", precision="float64")
    measured = hessian.measure(solution, task, examples=30, draws=40)
    x = task.split("train")[0][:30].numpy()
    gram = x.T @ x / 30
    # Lanczos reaches all of the 16 different eigenvalues; 1e-10 is float64 times their spread
    np.testing.assert_allclose(measured["top_eigenvalue"], np.linalg.eigvalsh(gram)[-1], rtol=1e-10)
    assert (measured["top_eigenvalue_residual"] < 1e-8).all()
    exact, error = 10 * np.trace(gram), measured["trace_error"]
    spread = 2 * 10 * (np.sum(gram**2) - np.sum(np.diag(gram) ** 2))
    # standard error of 40 draws, itself known to 1 / sqrt(2 * 39), about 11 %; four of either
    np.testing.assert_allclose(error, np.sqrt(spread / 40), rtol=0.45)
    assert (abs(measured["trace"] - exact) < 4 * np.sqrt(spread / 40)).all()


def test_float32_agrees_with_float64(fleet):
    solution, task = fleet()
    single = Task(task.data, {"name": "mlp", "hidden": [6, 5]}, "cross_entropy", precision="float32")
    exact, rounded = hessian.measure(solution, task), hessian.measure(solution, single)
    # double backward through three layers in float32: some hundred eps
    np.testing.assert_allclose(rounded["top_eigenvalue"], exact["top_eigenvalue"], rtol=1e-4)
    np.testing.assert_allclose(rounded["trace"], exact["trace"], rtol=1e-4, atol=1e-3)


def test_replicas_of_equal_weights_have_equal_curvature(fleet):
    """The start and sign vectors do not depend on the replica."""
    solution, task = fleet()
    data = solution.data.copy(deep=True)
    for name in solution.parameters:
        data[f"weight.{name}"][:] = data[f"weight.{name}"].isel(setting=0, seed=0).values
    measured = hessian.measure(Solution(data), task)
    for name in hessian.MEASURES:
        values = measured[name].sel(snapshot="final").values
        np.testing.assert_allclose(values, values[0, 0], rtol=1e-9, atol=1e-12)  # rounding of batched products


def test_needs_no_gradient_mode_outside(fleet):
    solution, task = fleet()
    with torch.no_grad():
        measured = hessian.measure(solution, task, iterations=5, draws=2)
    assert np.isfinite(measured["trace"]).all()

"""The edge of stability in two dimensions: gradient descent on one second-order example, by its own recursion.

With ``f = w' Q w / 2 + b`` on two parameters, gradient descent on ``(f - 1)^2 / 2`` closes in the residual
``z = f - 1`` and the curvature ``T = |Qw|^2`` (Agarwala et al. 2023, arXiv 2210.04860): no weights are needed to
follow it.
"""

import json

import numpy as np
import pytest
import xarray as xr

from imprint.fleet.train import train
from imprint.probes.landscape import edge
from imprint.solution import Solution
from imprint.task import Task
from imprint.tasks.labelled import labelled

RATE, STEPS, OFFSET = 0.1, 600, -6.0
FORM = np.array([1.0, -0.2])
STARTS = np.array([[1.0, 10.0], [2.0, 8.0], [2.5, 10.0]])


def recursion(z, curvature):
    """Residual and curvature ``[steps + 1, 2]``.

    Per step ``z' = z - rate z T + (rate z)^2 T1 / 2`` and ``T' = T - 2 rate z T1 + (rate z)^2 T2`` with
    ``Tk = w' Q^(k+2) w``; ``Q^2 = trace(Q) Q - det(Q)`` gives ``T1`` from ``T`` and ``w'Qw = 2 (z + 1 - b)``, and
    ``T2`` from ``T1`` and ``T``.
    """
    trace, determinant = FORM.sum(), FORM.prod()
    found = [(z, curvature)]
    for _ in range(STEPS):
        first = trace * curvature - determinant * 2 * (z + 1 - OFFSET)
        second = trace * first - determinant * curvature
        move = RATE * z
        z, curvature = z - move * curvature + move**2 * first / 2, curvature - 2 * move * first + move**2 * second
        found.append((z, curvature))
    return np.array(found)


def example(start):
    """The example as seen from ``start``, since the model begins at 0: ``f(start + w)``."""
    row = np.concatenate([[OFFSET + FORM @ start**2 / 2], FORM * start, np.diag(FORM).ravel()])[None]
    parts = {split: {"x": row, "y": np.zeros(1, np.int64)} for split in ("train", "validation", "test")}
    return labelled(parts, classes=1, x="coefficients", source="two dimensions")


@pytest.fixture(scope="module")
def case():
    """What the probe says of a fleet from three starts, the solution, and the recursion from each."""
    seeds = xr.IndexVariable("seed", [0, 1, 2])
    data = xr.concat([example(start) for start in STARTS], seeds, data_vars="all")
    task = Task(data, {"name": "second_order"}, "squared_error", precision="float64")
    recipe = {"update": "torch.optim:SGD", "sees": "elements", "hyper": {"lr": RATE}}
    spec = {"recipe": recipe, "batch_size": None, "executor": "stacked", "block": None, "stop": {"steps": STEPS}}
    spec |= {"snapshots": {f"path_{step}": {"step": step} for step in range(1, 30)}, "evaluate_every": 10}
    solution = train(task, spec, [{"lr": RATE}], [0, 1, 2])
    solution.attrs["spec"] = json.dumps(spec)
    begins = [(OFFSET + FORM @ start**2 / 2 - 1, FORM**2 @ start**2) for start in STARTS]
    return edge.measure(Solution(solution), task), solution, np.stack([recursion(*begin) for begin in begins])


def test_losses_follow_the_recursion(case):
    _, solution, path = case
    steps = solution["step"].values[:6]
    # 50 steps, some of which double a difference: rounding of 1e-16 stays below 1e-6
    np.testing.assert_allclose(solution["train_loss"].values[0][:, :6], path[:, steps, 0] ** 2 / 2, rtol=1e-6)


def test_curvature_is_the_hessian_of_the_recursion(case):
    """On the way the Hessian is ``Qw (Qw)' + z Q``: its trace is T + z trace(Q)."""
    found, _, path = case
    for step in (1, 5, 20, 29):
        z, curvature = path[:, step].T
        np.testing.assert_allclose(
            found["trace"].sel(snapshot=f"path_{step}")[0], curvature + z * FORM.sum(), rtol=1e-6
        )


def test_it_sharpens_past_the_edge_and_ends_a_little_below(case):
    """From three starts nearly one value: the way back from beyond the edge forgets where it began."""
    found, _, path = case
    last = found.sel(snapshot="final")
    assert (path[:, 0, 1] * RATE < 1.1).all() and (path[..., 1].max(1) * RATE > 2.4).all()
    assert (last["reached"] == 1).all()
    # at the edge a difference shrinks by about 4 % in two steps, after it grew no more than before: rounding
    np.testing.assert_allclose(2 * last["ratio"][0], path[:, -1, 1] * RATE, rtol=1e-6)
    assert np.ptp(2 * last["ratio"].values) < 0.002
    assert (2 * last["ratio"] > 1.95).all() and (2 * last["ratio"] < 1.98).all()

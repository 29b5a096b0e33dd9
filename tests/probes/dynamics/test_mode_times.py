import numpy as np
import pytest
import torch

from imprint.probes.dynamics import mode_times
from imprint.solution import Solution

LINEAR = {"name": "deep_linear"}
SHARES = {  # learned share of the three modes of spectrum (4, 2, 1) at steps 0, 10 and 20
    "init": [0.0, 0.0, 0.5],
    "middle": [0.95, 0.89, 0.5],
    "final": [0.7, 1.3, 0.91],
}


def planted(fleet, shares=SHARES):
    """A fleet whose map has these shares of every mode, and something outside of all modes."""
    solution, task = fleet("modes", LINEAR, noise=0.0, dimensions=5, length=2.0)
    data = solution.data.copy(deep=True)
    left, right, strength = (task.data[f"modes_{name}"].values for name in ("left", "right", "strength"))
    rest = np.eye(5) - np.einsum("smd,sme->sde", right, right)
    for snapshot, share in shares.items():
        weight = np.einsum("smc,smd->scd", left, np.array(share)[None, :, None] * strength[..., None] * right)
        data["weight.layers.0.weight"].loc[{"snapshot": snapshot}] = weight + np.ones((3, 5)) @ rest
    return Solution(data), task


def test_planted_shares_and_times(fleet):
    solution, task = planted(fleet)
    measured = mode_times.measure(solution, task)
    for snapshot, share in SHARES.items():
        np.testing.assert_allclose(measured["strength"].sel(snapshot=snapshot), np.tile(share, (2, 3, 1)), atol=1e-13)
    assert measured["learned"].isel(setting=0, seed=0).values.tolist() == [0, 1, 2]
    nan = np.nan
    times = {"init": [nan] * 3, "middle": [10, nan, nan], "final": [10, 20, 20]}
    for snapshot, expected in times.items():
        np.testing.assert_array_equal(measured["time"].sel(snapshot=snapshot)[1, 2], expected)
    final = measured.sel(snapshot="final")
    # singular values 4, 2, 1: slope of log(10, 20, 20) on them, by numpy
    expected = np.polyfit(np.log([4, 2, 1]), np.log([10, 20, 20]), 1)[0]
    np.testing.assert_allclose(final["slope"], expected, rtol=1e-12)
    assert (final["spread"] == 2).all() and (final["plateaus"] == 1).all()
    assert measured["slope"].sel(snapshot="middle").isnull().all()
    assert (measured["spread"].sel(snapshot="middle") == 1).all()
    np.testing.assert_allclose(measured["value"].isel(setting=0, snapshot=0), task.data["modes_value"])


def test_rank_is_that_of_the_whole_map(fleet):
    solution, task = planted(fleet)
    measured = mode_times.measure(solution, task)["rank"].sel(snapshot="middle").isel(setting=0)
    for seed, weight in enumerate(solution.values("layers.0.weight", "middle")[0]):
        share = np.linalg.svd(weight)[1]
        share /= share.sum()
        np.testing.assert_allclose(measured[seed], np.exp(-(share * np.log(share)).sum()), rtol=1e-12)


def test_two_matrices_are_read_as_their_product(fleet):
    solution, task = planted(fleet)
    model = {"name": "deep_linear", "hidden": [4]}
    deep, _ = fleet("modes", model, noise=0.0, dimensions=5, length=2.0)
    data, generator = deep.data.copy(deep=True), np.random.default_rng(0)
    second = generator.standard_normal((3, 4))
    data["weight.layers.1.weight"][:] = second
    inverse = np.linalg.pinv(second)
    data["weight.layers.0.weight"][:] = np.einsum("hc,...cd->...hd", inverse, solution.data["weight.layers.0.weight"])
    other = type(task)(task.data, model, "squared_error", "float64")
    found = mode_times.measure(Solution(data), other)
    one = mode_times.measure(solution, task)
    for name in ("strength", "time", "slope", "rank"):
        np.testing.assert_allclose(found[name], one[name], rtol=1e-10, atol=1e-12)  # condition of a 3 x 4 matrix


def test_modes_known_at_the_start_are_not_learned_by_training(fleet):
    solution, task = planted(fleet, {**SHARES, "init": [1.0, 0.0, 0.0]})
    final = mode_times.measure(solution, task).sel(snapshot="final").isel(setting=0, seed=0)
    assert final["time"].values.tolist() == [0, 20, 20]
    assert final["spread"] == 1 and final["slope"] == 0 and final["plateaus"] == 0


def test_snapshots_in_another_order_or_not_reached(fleet):
    solution, task = planted(fleet)
    expected = mode_times.measure(solution, task)
    shuffled = solution.data.isel(snapshot=[2, 0, 1])
    found = mode_times.measure(Solution(shuffled), task)
    for name in ("time", "plateaus", "slope"):
        np.testing.assert_array_equal(found[name].sel(snapshot="final"), expected[name].sel(snapshot="final"))
    data = solution.data.copy(deep=True)
    steps = data["snapshot_step"].values.copy()
    steps[..., 1] = -1
    data["snapshot_step"] = data["snapshot_step"].dims, steps
    data["weight.layers.0.weight"].loc[{"snapshot": "middle"}] = np.nan
    found = mode_times.measure(Solution(data), task).sel(snapshot="final").isel(setting=0, seed=0)
    np.testing.assert_array_equal(found["time"], [np.nan, 20, 20])


def test_waits_longer_than_a_fifth_are_plateaus():
    times = torch.tensor([[10.0, 12.0, 14.0, 20.0], [10.0, 13.0, 16.0, 20.0], [5.0, 5.0, 5.0, torch.nan]])
    assert mode_times.plateaus(times).tolist() == [1, 3, 0]


def test_networks_that_are_not_linear_are_refused(fleet):
    solution, task = fleet("modes", {"name": "mlp", "hidden": [6]})
    with pytest.raises(ValueError, match="linear network.*does not double the outputs of model MLP.*deep_linear"):
        mode_times.measure(solution, task)

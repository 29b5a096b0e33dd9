"""Rounding by its definition, the error of layers by plain loops, and networks whose errors are known."""

import numpy as np
import pytest
import torch
import xarray as xr

from imprint.models.initialize import initialize
from imprint.probes.robustness import quantization
from imprint.solution import Solution
from imprint.streams import generator
from imprint.task import Task
from imprint.tasks import characters

EPS = torch.finfo(torch.float64).eps
# sums of some thousand products in another order, divided by sums of the same kind
SUMS = {"rtol": 1e-10, "atol": 1e-14}


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def plain_rounded(rows, bits):
    """The nearest grid point of every number, by looking at all of them."""
    result = np.empty_like(rows)
    for place in np.ndindex(rows.shape[:-1]):
        top = np.abs(rows[place]).max()
        grid = top * np.arange(-(2 ** (bits - 1)) + 1, 2 ** (bits - 1)) / (2 ** (bits - 1) - 1)
        result[place] = grid[np.abs(rows[place][:, None] - grid).argmin(-1)]
    return result


# ------------------------------------------------------ rounding


@pytest.mark.parametrize("bits", [2, 3, 4, 6, 8])
def test_rounding_takes_the_nearest_grid_point(bits):
    rows = random(3, 7, 20)
    found = quantization.rounded(rows, bits)
    # the grid's points are products of two numbers in another order
    np.testing.assert_allclose(found, plain_rounded(rows.numpy(), bits), rtol=4 * EPS, atol=4 * EPS)
    assert max(len(row.unique()) for row in found.flatten(0, 1)) <= 2**bits - 1
    torch.testing.assert_close(quantization.rounded(found, bits), found, rtol=4 * EPS, atol=0)


@pytest.mark.parametrize("bits", [4, 8])
def test_the_error_of_uniform_numbers_is_a_twelfth_of_the_squared_step(bits):
    """Bennett 1948, for numbers spread evenly over many steps; standard error of the mean square from the sample."""
    stream = torch.Generator().manual_seed(0)
    row = torch.rand(200000, generator=stream, dtype=torch.float64) * 2 - 1
    row[0] = 1  # so that the step is known
    square = (quantization.rounded(row, bits) - row).square()
    expected = 1 / (2 ** (bits - 1) - 1) ** 2 / 12
    assert abs(square.mean() - expected) < 5 * square.std() / len(row) ** 0.5


def test_a_row_s_scale_and_sign_do_not_matter():
    row = random(1, 30)
    assert torch.equal(quantization.rounded(-8 * row, 4), -8 * quantization.rounded(row, 4))


# ------------------------------------------------------ outliers and order


def test_outliers_by_hand():
    """Max over mean 4/2; deviations (-1, -1, 1, 1) twice: kurtosis 1. One number in D: ratio D."""
    ratio, moment = quantization.outliers(torch.tensor([[1.0, 1.0, 3.0, 3.0]]))
    assert (ratio, moment) == (1.5, 1.0)
    ratio, _ = quantization.outliers(torch.eye(8))
    assert ratio == 8


def test_outliers_of_gaussian_rows():
    ratio, moment = quantization.outliers(random(2000, 500))
    # kurtosis 3 (n - 1) / (n + 1) in a row of n; its standard error over rows is sqrt(24 / n / rows)
    assert abs(moment - 3 * 499 / 501) < 5 * (24 / 500 / 2000) ** 0.5
    assert 3.5 < ratio < 4.2  # the largest of 500 lies at about 3.09 deviations, the mean size is 0.798


def test_violation_is_the_largest_rise_towards_more_bits():
    drop = torch.tensor([0.1, 0.0, 0.3, 0.2, 0.5])
    torch.testing.assert_close(quantization.violation(drop), torch.tensor(0.1))
    assert quantization.violation(torch.tensor([0.0, 0.1, 0.1])) == 0
    assert quantization.violation(torch.tensor([0.7, 0.1, 0.6])) == pytest.approx(0.6)


# ------------------------------------------------------ a network against plain loops


def test_against_plain_loops(fleet):
    """One replica at one width, layer by layer in numpy."""
    solution, task = fleet()
    measured = quantization.measure(solution, task, bits=[4, 3])
    weights = {name: solution.values(name, "final")[1, 2] for name in solution.parameters}
    x, y = (value.numpy() for value in task.split("test"))
    for kind in ("weights", "both"):
        cell = measured.isel(setting=1, seed=2).sel(snapshot="final", rounded=kind, bits=3)
        exact = given = x
        for layer in range(3):
            w, b = weights[f"layers.{layer}.weight"], weights[f"layers.{layer}.bias"]
            h = exact @ w.T + b
            seen = plain_rounded(given, 3) if kind == "both" else given
            output = seen @ plain_rounded(w, 3).T + b
            carried = (given - exact) @ w.T
            added = output - h - carried
            size, own = (h**2).sum(), cell.sel(layer=f"layers.{layer}")
            np.testing.assert_allclose(own["error"], ((output - h) ** 2).sum() / size, **SUMS)
            np.testing.assert_allclose(own["propagated"], (carried**2).sum() / size, **SUMS)
            np.testing.assert_allclose(own["local"], (added**2).sum() / size, **SUMS)
            np.testing.assert_allclose(own["cross"], 2 * (carried * added).sum() / size, **SUMS)
            before = ((given - exact) ** 2).sum() / (exact**2).sum()
            expected = (carried**2).sum() / size / before if layer else np.nan
            np.testing.assert_allclose(own["gain"], expected, **SUMS)
            exact, given = np.maximum(h, 0), np.maximum(output, 0)
        np.testing.assert_allclose(cell["last_error"], own["error"], **SUMS)
        np.testing.assert_allclose(cell["accuracy"], (output.argmax(-1) == y).mean(), atol=EPS)
        np.testing.assert_allclose(
            cell["drop"], (h.argmax(-1) == y).mean() - (output.argmax(-1) == y).mean(), atol=2 * EPS
        )
        loss = [np.log(np.exp(z).sum(-1)) - z[np.arange(len(y)), y] for z in (output, h)]
        np.testing.assert_allclose(cell["loss"], loss[0].mean(), rtol=1e-12)
        np.testing.assert_allclose(cell["loss_increase"], (loss[0] - loss[1]).mean(), rtol=1e-9)
        gains = measured.isel(setting=1, seed=2).sel(snapshot="final", rounded=kind, bits=3)["gain"].values[1:]
        np.testing.assert_allclose(cell["mean_gain"], gains.prod() ** 0.5, rtol=1e-12)


def sonnets():
    """A solution of random transformers in float64, three replicas, one snapshot, and its task."""
    data = characters.build(**characters.EXAMPLE)
    task = Task(data, {"name": "transformer", "width": 8, "layers": 2, "heads": 2}, "cross_entropy", "float64")
    rows = [initialize(task.model, generator(seed, "init")) for seed in range(3)]
    variables = {
        f"weight.{name}": (
            ("setting", "seed", "snapshot", f"{name}_0", f"{name}_1"),
            torch.stack([row[name] for row in rows])[None, :, None].numpy(),
        )
        for name in rows[0]
    }
    coords = {"setting": [0], "seed": [0, 1, 2], "snapshot": ["final"]}
    return Solution(xr.Dataset(variables, coords)), task


def test_rounded_weights_of_a_transformer_are_those_of_its_batched_pass():
    """The weights rounded first, then the model's own stacked forward pass."""
    solution, task = sonnets()
    measured = quantization.measure(solution, task, bits=[8, 3]).sel(snapshot="final").isel(setting=0)
    weights = {name: torch.as_tensor(solution.values(name, "final")[0]) for name in solution.parameters}
    x, y = task.split("test")
    exact = task.logits(weights, x)
    for bits in (8, 3):
        changed = {
            name: value if name.startswith(("tokens", "places")) else quantization.rounded(value, bits)
            for name, value in weights.items()
        }
        logits = task.logits(changed, x)
        cell = measured.sel(rounded="weights", bits=bits)
        np.testing.assert_allclose(cell["loss"], task.loss(logits, y).mean(-1), rtol=1e-12)
        error = (logits - exact).square().sum((1, 2)) / exact.square().sum((1, 2))
        np.testing.assert_allclose(cell["last_error"], error, **SUMS)
        np.testing.assert_allclose(cell["error"].sel(layer="head"), error, **SUMS)
    assert len(measured["layer"]) == 2 * 6 + 1


@pytest.mark.parametrize("make", ["mlp", "transformer"])
def test_the_error_is_the_sum_of_its_parts(fleet, make):
    solution, task = fleet() if make == "mlp" else sonnets()
    measured = quantization.measure(solution, task)
    sums = measured["propagated"] + measured["local"] + measured["cross"]
    # the criterion of the literature is 1e-6; float64 leaves its rounding of numbers of order 1
    np.testing.assert_allclose(measured["error"], sums, rtol=1e-10, atol=1e-13)
    assert measured["identity_error"].max() < 1e-12
    both = measured.sel(rounded="both")
    assert (both["error"].sel(bits=16) < 1e-6).all() and (both["last_error"].diff("bits") > 0).all()
    # 1.5e-5 of the largest in a row moves hardly any of 500 predictions
    assert abs(both["drop"].sel(bits=16)).max() <= 2 / 500


# ------------------------------------------------------ networks whose errors are known


def linear_task(fleet, hidden):
    return fleet(model={"name": "mlp", "hidden": hidden, "bias": False})


def test_without_a_layer_before_all_error_is_local(fleet):
    measured = quantization.measure(*linear_task(fleet, []), bits=[3]).isel(layer=0)
    np.testing.assert_array_equal(measured["propagated"], 0)
    np.testing.assert_array_equal(measured["cross"], 0)
    np.testing.assert_allclose(measured["local"], measured["error"], rtol=1e-12)
    assert np.isnan(measured["gain"]).all() and np.isnan(measured["mean_gain"]).all()


def test_weights_on_the_grid_lose_nothing(fleet):
    """Whole numbers up to 3 with a 3 in every row are 3-bit numbers already."""
    solution, task = fleet()
    data = solution.data.copy(deep=True)
    for name in solution.parameters:
        values = data[f"weight.{name}"].values
        data[f"weight.{name}"].values = np.clip(np.round(3 * values), -3, 3)
        if "weight" in name:
            data[f"weight.{name}"].values[..., 0] = 3
    measured = quantization.measure(Solution(data), task, bits=[3, 2]).sel(rounded="weights")
    for name in ("drop", "last_error", "loss_increase"):
        np.testing.assert_allclose(measured[name].sel(bits=3), 0, atol=1e-13)
    assert (measured["last_error"].sel(bits=2) > 0).all()


def test_an_orthogonal_layer_hands_on_the_error_it_gets(fleet):
    """Between units that are all on, |W dx| / |W x| = |dx| / |x|: the gain is 1."""
    solution, task = linear_task(fleet, [6, 6])
    data = solution.data.copy(deep=True)
    data["weight.layers.0.weight"].values = np.abs(data["weight.layers.0.weight"].values)
    q = np.linalg.qr(random(6, 6).numpy())[0]
    data["weight.layers.1.weight"].values[:] = q
    task.data["x_test"].values = np.abs(task.data["x_test"].values)
    measured = quantization.measure(Solution(data), task, bits=[4]).sel(layer="layers.1", snapshot="final")
    np.testing.assert_allclose(measured["gain"], 1, rtol=1e-10)
    # the input of the second layer is the output of the first, whose units are all on
    first = quantization.measure(Solution(data), task, bits=[4]).sel(layer="layers.0", snapshot="final")
    np.testing.assert_allclose(measured["propagated"], first["error"], rtol=1e-10)


def test_hooks_are_gone_afterwards(fleet):
    solution, task = fleet()
    quantization.measure(solution, task, bits=[4])
    assert not any(layer._forward_hooks for layer in task.model.modules())


# ------------------------------------------------------ what is refused


@pytest.mark.parametrize("bits", [[], [4, 1], [4, 8], [4, 4]])
def test_widths_that_do_not_fall_are_refused(fleet, bits):
    with pytest.raises(ValueError, match=r"bits \[.*\] are not falling whole numbers of at least 2"):
        quantization.measure(*fleet(), bits=bits)


def test_a_convolution_is_refused_by_name(fleet):
    model = {"name": "convnet", "shape": [1, 4, 4], "channels": [2]}
    solution, task = fleet(model=model)
    with pytest.raises(ValueError, match="layer 'convolutions.0' is a Conv2d: take this probe out"):
        quantization.measure(solution, task)

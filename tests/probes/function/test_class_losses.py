import numpy as np
import pytest
import torch
import xarray as xr

from imprint.probes.function import class_losses
from imprint.solution import Solution

LINEAR = {"name": "deep_linear"}


def planted(fleet, logit):
    """A memory of 6 classes of which class k gets its own logit, the same for all others 0."""
    solution, task = fleet("heavy_tail", LINEAR, classes=6, dimensions=6, rarest=1, noise=0.0, length=1.0)
    data = solution.data.copy(deep=True)
    data["weight.layers.0.weight"].loc[{"snapshot": "final"}] = np.diag(logit)
    return Solution(data), task


def test_closed_form_of_a_diagonal_memory(fleet):
    """loss = log(1 + 5 exp(-m)), probability = exp(-loss)."""
    logit = np.array([6.0, 4.0, 3.0, 2.0, 1.0, 0.5])
    solution, task = planted(fleet, logit)
    final = class_losses.measure(solution, task).sel(snapshot="final").isel(setting=0, seed=1)
    loss = np.log1p(5 * np.exp(-logit))
    share = np.array([6, 3, 2, 2, 1, 1]) / 15
    np.testing.assert_allclose(final["frequency"], share, rtol=1e-14)
    np.testing.assert_allclose(final["loss"], loss, rtol=1e-12)  # a few roundings of numbers near 1
    np.testing.assert_allclose(final["probability"], np.exp(-loss), rtol=1e-12)
    np.testing.assert_allclose(final["gap"], np.exp(-loss[0]) - np.exp(-loss[-1]), rtol=1e-12)
    np.testing.assert_allclose(final["variation"], loss.std() / loss.mean(), rtol=1e-12)
    np.testing.assert_allclose(final["slope"], np.polyfit(np.log(share), np.log(loss), 1)[0], rtol=1e-10)


def test_losses_of_one_over_frequency_have_slope_minus_one(fleet):
    share = np.array([6, 3, 2, 2, 1, 1]) / 15
    solution, task = planted(fleet, -np.log(np.expm1(0.01 / share) / 5))
    final = class_losses.measure(solution, task).sel(snapshot="final")
    np.testing.assert_allclose(final["slope"], -1, rtol=1e-10)  # losses of 0.02 from exponentials near 1


def test_equal_losses_vary_by_nothing_and_a_loss_of_zero_has_no_slope(fleet):
    solution, task = planted(fleet, np.full(6, 3.0))
    final = class_losses.measure(solution, task).sel(snapshot="final")
    np.testing.assert_allclose(final["variation"], 0, atol=1e-14)
    np.testing.assert_allclose(final["slope"], 0, atol=1e-14)
    np.testing.assert_allclose(final["gap"], 0, atol=1e-14)
    solution, task = planted(fleet, np.array([1e3, 1, 1, 1, 1, 1]))
    assert class_losses.measure(solution, task).sel(snapshot="final")["slope"].isnull().all()


def test_classes_without_examples_are_left_out(fleet):
    """split_classes has an output for ten classes and examples of six."""
    solution, task = fleet("split_classes")
    measured = class_losses.measure(solution, task)
    absent = measured["frequency"].isel(setting=0, seed=0, snapshot=0).isnull().values
    assert absent.tolist() == [False] * 6 + [True] * 4
    for name in ("loss", "probability"):
        xr.testing.assert_equal(measured[name].isnull(), measured["frequency"].isnull())
    loss = measured["loss"].isel({"class": slice(0, 6)})
    np.testing.assert_allclose(measured["variation"], loss.std("class") / loss.mean("class"), rtol=1e-12)


def test_means_against_a_loop():
    generator = torch.Generator().manual_seed(0)
    values = torch.rand(2, 9, generator=generator, dtype=torch.float64)
    y = torch.tensor([[0, 2, 2, 1, 0, 0, 2, 1, 1], [1, 1, 1, 1, 0, 0, 0, 0, 0]])
    found = class_losses.class_means(values, y, 3)
    for r in range(2):
        for c in range(3):
            own = [values[r, n].item() for n in range(9) if y[r, n] == c]
            assert found[r, c].item() == pytest.approx(np.mean(own) if own else np.nan, nan_ok=True, rel=1e-14)

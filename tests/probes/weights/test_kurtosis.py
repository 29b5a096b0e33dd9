import numpy as np
import torch
from scipy import stats

from imprint.probes.weights import kurtosis, sparsity


def test_layer_by_layer_against_scipy(fleet):
    solution, task = fleet()
    for name in solution.parameters:
        values = solution.data[f"weight.{name}"].values
        values[np.abs(values) < 0.2] *= 1e-3
    measured = kurtosis.measure(solution, task).isel(setting=1, seed=2).sel(snapshot="final")
    assert measured["layer"].values.tolist() == [f"layers.{place}.weight" for place in range(3)]
    for name in measured["layer"].values:
        entries = solution.values(name, "final")[1, 2].ravel()
        at = measured.sel(layer=name)
        # sums of at most a hundred float64
        np.testing.assert_allclose(at["kurtosis"], stats.kurtosis(entries, fisher=False), rtol=1e-10)
        np.testing.assert_allclose(at["max_to_mean"], np.abs(entries).max() / np.abs(entries).mean(), rtol=1e-12)
        assert at["near_zero"].item() == (np.abs(entries) < 1e-3).mean() > 0


def test_layers_together_are_what_sparsity_measures(fleet):
    solution, task = fleet()
    for name in solution.parameters:
        solution.data[f"weight.{name}"].values[...] *= 0.01
    each, whole = kurtosis.measure(solution, task)["near_zero"], sparsity.measure(solution, task)["near_zero"]
    sizes = np.array([solution.values(name, "final")[0, 0].size for name in each["layer"].values])
    np.testing.assert_allclose((each * sizes).sum("layer") / sizes.sum(), whole, rtol=1e-12)


def test_known_sizes():
    single = torch.zeros(1, 16, dtype=torch.float64)
    single[0, 3] = -2
    assert kurtosis.max_to_mean(single).item() == 16
    assert kurtosis.max_to_mean(torch.tensor([[0.5, -0.5, 0.5]])).item() == 1
    assert kurtosis.max_to_mean(torch.zeros(1, 4)).isnan().all()
    # of n exponential sizes the largest is about log n + 0.5772 means, with a standard deviation of 1.28
    sizes = -torch.log(torch.rand(1, 10**6, generator=torch.Generator().manual_seed(0), dtype=torch.float64))
    assert abs(kurtosis.max_to_mean(sizes).item() - np.log(10**6) - 0.5772) < 5 * 1.29

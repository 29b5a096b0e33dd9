import numpy as np
import torch
from scipy import stats

from imprint.probes.weights import sparsity


def test_against_numpy_over_all_matrices(fleet):
    """One replica with some small entries; biases do not count."""
    solution, task = fleet()
    for name in solution.parameters:
        values = solution.data[f"weight.{name}"].values
        values[np.abs(values) < 0.3] *= 0.05
    measured = sparsity.measure(solution, task).isel(setting=1, seed=0).sel(snapshot="final")
    matrices = [name for name in solution.parameters if name.endswith("weight")]
    entries = np.concatenate([solution.values(name, "final")[1, 0].ravel() for name in matrices])
    size = np.abs(entries)
    assert measured["near_zero"].item() == (size < 1e-3).mean() > 0
    assert measured["negligible"].item() == (size < 0.01 * np.sqrt((entries**2).mean())).mean() > 0
    np.testing.assert_allclose(measured["kurtosis"], stats.kurtosis(entries, fisher=False), rtol=1e-10)
    root = np.sqrt(len(entries))
    hoyer = (root - size.sum() / np.linalg.norm(entries)) / (root - 1)
    np.testing.assert_allclose(measured["hoyer"], hoyer, rtol=1e-10)  # sums of a few hundred float64


def test_scale_matters_to_near_zero_only():
    generator = torch.Generator().manual_seed(0)
    weights = torch.randn(1, 400, generator=generator, dtype=torch.float64)
    for measure in (sparsity.kurtosis, sparsity.hoyer):
        torch.testing.assert_close(measure(1e5 * weights), measure(weights))
    assert sparsity.fraction_below(weights, torch.tensor([1e-3])) < 0.1
    assert sparsity.fraction_below(1e-5 * weights, torch.tensor([1e-3])) == 1


def test_known_shapes():
    """Two-point: kurtosis 1, Hoyer 0; one entry in P: Hoyer 1; a uniform grid: the discrete kurtosis."""
    signs = torch.tensor([[1.0, -1.0] * 8], dtype=torch.float64)
    assert sparsity.kurtosis(signs).item() == 1 and sparsity.hoyer(signs).item() == 0
    single = torch.zeros(1, 16, dtype=torch.float64)
    single[0, 3] = -2
    assert sparsity.hoyer(single).item() == 1
    grid = torch.linspace(-1, 1, 1001, dtype=torch.float64).unsqueeze(0)
    count = 1001
    exact = 3 / 5 * (3 * count**2 - 7) / (count**2 - 1)  # discrete uniform distribution
    torch.testing.assert_close(sparsity.kurtosis(grid), torch.tensor([exact], dtype=torch.float64))
    assert sparsity.hoyer(torch.zeros(1, 4)).isnan() and sparsity.kurtosis(torch.ones(1, 4)).isnan()

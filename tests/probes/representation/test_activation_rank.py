import numpy as np
import torch

from imprint.probes.representation import activation_rank
from imprint.solution import Solution


def test_one_label_per_hidden_layer(fleet):
    """Against the covariance spectrum of one replica's activations."""
    solution, task = fleet()
    measured = activation_rank.measure(solution, task)
    assert measured["layer"].values.tolist() == ["hidden_1", "hidden_2"]
    weights = {name: torch.as_tensor(solution.values(name, "final")[1:, 2]) for name in solution.parameters}
    hidden = task.activations(weights, task.split("test")[0])["hidden_1"][0].numpy()
    variance = np.linalg.eigvalsh(np.cov(hidden.T))[::-1].clip(0)
    cell = measured.isel(setting=1, seed=2).sel(snapshot="final", layer="hidden_1")
    # eigenvalues of the covariance carry the squares of the rounding of singular values
    np.testing.assert_allclose(cell["participation_ratio"], variance.sum() ** 2 / (variance**2).sum(), rtol=1e-9)
    np.testing.assert_allclose(cell["stable_rank"], variance.sum() / variance[0], rtol=1e-9)
    share = np.sqrt(variance) / np.sqrt(variance).sum()
    share = share[share > 1e-7]
    np.testing.assert_allclose(cell["effective_rank"], np.exp(-(share * np.log(share)).sum()), rtol=1e-5)
    assert cell["components"].item() == 1 + (variance.cumsum() < 0.99 * variance.sum()).sum()


def test_a_dead_layer_has_no_rank(fleet):
    """All first biases at -1e9: no unit of the first layer ever fires."""
    solution, task = fleet()
    data = solution.data.copy(deep=True)
    data["weight.layers.0.bias"][:] = -1e9
    measured = activation_rank.measure(Solution(data), task)
    for name in activation_rank.MEASURES:
        assert np.isnan(measured[name].sel(snapshot="final", layer="hidden_1")).all(), name

import numpy as np

from imprint.probes.weights import effective_rank


def test_one_label_per_matrix(fleet):
    """Against numpy's singular values of one stored matrix."""
    solution, task = fleet()
    measured = effective_rank.measure(solution, task)
    assert measured["layer"].values.tolist() == ["layers.0.weight", "layers.1.weight", "layers.2.weight"]
    sigma = np.linalg.svd(solution.values("layers.1.weight", "final")[1, 2], compute_uv=False)
    share = sigma / sigma.sum()
    cell = measured.isel(setting=1, seed=2).sel(snapshot="final", layer="layers.1.weight")
    np.testing.assert_allclose(cell["effective_rank"], np.exp(-(share * np.log(share)).sum()), rtol=1e-12)
    np.testing.assert_allclose(cell["stable_rank"], (sigma**2).sum() / sigma[0] ** 2, rtol=1e-12)

"""Linearity of the logits: exact for linear networks, an analytic limit for one unit, least squares by scikit-learn."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LinearRegression

from imprint.probes.function import linearity


def test_linear_networks_are_linear(fleet):
    solution, task = fleet("clusters", {"name": "mlp", "hidden": []})
    # one minus a squared rounding error
    np.testing.assert_allclose(linearity.measure(solution, task)["r_squared"], 1, rtol=1e-12)


@pytest.mark.parametrize("name", ["clusters", "classification"])
def test_of_one_replica_by_least_squares(fleet, name):
    solution, task = fleet(name)
    measured = linearity.measure(solution, task).isel(setting=1, seed=2).sel(snapshot="final")
    data = task.data.isel(seed=2) if task.seeded else task.data
    x = data["x_test"].values.astype(np.float64)
    weights = {name: torch.as_tensor(solution.values(name, "final")[1, 2]) for name in solution.parameters}
    logits = torch.func.functional_call(task.model, weights, (torch.as_tensor(x),)).numpy()
    logits -= logits.mean(1, keepdims=True)
    residual = logits - LinearRegression().fit(x, logits).predict(x)
    share = np.square(residual).sum() / np.square(logits - logits.mean(0)).sum()
    rank = np.linalg.matrix_rank(x - x.mean(0))
    # least squares of a well-conditioned problem, twice
    expected = 1 - share * (len(x) - 1) / (len(x) - rank - 1)
    assert measured["r_squared"].item() == pytest.approx(expected, abs=1e-10)


def test_a_rectified_normal_number_is_linear_for_a_half_over_one_minus_one_over_pi():
    """cov(z, max(0, z)) = 1/2 and var(max(0, z)) = 1/2 - 1/(2 pi), so R^2 = (1/2) / (1 - 1/pi)."""
    x_BND = torch.randn(40, 2000, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = torch.stack(
        [
            linearity.explained(x_ND[:, :1].clamp(min=0) * torch.tensor([1.0, -1.0]), linearity.span(x_ND))
            for x_ND in x_BND
        ]
    )
    error = found.std() / 40**0.5
    assert abs(found.mean() - 0.5 / (1 - 1 / np.pi)) < 5 * error
    assert error < 0.005


def test_noise_is_not_linear_on_average():
    generator = torch.Generator().manual_seed(1)
    x_BND = torch.randn(60, 100, 30, generator=generator, dtype=torch.float64)
    noise_BNC = torch.randn(60, 100, 2, generator=generator, dtype=torch.float64)
    pairs = zip(noise_BNC, x_BND, strict=True)
    found = torch.stack([linearity.explained(noise_NC, linearity.span(x_ND)) for noise_NC, x_ND in pairs])
    # without the factor it would be 30/99; five standard errors of 60 draws
    assert abs(found.mean()) < 5 * found.std() / 60**0.5
    assert found.std() / 60**0.5 < 0.02


def test_constant_logits_have_no_linearity():
    x_ND = torch.randn(20, 3, generator=torch.Generator().manual_seed(0))
    assert torch.isnan(linearity.explained(torch.ones(20, 2), linearity.span(x_ND)))


def test_a_direction_without_variance_does_not_count():
    x_ND = torch.randn(20, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    x_ND = torch.cat([x_ND, x_ND[:, :1] + x_ND[:, 1:2], torch.ones(20, 1)], 1)
    assert linearity.span(x_ND).shape == (20, 3)


def test_too_few_examples_are_refused(fleet):
    solution, task = fleet("clusters", test=6)
    with pytest.raises(
        ValueError, match="6 test examples of rank 5 are fitted exactly by a linear map; .* more than 6"
    ):
        linearity.measure(solution, task)

import numpy as np
import torch

from imprint.probes.slopes import slope


def test_against_numpy_with_points_left_out():
    generator = np.random.default_rng(0)
    x, y = generator.standard_normal((2, 3, 7))
    x[1, 2], y[1, 4], y[2, 0] = np.nan, np.inf, -np.inf
    found = slope(torch.from_numpy(x), torch.from_numpy(y))
    for row in range(3):
        known = np.isfinite(x[row]) & np.isfinite(y[row])
        expected = np.polyfit(x[row][known], y[row][known], 1)[0]
        np.testing.assert_allclose(found[row], expected, rtol=1e-12)  # sums of seven numbers near 1


def test_an_exact_line_far_from_the_origin():
    x = torch.arange(5, dtype=torch.float64) + 1e6
    np.testing.assert_allclose(slope(x, 3 * x - 7), 3, rtol=1e-9)  # 1e6 loses 6 of 16 digits


def test_too_few_points():
    nan = torch.nan
    x = torch.tensor([[1.0, nan], [2.0, 2.0], [nan, nan]])
    assert slope(x, torch.ones(3, 2)).isnan().all()

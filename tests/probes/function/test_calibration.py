import numpy as np
import pytest
import torch
from sklearn.metrics import brier_score_loss

from imprint.probes.function.calibration import brier, calibration_error


def looped(probabilities, y, bins):
    """Guo et al. 2017, equation 3, one bin at a time."""
    confidence, predicted = probabilities.max(1), probabilities.argmax(1)
    total = 0.0
    for place in range(bins):
        inside = (confidence > place / bins) & (confidence <= (place + 1) / bins)
        if inside.any():
            total += inside.mean() * abs((predicted == y)[inside].mean() - confidence[inside].mean())
    return total


@pytest.mark.parametrize("bins", [1, 10, 15])
def test_calibration_error_against_loops(bins):
    generator = torch.Generator().manual_seed(bins)
    probabilities_RNC = (3 * torch.randn(3, 200, 4, generator=generator, dtype=torch.float64)).softmax(-1)
    y_RN = torch.randint(4, (3, 200), generator=generator)
    expected = [looped(p, y, bins) for p, y in zip(probabilities_RNC.numpy(), y_RN.numpy(), strict=True)]
    np.testing.assert_allclose(calibration_error(probabilities_RNC, y_RN, bins), expected, rtol=1e-12)  # sums of 200


def test_calibrated_by_construction():
    """Confidence 3/4 and three of four correct: error 0; all correct: 1/4; certain and wrong: 1."""
    three_quarters = torch.tensor([[[0.75, 0.25]] * 4])
    assert calibration_error(three_quarters, torch.tensor([0, 0, 0, 1]), 15).item() == 0
    assert calibration_error(three_quarters, torch.tensor([0, 0, 0, 0]), 15).item() == 0.25
    assert calibration_error(torch.tensor([[[1.0, 0.0]]]), torch.tensor([1]), 15).item() == 1


def test_over_and_underconfidence_in_one_bin_cancel_but_not_between_bins():
    probabilities = torch.tensor([[[0.75, 0.25], [1.0, 0.0]]])
    y = torch.tensor([1, 0])
    assert calibration_error(probabilities, y, bins=1).item() == 0.375
    assert calibration_error(probabilities, y, bins=4).item() == 0.375
    mixed = torch.tensor([[[0.75, 0.25], [0.75, 0.25], [1.0, 0.0], [1.0, 0.0]]])
    labels = torch.tensor([0, 0, 0, 1])
    assert calibration_error(mixed, labels, bins=4).item() == 0.375
    assert calibration_error(mixed, labels, bins=1).item() == 0.125


def test_brier_against_scikit_learn():
    generator = torch.Generator().manual_seed(0)
    probabilities_RNC = torch.randn(2, 50, 2, generator=generator, dtype=torch.float64).softmax(-1)
    y_N = torch.randint(2, (50,), generator=generator)
    # of two classes, each contributes the same square
    expected = [2 * brier_score_loss(y_N, p[:, 1]) for p in probabilities_RNC]
    np.testing.assert_allclose(brier(probabilities_RNC, y_N), expected, rtol=1e-12)

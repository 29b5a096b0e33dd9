"""Holm's adjustment by hand and against statsmodels."""

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

from imprint.claims.holm import holm


def test_by_hand():
    assert holm([0.5, 0.01, 0.02]) == pytest.approx([0.5, 0.03, 0.04], rel=1e-15)  # one product each
    assert holm([0.4, 0.9]).tolist() == [0.8, 0.9]
    assert holm([0.6, 0.9]).tolist() == [1.0, 1.0]
    assert holm([]).shape == (0,)


def test_equals_statsmodels():
    p = np.random.default_rng(0).uniform(size=20) ** 3
    assert holm(p) == pytest.approx(multipletests(p, method="holm")[1], rel=1e-14)  # products in another order

"""The BCa interval against its definition, and where it is not given."""

import numpy as np
import pytest
from scipy import stats

from imprint.claims.bca import bca


def test_equals_the_definition_on_its_own_resamples():
    x = np.random.default_rng(3).exponential(size=24)
    means = np.random.default_rng(4).choice(x, size=(200_000, 24)).mean(axis=1)
    bias = stats.norm.ppf(np.mean(means < x.mean()))
    leave_one_out = (x.sum() - x) / 23
    u = leave_one_out.mean() - leave_one_out
    acceleration = (u**3).sum() / (6 * (u**2).sum() ** 1.5)
    for end, z in zip(bca(x, 0.05), stats.norm.ppf([0.05, 0.95]), strict=True):
        share = stats.norm.cdf(bias + (bias + z) / (1 - acceleration * (bias + z)))
        # 9999 resamples: 4 standard errors of the share itself, and of the bias, a share near 1/2
        error = 4 * (np.sqrt(share * (1 - share) / 9999) + np.sqrt(0.25 / 9999) * stats.norm.pdf(z) / 0.4)
        assert np.quantile(means, share - error) <= end <= np.quantile(means, min(share + error, 1))


def test_the_level_is_that_of_the_claims():
    x = np.random.default_rng(5).normal(size=40)
    wide, narrow = bca(x, 0.025), bca(x, 0.1)
    assert wide[0] < narrow[0] < x.mean() < narrow[1] < wide[1]


def test_deterministic_and_blind_to_missing_values():
    x = np.random.default_rng(6).normal(size=30)
    assert bca(x) == bca(np.append(x, np.nan))


@pytest.mark.parametrize("x", [np.arange(19.0), np.ones(25), np.append(np.arange(19.0), np.nan)])
def test_not_given(x):
    assert np.isnan(bca(x)).all()

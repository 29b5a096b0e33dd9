"""Debiased linear CKA against its definition by Gram matrices, by all quadruples, and cases known beforehand."""

import itertools

import numpy as np
import pytest
import torch

from imprint.probes.representation.cka_drift import cka, hsic


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def dense(x, y):
    """The estimator as Song et al. (2012) have it, with n by n matrices."""
    count = len(x)
    gram = [(side @ side.T) * (1 - np.eye(count)) for side in (x, y)]
    ones = np.ones(count)
    first = np.trace(gram[0] @ gram[1])
    second = (ones @ gram[0] @ ones) * (ones @ gram[1] @ ones) / ((count - 1) * (count - 2))
    third = 2 * (ones @ gram[0] @ gram[1] @ ones) / (count - 2)
    return (first + second - third) / (count * (count - 3))


def quadruples(x, y):
    """The U-statistic: the mean of ``k_ij (l_ij + l_pq - 2 l_ip)`` over four different examples."""
    k, other = x @ x.T, y @ y.T
    terms = [
        k[i, j] * (other[i, j] + other[p, q] - 2 * other[i, p])
        for i, j, p, q in itertools.permutations(range(len(x)), 4)
    ]
    return np.mean(terms)


@pytest.mark.parametrize(("count", "shift"), [(4, 0.0), (7, 0.0), (40, 3.0)])
def test_against_gram_matrices(count, shift):
    x, y = draw(3, count, 5) + shift, draw(3, count, 9, seed=1) - shift
    found = hsic(x, y)
    for replica in range(3):
        # the dense sum loses digits to the shift: terms of 1e5 that cancel to 1
        assert found[replica].item() == pytest.approx(dense(x[replica].numpy(), y[replica].numpy()), abs=1e-8)


def test_against_all_quadruples():
    x, y = draw(1, 7, 3), draw(1, 7, 2, seed=1) + draw(1, 7, 3)[..., :2]
    # 840 terms of size up to 50
    assert hsic(x, y).item() == pytest.approx(quadruples(x[0].numpy(), y[0].numpy()), rel=1e-11)


def test_rotation_scale_and_shift_change_nothing():
    x, y = draw(2, 50, 6), draw(2, 50, 4, seed=1) + draw(2, 50, 6)[..., :4]
    rotation = torch.linalg.qr(draw(6, 6, seed=2)).Q
    for other in (x @ rotation, 7 * x, x + 5 * draw(6, seed=3)):
        # a few hundred roundings; the shift costs two digits
        torch.testing.assert_close(cka(other, y), cka(x, y), rtol=0, atol=1e-12)
        torch.testing.assert_close(cka(x, other), torch.ones(2, dtype=torch.float64), rtol=0, atol=1e-12)
    assert not torch.allclose(cka(x * torch.arange(1, 7), y), cka(x, y), atol=1e-2)  # no other linear map is free


def test_independent_features_are_unlike_however_many_there_are():
    """Over 400 draws the mean is 0 within five standard errors; without the debiasing it would be about 0.9."""
    x, y = draw(400, 20, 200), draw(400, 20, 200, seed=1)
    values = cka(x, y)
    assert abs(values.mean().item()) < 5 * values.std().item() / 400**0.5
    centred = [side - side.mean(1, keepdim=True) for side in (x, y)]
    grams = [side @ side.mT for side in centred]
    biased = (grams[0] * grams[1]).sum((1, 2)) / (grams[0].norm(dim=(1, 2)) * grams[1].norm(dim=(1, 2)))
    assert biased.mean() > 0.8


def test_what_does_not_vary_is_unknown():
    assert cka(0 * draw(1, 9, 3), draw(1, 9, 3)).isnan().all()

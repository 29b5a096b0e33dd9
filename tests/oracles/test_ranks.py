"""Ranks known by hand: k orthonormal directions have rank k, whatever the scale."""

import pytest
import torch

from imprint.probes.representation import activation_rank
from imprint.probes.weights import effective_rank

ROUNDING = {"rtol": 1e-10, "atol": 1e-10}  # singular values of small float64 matrices to 1e-14


def orthonormal(rows, columns, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.linalg.qr(torch.randn(rows, columns, generator=generator, dtype=torch.float64))[0]


def exactly(value):
    return torch.tensor(float(value), dtype=torch.float64)


@pytest.mark.parametrize("k", [1, 3, 8])
@pytest.mark.parametrize("scale", [1e-8, 1.0, 1e8])
def test_k_orthonormal_directions(k, scale):
    matrix = scale * orthonormal(20, k) @ orthonormal(9, k, seed=1).T
    sigma = torch.linalg.svdvals(matrix)
    for rank in (
        effective_rank.entropy_rank,
        effective_rank.stable_rank,
        activation_rank.participation_ratio,
    ):
        torch.testing.assert_close(rank(sigma), exactly(k), **ROUNDING)
    torch.testing.assert_close(activation_rank.components(sigma, 0.99), exactly(k))


def test_unequal_values_by_hand():
    """sigma = (3, 1): p = (3/4, 1/4), exp(entropy) = 4 / 3^(3/4); variances (9, 1): 100/82, 10/9."""
    sigma = torch.tensor([3.0, 1.0], dtype=torch.float64)
    torch.testing.assert_close(effective_rank.entropy_rank(sigma), exactly(4 / 3**0.75))
    torch.testing.assert_close(activation_rank.participation_ratio(sigma), exactly(100 / 82))
    torch.testing.assert_close(effective_rank.stable_rank(sigma), exactly(10 / 9))
    for share, count in ((0.89, 1), (0.91, 2)):
        torch.testing.assert_close(activation_rank.components(sigma, share), exactly(count))


def test_ranks_are_ordered():
    """stable <= participation ratio <= entropy rank: Renyi orders inf and 2 of variances, 1 of sigma."""
    generator = torch.Generator().manual_seed(3)
    sigma = torch.rand(50, 10, generator=generator, dtype=torch.float64)
    stable, ratio = effective_rank.stable_rank(sigma), activation_rank.participation_ratio(sigma)
    assert (stable <= ratio).all() and (ratio <= effective_rank.entropy_rank(sigma)).all()


def test_zero_has_no_rank():
    sigma = torch.zeros(4)
    for rank in (
        effective_rank.entropy_rank,
        effective_rank.stable_rank,
        activation_rank.participation_ratio,
    ):
        assert rank(sigma).isnan()
    assert activation_rank.components(sigma, 0.99).isnan()


def test_activations_are_centred():
    """A common offset of any size is no direction; the singular values of the rest stay."""
    directions = orthonormal(30, 4)
    centred = directions - directions.mean(0)
    offset = 1e3 * torch.arange(4, dtype=torch.float64)
    found = activation_rank.centred_singular_values((centred + offset).unsqueeze(0))[0]
    # subtracting an offset of 3e3 leaves errors of 3e3 eps
    torch.testing.assert_close(found, torch.linalg.svdvals(centred), rtol=0, atol=1e-11)


def test_biases_are_no_matrices_and_kernels_are_unfolded():
    weights = {
        "a.weight": torch.ones(2, 3, 4),
        "a.bias": torch.ones(2, 3),
        "conv.weight": torch.ones(2, 5, 3, 2, 2),
    }
    found = {name: tuple(matrix.shape) for name, matrix in effective_rank.matrices(weights).items()}
    assert found == {"a.weight": (2, 3, 4), "conv.weight": (2, 5, 12)}

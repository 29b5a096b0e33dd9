"""Low-rank factors: the best approximation, balanced, differentiable."""

import pytest
import torch
from parts_example import numbers

from imprint.recipes.parametrization.low_rank import split, weight


@pytest.mark.parametrize("shape", [(6, 4), (4, 6), (5, 5)])
@pytest.mark.parametrize("rank", [1, 2, 4, 100])
def test_the_best_approximation_of_its_rank(shape, rank):
    start = numbers(3, *shape)
    parameters, fixed = split(start, rank=rank)
    assert not fixed
    kept = min(rank, *shape)
    assert parameters["a"].shape == (3, shape[0], kept) and parameters["b"].shape == (3, kept, shape[1])
    error = (weight(parameters, fixed, rank=rank) - start).square().sum((1, 2))
    left_out = torch.linalg.svdvals(start)[:, rank:].square().sum(1)
    # Eckart and Young; squares of numbers up to 4
    torch.testing.assert_close(error, left_out, rtol=1e-12, atol=1e-27)


def test_the_factors_are_balanced():
    parameters, _ = split(numbers(3, 6, 4), rank=3)
    a, b = parameters["a"], parameters["b"]
    torch.testing.assert_close(a.mT @ a, b @ b.mT, rtol=0, atol=1e-14)


def test_the_derivative():
    a, b = numbers(2, 4, 2).requires_grad_(), numbers(2, 2, 3, seed=1).requires_grad_()
    assert torch.autograd.gradcheck(lambda a, b: weight({"a": a, "b": b}, {}, rank=2), (a, b))


def test_no_rank_is_refused():
    with pytest.raises(ValueError, match="rank 0 is less than 1"):
        split(numbers(1, 2, 2), rank=0)

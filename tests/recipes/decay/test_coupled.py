"""Coupled decay is torch's own."""

import pytest
import torch
from parts_example import numbers

from imprint.recipes.decay.coupled import regularize


@pytest.mark.parametrize(("cls", "hyper"), [(torch.optim.SGD, {"momentum": 0.9}), (torch.optim.Adam, {})])
def test_the_weight_decay_of_torch(cls, hyper):
    ours, theirs = (torch.nn.Parameter(numbers(2, 5)) for _ in range(2))
    updates = cls([ours], lr=0.1, **hyper), cls([theirs], lr=0.1, weight_decay=0.3, **hyper)
    for seed in range(10):
        gradient = numbers(2, 5, seed=seed)
        ours.grad, theirs.grad = regularize(ours.detach(), gradient, weight_decay=0.3), gradient
        for update in updates:
            update.step()
    # theirs may fuse a product with a sum: one rounding in each of ten steps on numbers near 1
    torch.testing.assert_close(ours.detach(), theirs.detach(), rtol=0, atol=1e-14)

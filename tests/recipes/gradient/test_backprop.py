"""The plain gradient."""

import torch
from parts_example import quadratic

from imprint.recipes.gradient.backprop import gradient


def test_one_pass_of_the_oracle():
    oracle, weights = quadratic()
    loss, found = gradient(oracle, weights)
    assert (oracle.gradients, oracle.losses) == (1, 0)
    assert torch.equal(found, oracle.slope_at(weights))
    assert torch.equal(loss, oracle.loss(weights))

"""The subgradient of the L1 norm; the Lasso is in test_l1_proximal.py."""

import torch

from imprint.recipes.decay.l1_subgradient import regularize


def test_the_sign_of_each_weight():
    weights = torch.tensor([[2.0, -3.0, 0.0]], dtype=torch.float64)
    gradient = torch.tensor([[1.0, 1.0, 1.0]], dtype=torch.float64)
    assert regularize(weights, gradient, penalty=0.5).tolist() == [[1.5, 0.5, 1.0]]

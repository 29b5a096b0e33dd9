"""Norms and directions, far beyond the range of squares."""

import math

import pytest
import torch

from imprint.recipes.unit import norm, unit


@pytest.mark.parametrize(("dtype", "scale"), [(torch.float64, 1e-250), (torch.float64, 1e250), (torch.float32, 1e-30)])
def test_at_any_scale(dtype, scale):
    vectors = scale * torch.tensor([[3.0, -4.0, 0.0], [1.0, 2.0, 2.0]], dtype=dtype)
    # a scaling, a root and a product: a few roundings
    eps = 4 * torch.finfo(dtype).eps
    expected = torch.tensor([[0.6, -0.8, 0.0], [1 / 3, 2 / 3, 2 / 3]], dtype=dtype)
    torch.testing.assert_close(unit(vectors), expected, rtol=eps, atol=0)
    lengths = [math.hypot(*row) for row in vectors.tolist()]
    torch.testing.assert_close(norm(vectors), torch.tensor(lengths, dtype=dtype).unsqueeze(1), rtol=eps, atol=0)


def test_zero_has_no_direction_and_what_is_no_number_stays_so():
    vectors = torch.tensor([[0.0, 0.0], [torch.nan, 1.0], [3.0, 4.0]], dtype=torch.float64)
    assert unit(vectors)[0].tolist() == [0.0, 0.0]
    assert norm(vectors)[0].item() == 0
    assert unit(vectors)[1].isnan().all() and norm(vectors)[1].isnan()
    assert norm(vectors)[2].item() == 5

"""Straight lines through points, for probes that report an exponent."""

import torch
from torch import Tensor


def slope(x: Tensor, y: Tensor) -> Tensor:
    """Return the least-squares slope of y on x over the last axis; points with a value that is not finite are left out.

    NaN with fewer than two different x.

    >>> slope(torch.tensor([0.0, 1.0, 2.0, 9.0]), torch.tensor([1.0, 3.0, 5.0, torch.nan]))
    tensor(2.)
    """
    known = x.isfinite() & y.isfinite()
    x, y = torch.where(known, x, 0), torch.where(known, y, 0)
    count = known.sum(-1, keepdim=True)
    x = torch.where(known, x - x.sum(-1, keepdim=True) / count, 0)
    y = torch.where(known, y - y.sum(-1, keepdim=True) / count, 0)
    spread = torch.square(x).sum(-1)
    return torch.where(spread > 0, (x * y).sum(-1) / spread, torch.nan)

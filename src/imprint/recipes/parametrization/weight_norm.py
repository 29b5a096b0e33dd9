"""Weight normalization (Salimans and Kingma 2016, arXiv 1602.07868): length and direction of each row."""

import torch
from torch import Tensor


def split(weight: Tensor) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Return ``v = w`` ``[R, m, n]`` and ``g = ||w||`` ``[R, m]`` of a weight, row by row; nothing is fixed.

    A row of zeros has no direction: its ``v`` is a row of ones.
    """
    length = torch.linalg.vector_norm(weight, dim=2)
    direction = torch.where(length.unsqueeze(2) == 0, torch.ones_like(weight), weight)
    return {"v": direction, "g": length}, {}


def weight(parameters: dict[str, Tensor], fixed: dict[str, Tensor]) -> Tensor:
    """Return ``w = g v / ||v||`` in each row, one row per output unit, ``[R, m, n]``.

    Args:
        parameters: ``v`` ``[R, m, n]`` and ``g`` ``[R, m]``.
        fixed: nothing.
    """
    direction = parameters["v"]
    length = torch.linalg.vector_norm(direction, dim=2, keepdim=True)
    return parameters["g"].unsqueeze(2) * (direction / length)

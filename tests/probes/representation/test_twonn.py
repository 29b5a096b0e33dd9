"""Dimension from two neighbours: exact quantiles, cubes, other coordinates of the same points."""

import numpy as np
import pytest
import torch
from sklearn.neighbors import NearestNeighbors

from imprint.probes.representation import twonn


def uniform(examples, units, seed=0):
    return torch.rand(examples, units, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("discard", [0, 0.1, 0.5])
def test_exact_quantiles_give_the_exponent(discard):
    """Of the distribution 1 - mu^-d, at i / (n + 1)."""
    ranks = torch.arange(1, 101, dtype=torch.float64) / 101
    dimensions = torch.tensor([0.5, 3.0, 40.0], dtype=torch.float64)
    ratios = torch.exp(-torch.log1p(-ranks) / dimensions.unsqueeze(1))
    found = twonn.dimension(ratios[:, torch.randperm(100, generator=torch.Generator().manual_seed(0))], discard)
    torch.testing.assert_close(found, dimensions)
    holed = torch.cat([ratios, torch.full((3, 7), torch.nan)], 1)
    torch.testing.assert_close(twonn.dimension(holed, discard), dimensions)


@pytest.mark.parametrize("dimension", [1, 2, 5])
def test_cubes(dimension):
    """Uniform points of a cube, turned into ten coordinates: the standard error is about d / sqrt(n)."""
    turn = torch.linalg.qr(torch.randn(10, 10, generator=torch.Generator().manual_seed(1), dtype=torch.float64)).Q
    points = uniform(2000, dimension) @ turn[:dimension] + 3
    found = twonn.dimension(twonn.neighbour_ratios(points).unsqueeze(0)).item()
    # four standard errors, and 3 % of d for the faces of the cube, where half the neighbours are missing
    assert abs(found - dimension) < dimension * (4 / np.sqrt(2000) + 0.03)


def test_ratios_against_scikit_learn():
    points = uniform(200, 4)
    distances = NearestNeighbors(n_neighbors=3).fit(points).kneighbors(points)[0]
    np.testing.assert_allclose(twonn.neighbour_ratios(points), distances[:, 2] / distances[:, 1], rtol=1e-12)


def test_points_at_one_place_are_left_out():
    points = uniform(300, 3)
    doubled = torch.cat([points, points[:20]])
    ratios = twonn.neighbour_ratios(doubled)
    assert ratios.isnan().sum() == 40
    assert twonn.dimension(torch.full((1, 5), torch.nan)).isnan().all()
    assert twonn.dimension(torch.ones(1, 5)).isnan().all()


def test_layers_of_a_network(fleet):
    """A unit alone lies on a line, and so does what follows it."""
    solution, task = fleet("classification", {"name": "mlp", "hidden": [6, 5], "activation": "tanh"}, limit=400)
    measured = twonn.measure(solution, task)
    assert (measured["dimension"].sel(layer="hidden_1") > 2).all()
    for name in ("weight", "bias"):
        solution.data[f"weight.layers.0.{name}"].values[:, 1, :, 1:] = 0
    line = twonn.measure(solution, task)["dimension"].isel(seed=1)
    # of 500 points: four standard errors of 1 / sqrt(500)
    np.testing.assert_allclose(line, 1, atol=4 / np.sqrt(500) + 0.05)

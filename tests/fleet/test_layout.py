"""Weights of R replicas as one matrix, and back."""

import torch
from torch import nn

from imprint.fleet.layout import Layout


def example():
    return nn.Sequential(nn.Conv2d(1, 2, 2), nn.Flatten(), nn.Linear(18, 4), nn.Linear(4, 3, bias=False))


def rows(model, count):
    generator = torch.Generator().manual_seed(0)
    draw = lambda p: torch.randn(p.shape, generator=generator, dtype=torch.float64)
    return [{name: draw(p) for name, p in model.named_parameters()} for _ in range(count)]


def test_matrices_come_first_each_kind_in_the_model_s_order():
    layout = Layout.of(example())
    assert list(layout.shapes) == ["2.weight", "3.weight", "0.weight", "0.bias", "2.bias"]
    assert layout.matrix_columns == 4 * 18 + 3 * 4
    assert layout.columns == layout.matrix_columns + 2 * 1 * 2 * 2 + 2 + 4


def test_flatten_and_unflatten_are_inverse():
    layout, weights = Layout.of(example()), rows(example(), 3)
    flat = layout.flatten(weights)
    assert flat.shape == (3, layout.columns)
    back = layout.unflatten(flat)
    for name in layout.shapes:
        assert torch.equal(back[name], torch.stack([row[name] for row in weights]))
    assert all(value.shape == layout.shapes[name] for name, value in layout.unflatten(flat[0]).items())
    leading = layout.unflatten(flat.view(3, 1, -1))
    assert all(leading[name].shape == (3, 1, *layout.shapes[name]) for name in layout.shapes)


def test_parameters_are_views_of_the_row():
    layout = Layout.of(example())
    flat = layout.flatten(rows(example(), 2))
    layout.unflatten(flat)["0.bias"][1] = 7.0
    assert (flat == 7.0).sum() == 2 and not (flat[0] == 7.0).any()

"""A rotation of the inputs rotates the solution of some optimizers, and not of others."""

import pytest
import torch
from fleet_example import fleet_of, gaussian_blobs, known_recipes, small_task, steps

from imprint.task import Task

STEPS = 25
MUON, SHAMPOO = known_recipes()["muon"], known_recipes()["shampoo"]
RECIPES = {
    "sgd": ({"update": "torch.optim:SGD", "sees": "elements"}, 0.3),
    "momentum": ({"update": "torch.optim:SGD", "hyper": {"momentum": 0.9}, "sees": "elements"}, 0.05),
    "normalized": ({"update": "normalized_descent"}, 0.05),
    "muon": (MUON, 0.02),
    "shampoo": ({**SHAMPOO, "hyper": {**SHAMPOO["hyper"], "eps": 1e-3, "refresh": 1}}, 0.003),
    "accumulating shampoo": (
        {**SHAMPOO, "hyper": {**SHAMPOO["hyper"], "eps": 1e-3, "refresh": 5, "accumulation": "sum"}},
        0.01,
    ),
    "spectral": ({"update": "spectral_descent", "sees": "matrices", "rest": MUON["rest"]}, 0.02),
    "adam": ({"update": "torch.optim:Adam", "sees": "elements"}, 0.02),
    "sign": ({"update": "sign_descent", "sees": "elements"}, 0.01),
    "lion": ({"update": "pytorch_optimizer:Lion", "sees": "elements"}, 0.01),
}
EQUIVARIANT = [name for name in RECIPES if name not in ("adam", "sign", "lion")]


def rotation():
    draw = torch.randn(6, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return torch.linalg.qr(draw)[0]


def ends(name, model):
    """The weights after some steps: of the task as it is, and of the rotated one, rotated back."""
    recipe, rate = RECIPES[name]
    turn = rotation()
    plain = small_task(model)
    data = gaussian_blobs()
    for split in ("train", "validation", "test"):
        data[f"x_{split}"] = data[f"x_{split}"].dims, data[f"x_{split}"].values @ turn.numpy()
    turned = Task(data, {"name": "mlp", **model}, "cross_entropy", "float64")
    one, other = (fleet_of(task, recipe, [{"lr": rate}], [0, 1]) for task in (plain, turned))
    first = other.layout.unflatten(other.blocks[0].composition.trained)["layers.0.weight"]
    first.copy_(first @ turn)
    start = one.flat.clone()
    for fleet in (one, other):
        steps(fleet, STEPS)
    found = other.flat
    first = other.layout.unflatten(found)["layers.0.weight"]
    first.copy_(first @ turn.mT)
    assert (one.flat - start).abs().max() > 0.01
    return one.flat, found


@pytest.mark.parametrize("name", EQUIVARIANT)
def test_equivariant(name):
    one, other = ends(name, {"hidden": [5], "activation": "tanh"})
    # rounding 1e-16 grows with steps that are not contracting, and by at most eps^-1 = 1e3 through the roots
    torch.testing.assert_close(one, other, rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", [name for name in RECIPES if name not in EQUIVARIANT])
def test_not_equivariant(name):
    one, other = ends(name, {"hidden": [5], "activation": "tanh"})
    assert (one - other).abs().max() > 1e-2

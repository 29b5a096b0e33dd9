"""What else an analyst could have taken of a recipe: defaults and decays, read from the real classes."""

import pytest
from fleet_example import known_recipes

from imprint.recipes.alternatives import default, without_decay

SGD = {"update": "torch.optim:SGD"}
PLAIN = {"weight_decay": 0.0}
KNOWN = known_recipes()


@pytest.mark.parametrize(
    ("update", "hyper", "value"),
    [
        ("torch.optim:Adam", "lr", 1e-3),
        ("torch.optim:SGD", "lr", 1e-3),
        ("torch.optim:SGD", "momentum", 0.0),
        ("torch.optim:SGD", "maximize", None),  # no number
        ("torch.optim:Adam", "betas", None),  # no single one
        ("torch.optim:SGD", "no_such", None),
        ("sign_descent", "lr", 0.001),  # of this project
    ],
)
def test_the_default_is_the_constructor_s(update, hyper, value):
    assert default({"update": update}, hyper) == value


@pytest.mark.parametrize(
    ("recipe", "expected"),
    [
        ({**SGD, "hyper": {"momentum": 0.9, "weight_decay": 0.1}}, {**SGD, "hyper": {"momentum": 0.9, **PLAIN}}),
        ({**SGD, "decay": {"name": "l1_proximal", "strength": 0.1}}, SGD),
        ({**SGD, "rest": {**SGD, "hyper": {"weight_decay": 1}}}, {**SGD, "rest": {**SGD, "hyper": PLAIN}}),
        ({"update": "torch.optim:AdamW"}, {"update": "torch.optim:AdamW", "hyper": {"weight_decay": 0.0}}),  # 0.01
        ({"update": "torch.optim:AdamW", "hyper": {"weight_decay": 0.0}}, None),
        ({**SGD, "hyper": {"weight_decay": 0}}, None),
        (SGD, None),
        ({"update": "spectral_descent"}, None),  # has no such hyper-parameter
    ],
)
def test_every_decay_is_taken_out_and_nothing_else(recipe, expected):
    before = repr(recipe)
    assert without_decay(recipe) == expected
    assert repr(recipe) == before, "the recipe itself stays as it is"


def test_the_known_recipes():
    decaying = {name for name, recipe in KNOWN.items() if without_decay(recipe) is not None}
    assert "adamw" in decaying and not {"sgd", "adam", "muon", "lion", "shampoo"} & decaying
    for name in decaying:
        assert without_decay(without_decay(KNOWN[name])) is None

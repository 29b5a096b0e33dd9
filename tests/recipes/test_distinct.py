"""The update rules of recipes.yaml differ from one another, beyond rounding and not only in their rates."""

import inspect
from itertools import combinations

import pytest
import torch
from fleet_example import known_recipes

from imprint.identity import canonical
from imprint.recipes.resolve import update_class

RECIPES = known_recipes()
SHAPES = [(5, 4), (3, 5)]  # matrices, which every update takes
STEPS = 12
CURVATURE = 3000.0  # Sophia clips some numbers and not others
# updates keep some scalars in float32: 1e-7, times what twelve steps make of it
ROUNDING = 1e-5
# on matrices this small, DeMo with all of a block's coefficients is sign descent
FEWER = {"demo": {"topk": 4}}
# one rule with steps of another length, or in bfloat16
SAME = [{"sgd", "gradient_limit"}, {"muon", "torch_muon"}]
BFLOAT16 = 0.1


def draw(seed):
    """Numbers of many sizes, near 1."""
    generator = torch.Generator().manual_seed(seed)
    signs = [torch.randn(*shape, generator=generator, dtype=torch.float64).sign() for shape in SHAPES]
    return [s * torch.exp(torch.randn(s.shape, generator=generator, dtype=torch.float64)) for s in signs]


def rate_of(recipe):
    low, high = recipe.get("search", {}).get("lr", [1.0, 1.0])
    return (low * high) ** 0.5


def layers(parameters):
    """A network of the matrices, for an update that looks into its model."""
    model = torch.nn.Sequential(*[torch.nn.Linear(*shape[::-1], bias=False) for shape in SHAPES])
    for layer, parameter in zip(model, parameters, strict=True):
        layer.weight = parameter.requires_grad_()
    return model


def squares(model):
    return model(torch.eye(SHAPES[0][1], dtype=torch.float64)).square().sum(1).mean()


def directions(recipe):
    """Each step of the update alone, in length 1, ``[steps, P]``; zeros where it stands still."""
    cls = update_class("", recipe["update"])
    wanted = inspect.signature(cls.step).parameters
    parameters = [torch.nn.Parameter(w, requires_grad=False) for w in draw(0)]
    fewer = FEWER.get(recipe["update"], {})
    model = {"model": layers(parameters)} if "loss" in wanted else {}
    optimizer = cls(parameters, **model, **{"lr": rate_of(recipe), **recipe.get("hyper", {}), **fewer})
    torch.manual_seed(0)
    found = []
    for t in range(STEPS):
        before = [parameter.detach().clone() for parameter in parameters]
        for parameter, gradient in zip(parameters, draw(1 + t), strict=True):
            parameter.grad = gradient
        asked = {"hessian": [CURVATURE * h for h in draw(100 + t)], "loss": squares}
        optimizer.step(**{name: value for name, value in asked.items() if name in wanted})
        found.append(torch.cat([(p.detach() - w).flatten() for p, w in zip(parameters, before, strict=True)]))
    return torch.nn.functional.normalize(torch.stack(found), dim=1)


def apart(one, other):
    """The largest distance of two updates' directions at a step that both make."""
    both = one.any(1) & other.any(1)
    return (one - other)[both].norm(dim=1).max().item()


def with_directions(recipe):
    """Whether an update has a direction for a given gradient: it does not if it asks for the loss itself."""
    closure = inspect.signature(update_class("", recipe["update"]).step).parameters.get("closure")
    return closure is None or closure.default is not inspect.Parameter.empty


def updates():
    """One recipe of each update and its hyper-parameters but the rate, whatever the other parts are."""
    first = {}
    for name, recipe in RECIPES.items():
        hyper = {key: value for key, value in recipe.get("hyper", {}).items() if key != "lr"}
        first.setdefault(canonical([recipe["update"], hyper]), name)
    return {name: RECIPES[name] for name in first.values()}


@pytest.fixture(scope="module")
def found():
    return {name: directions(recipe) for name, recipe in updates().items() if with_directions(recipe)}


def test_no_two_updates_are_one_rule_unless_declared(found):
    close = [pair for pair in combinations(found, 2) if apart(found[pair[0]], found[pair[1]]) < ROUNDING]
    assert all(any(set(pair) <= names for names in SAME) for pair in close), close


def test_what_is_declared_one_rule_is(found):
    for names in SAME:
        for one, other in combinations(sorted(names), 2):
            assert apart(found[one], found[other]) < (BFLOAT16 if "muon" in names else ROUNDING)


def test_at_least_35_rules(found):
    repeated = sum(len(names) - 1 for names in SAME)
    assert set().union(*SAME) <= set(found)
    assert len(found) - repeated >= 35


def test_one_rule_under_two_names_is_seen():
    lion = {**RECIPES["lion"], "hyper": {**RECIPES["lion"]["hyper"], "betas": [0.965, 0.965]}, "search": {"lr": [1, 2]}}
    assert apart(directions(lion), directions(RECIPES["tiger"])) < ROUNDING
    assert apart(directions(RECIPES["lion"]), directions(RECIPES["tiger"])) > ROUNDING

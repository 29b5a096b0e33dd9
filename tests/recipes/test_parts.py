"""What holds for every part, found by its folder: replicas are exact, broken ones alone, options explicit."""

import importlib
import inspect
from pathlib import Path

import pytest
import torch
from parts_example import LAYOUT, drawn, numbers, quadratic

import imprint.recipes
from imprint.recipes.draw import Draw

FUNCTIONS = {
    "gradient": ["gradient"],
    "perturbation": ["perturb"],
    "decay": ["decay", "regularize"],
    "averaging": ["begin", "average", "restart"],
    "parametrization": ["split", "weight"],
    "schedule": ["multiplier"],
}
VALUES = {"weight_decay": 0.1, "penalty": 0.1, "strength": 0.1, "bits": 4, "start": 2, "every": 2, "rank": 2}
SUPPLIED = {"layout", "draw", "gradient", "length"}
GIVEN = {"oracle", "weights", "change", "rate", "memory", "step", "stage", "weight", "parameters", "fixed"}


def parts(*kinds):
    folder = Path(imprint.recipes.__file__).parent
    files = [file for kind in kinds for file in sorted((folder / kind).glob("*.py")) if file.stem != "__init__"]
    return [pytest.param(file.parent.name, file.stem, id=f"{file.parent.name}-{file.stem}") for file in files]


def functions(kind, name):
    module = importlib.import_module(f"imprint.recipes.{kind}.{name}")
    return {function: getattr(module, function) for function in FUNCTIONS[kind] if hasattr(module, function)}


def options(function):
    """Return a value for each option that has no default."""
    signature = inspect.signature(function).parameters.values()
    return {p.name: VALUES[p.name] for p in signature if p.kind is p.KEYWORD_ONLY and p.default is p.empty}


def call(function, rows, weights, **known):
    """Call a part for some replicas with what its signature asks for."""
    wanted = inspect.signature(function).parameters
    given = {"weights": weights, "layout": LAYOUT, **known}
    given = {name: value[rows] if isinstance(value, torch.Tensor) else value for name, value in given.items()}
    if "draw" in wanted:
        given["draw"] = Draw(list(range(len(weights)))[rows], 1, "test", given["weights"])
    return function(**{name: given[name] for name in given.keys() & wanted.keys()}, **options(function))


def every_row_is_exact(results):
    """From a function of a slice of replicas: each alone, the whole, and one broken."""
    together = results(slice(None))
    for r in (0, 1, 3):
        alone = results(slice(r, r + 1))
        for name in together:
            assert torch.equal(together[name][r], alone[name][0]), f"replica {r}: {name}"
            assert torch.isfinite(together[name][r]).all()


def flats(count):
    """Return matrices ``[4, P]`` in which the third replica is broken."""
    values = [numbers(4, LAYOUT.columns, seed=seed) for seed in range(count)]
    for value in values:
        value[2] = torch.nan
    return values


@pytest.mark.parametrize(("kind", "name"), parts(*FUNCTIONS))
def test_options_are_keywords_with_types(kind, name):
    found = functions(kind, name)
    assert found
    for function in found.values():
        for p in inspect.signature(function).parameters.values():
            assert p.annotation is not p.empty
            if p.kind is p.KEYWORD_ONLY:
                assert p.name not in SUPPLIED | GIVEN or (kind, p.name) == ("gradient", "step")
            else:
                assert p.kind is p.POSITIONAL_OR_KEYWORD and p.name in SUPPLIED | GIVEN


@pytest.mark.parametrize(("kind", "name"), parts("perturbation", "decay"))
def test_replicas_of_perturbations_and_decays_are_exact(kind, name):
    weights, gradient, change = flats(3)
    rate = torch.tensor([[0.1], [0.2], [0.3], [0.4]], dtype=torch.float64)
    (function,) = functions(kind, name).values()
    known = {"gradient": gradient, "change": change, "rate": rate}
    every_row_is_exact(lambda rows: {"result": call(function, rows, weights, **known)})


@pytest.mark.parametrize(
    "name", ["orthogonal", "zeroth_order_coordinates", "zeroth_order_direction", "evolution_strategies"]
)
def test_replicas_of_gradients_are_exact(name):
    oracle, _ = quadratic(4, LAYOUT.columns)
    (weights,) = flats(1)
    function = functions("gradient", name)["gradient"]

    def results(rows):
        own = type(oracle)(oracle.matrix, oracle.slope[rows])
        return dict(zip(("loss", "gradient"), call(function, rows, weights, oracle=own), strict=True))

    every_row_is_exact(results)


@pytest.mark.parametrize(("kind", "name"), parts("averaging"))
def test_replicas_of_averagings_are_exact(kind, name):
    path = torch.stack(flats(8))
    found = functions(kind, name)

    def results(rows):
        memory = found["begin"](path[0, rows])
        for step, weights in enumerate(path[1:, rows], 1):
            memory = found["average"](memory, weights, step, **options(found["average"]))
            if "restart" in found:
                memory["after"] = found["restart"](memory, weights, step, **options(found["restart"]))
        return memory

    every_row_is_exact(results)


@pytest.mark.parametrize(("kind", "name"), parts("averaging"))
def test_memories_own_their_numbers(kind, name):
    """The weights move in place between two steps; an average must not move with them."""
    path = numbers(8, 2, 3)
    found = functions(kind, name)
    held = path[0].clone()
    memory, copied = found["begin"](held), found["begin"](path[0])
    for step in range(1, 8):
        held.copy_(path[step])
        memory = found["average"](memory, held, step, **options(found["average"]))
        copied = found["average"](copied, path[step], step, **options(found["average"]))
        held.fill_(-1)
        assert memory.keys() == copied.keys()
        for key, value in memory.items():
            assert torch.equal(value, copied[key]) and len(value) == 2


@pytest.mark.parametrize(("kind", "name"), parts("parametrization"))
def test_replicas_of_parametrizations_are_exact(kind, name):
    start, pull = numbers(4, 6, 5), numbers(4, 6, 5, seed=1)
    split, weight = functions(kind, name).values()

    def results(rows):
        parameters, fixed = split(start[rows], **options(split))
        leaves = {}
        for key, value in parameters.items():
            # away from where training starts; the third replica is broken there
            moved = value + 0.1 * numbers(4, *value.shape[1:], seed=9)[rows]
            broken = (torch.arange(4)[rows] == 2).view(-1, *[1] * (value.dim() - 1))
            leaves[key] = torch.where(broken, torch.nan, moved).requires_grad_()
        made = weight(leaves, fixed, **options(weight))
        slopes = torch.autograd.grad(made, list(leaves.values()), pull[rows])
        return {"weight": made.detach(), **dict(zip(leaves, slopes, strict=True)), **fixed}

    every_row_is_exact(results)
    assert options(split) == options(weight)


@pytest.mark.parametrize(("kind", "name"), parts("perturbation"))
def test_a_perturbation_leaves_the_weights_themselves(kind, name):
    weights = numbers(2, LAYOUT.columns)
    before = weights.clone()
    (function,) = functions(kind, name).values()
    moved = call(function, slice(None), weights, gradient=numbers(2, LAYOUT.columns, seed=1))
    assert torch.equal(weights, before)
    assert moved.shape == weights.shape and not torch.equal(moved, weights)


def test_draws_are_the_replicas_own():
    """The example's draws, on which the tests above rest, do not depend on the other replicas."""
    weights = numbers(3, 5)
    together = drawn(weights).normal(2)
    assert torch.equal(together[:1], drawn(weights[:1]).normal(2))

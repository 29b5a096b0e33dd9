"""The composed optimizer against the packages' own, from the same weights and gradients."""

import copy

import pytest
import pytorch_optimizer
import torch
from fleet_example import each_recipe, fleet_of, known_recipes, small_task, spec, steps, weights_of
from torch import nn

from imprint.fleet.layout import Layout
from imprint.fleet.train import train
from imprint.recipes.compose import Composition
from imprint.recipes.resolve import RecipeError

REPLICAS = 4
SETTING = torch.tensor([0, 0, 1, 1])
RATES = [{"lr": 0.01}, {"lr": 0.03}]
EPS = torch.finfo(torch.float64).eps


def model(bias=True):
    return nn.Sequential(nn.Linear(5, 4, bias=bias), nn.Linear(4, 3, bias=bias)).double()


class Side:
    """One replica trained by a package's optimizer on ordinary parameters."""

    def __init__(self, layout, row, make):
        self.layout = layout
        self.parameters = {name: nn.Parameter(value.clone()) for name, value in layout.unflatten(row).items()}
        self.optimizer = make(list(self.parameters.values()))

    def step(self, row):
        for name, value in self.layout.unflatten(row).items():
            self.parameters[name].grad = value.clone()
        self.optimizer.step()

    @property
    def flat(self):
        return torch.cat([p.detach().flatten() for p in self.parameters.values()])


def draws(layout, count=30, seed=0):
    generator = torch.Generator().manual_seed(seed)
    shape = (count + 1, REPLICAS, layout.columns)
    first, *gradients = torch.randn(shape, generator=generator, dtype=torch.float64)
    return first, gradients


def composed(recipe, bias=True, settings=RATES, setting=SETTING):
    layout = Layout.of(model(bias))
    first, gradients = draws(layout)
    return layout, first, gradients, Composition(recipe, layout, first.clone(), setting, settings, model=model(bias))


def step(optimizer, gradient):
    optimizer.step(gradient.clone())


PACKAGES = {
    "adam": ({"update": "torch.optim:Adam", "sees": "elements"}, lambda p, lr: torch.optim.Adam(p, lr=lr)),
    "momentum": (
        {"update": "torch.optim:SGD", "hyper": {"momentum": 0.9, "nesterov": True}, "sees": "elements"},
        lambda p, lr: torch.optim.SGD(p, lr=lr, momentum=0.9, nesterov=True),
    ),
    "lion": (
        {"update": "pytorch_optimizer:Lion", "hyper": {"betas": [0.9, 0.99]}, "sees": "elements"},
        lambda p, lr: pytorch_optimizer.Lion(p, lr=lr, betas=(0.9, 0.99)),
    ),
    "adagrad": ({"update": "torch.optim:Adagrad"}, lambda p, lr: torch.optim.Adagrad(p, lr=lr)),
    "nadam": ({"update": "torch.optim:NAdam"}, lambda p, lr: torch.optim.NAdam(p, lr=lr)),
    "adamw": (
        {"update": "torch.optim:AdamW", "hyper": {"weight_decay": 0.1}},
        lambda p, lr: torch.optim.AdamW(p, lr=lr, weight_decay=0.1),
    ),
    "soap": ({"update": "pytorch_optimizer:SOAP"}, lambda p, lr: pytorch_optimizer.SOAP(p, lr=lr)),
    "muon": (
        {
            "update": "torch.optim:Muon",
            "hyper": {"weight_decay": 0.0},
            "rest": {"update": "torch.optim:SGD", "hyper": {"lr": 0.5}},
        },
        None,
    ),
}


@pytest.mark.parametrize("name", [name for name, (_, make) in PACKAGES.items() if make])
def test_each_replica_is_the_package_s_own(name):
    recipe, make = PACKAGES[name]
    layout, first, gradients, optimizer = composed(recipe)
    alone = [Side(layout, first[r], lambda p, r=r: make(p, RATES[SETTING[r]]["lr"])) for r in range(REPLICAS)]
    for gradient in gradients:
        step(optimizer, gradient)
        for r, side in enumerate(alone):
            side.step(gradient[r])
            # the same operations on the same numbers
            assert torch.equal(optimizer.weights[r], side.flat), (name, r)


def test_two_parts_each_own_their_columns():
    layout, first, gradients, optimizer = composed(PACKAGES["muon"][0])
    split = layout.matrix_columns
    for r in range(REPLICAS):
        pieces = {name: nn.Parameter(value.clone()) for name, value in layout.unflatten(first[r]).items()}
        matrices = [p for p in pieces.values() if p.dim() == 2]
        muon = torch.optim.Muon(matrices, lr=RATES[SETTING[r]]["lr"], weight_decay=0.0)
        for gradient in gradients[:3]:
            for name, value in layout.unflatten(gradient[r]).items():
                pieces[name].grad = value.clone()
            muon.step()
        expected = torch.cat([p.detach().flatten() for p in matrices])
        if r == 0:
            for gradient in gradients[:3]:
                step(optimizer, gradient)
        assert torch.equal(optimizer.weights[r, :split], expected)
    descended = first[:, split:]
    for gradient in gradients[:3]:
        descended = descended - 0.5 * gradient[:, split:]
    # three subtractions of numbers near 1
    torch.testing.assert_close(optimizer.weights[:, split:], descended, rtol=0, atol=10 * EPS)


def test_adam_with_decoupled_decay_is_adamw():
    recipe = known_recipes()["adamw"]
    layout, first, gradients, optimizer = composed(recipe)
    alone = [
        Side(layout, first[r], lambda p, r=r: torch.optim.AdamW(p, lr=RATES[SETTING[r]]["lr"], weight_decay=0.01))
        for r in range(REPLICAS)
    ]
    for gradient in gradients:
        step(optimizer, gradient)
        for r, side in enumerate(alone):
            side.step(gradient[r])
    # weights near 1, decayed after instead of before the update: one rounding more per step
    torch.testing.assert_close(optimizer.weights, torch.stack([side.flat for side in alone]), rtol=0, atol=1e-12)
    plain = composed({key: value for key, value in recipe.items() if key != "decay"})[3]
    for gradient in gradients:
        step(plain, gradient)
    assert (plain.weights - optimizer.weights).abs().max() > 1e-3  # without decay the test would fail


def test_decay_takes_each_part_s_own_rate_and_schedule():
    recipe = {
        "update": "torch.optim:SGD",
        "rest": {"update": "torch.optim:SGD", "hyper": {"lr": 0.5}},
        "decay": {"name": "decoupled", "weight_decay": 0.1},
        "schedule": {"name": "inverse_sqrt"},
    }
    layout, first, gradients, optimizer = composed(recipe)
    rates = torch.full((REPLICAS, layout.columns), 0.5, dtype=torch.float64)
    rates[:, : layout.matrix_columns] = torch.tensor([0.01, 0.01, 0.03, 0.03], dtype=torch.float64).unsqueeze(1)
    weights = first
    for number, gradient in enumerate(gradients, 1):
        step(optimizer, gradient)
        scaled = rates / number**0.5
        weights = weights - scaled * gradient - scaled * 0.1 * weights
    # thirty steps of a few roundings of numbers near 1
    torch.testing.assert_close(optimizer.weights, weights, rtol=0, atol=200 * EPS)


@pytest.mark.parametrize("sees", ["elements", "network"])
def test_what_an_elementwise_update_sees_does_not_matter(sees):
    rest = {"update": "torch.optim:Adam", "sees": "elements"}
    both = {"update": "torch.optim:Adam", "sees": "matrices", "rest": rest | {"hyper": {"lr": 0.02}}}
    _, _, _, other = composed(both, settings=[{"lr": 0.02}, {"lr": 0.02}])
    _, _, gradients, one = composed({"update": "torch.optim:Adam", "sees": sees}, settings=[{"lr": 0.02}, {"lr": 0.02}])
    for gradient in gradients:
        step(one, gradient)
        step(other, gradient)
    assert torch.equal(one.weights, other.weights)


def test_change_is_what_the_step_did():
    for recipe in (PACKAGES["adam"][0], known_recipes()["adamw"]):
        _, first, gradients, optimizer = composed(recipe)
        before = first
        for gradient in gradients[:5]:
            step(optimizer, gradient)
            # the difference of two numbers near 1
            torch.testing.assert_close(optimizer.change, optimizer.weights - before, rtol=0, atol=4 * EPS)
            before = optimizer.weights.clone()


# ---------------------------------------------------------------- rates

SCHEDULED = {"update": "torch.optim:SGD", "sees": "elements", "schedule": {"name": "inverse_sqrt"}}


def test_the_schedule_multiplies_the_rate_of_every_step():
    _, first, gradients, optimizer = composed(SCHEDULED)
    weights = first
    rates = torch.tensor([0.01, 0.01, 0.03, 0.03], dtype=torch.float64)
    for number, gradient in enumerate(gradients, 1):
        step(optimizer, gradient)
        torch.testing.assert_close(optimizer.rates(), rates / number**0.5, rtol=4 * EPS, atol=0)
        weights = weights - (rates / number**0.5).unsqueeze(1) * gradient
    # thirty subtractions of numbers near 1
    torch.testing.assert_close(optimizer.weights, weights, rtol=0, atol=100 * EPS)


def test_hyperparameters_are_read_back_as_they_run():
    recipe = known_recipes()["muon"]
    _, _, _, optimizer = composed(recipe)
    matrices, rest = optimizer.hyperparameters()
    assert matrices == {"momentum": 0.95, "nesterov": True, "ns_steps": 5, "lr": 0.01}
    assert rest["lr"] == 1e-3 and tuple(rest["betas"]) == (0.9, 0.999) and "params" not in rest


def test_the_rate_that_is_read_back_is_that_of_the_recipe():
    _, _, gradients, optimizer = composed(SCHEDULED)
    for gradient in gradients[:3]:
        step(optimizer, gradient)
    assert optimizer.hyperparameters()[0]["lr"] == 0.01  # not what the schedule made of it


# ---------------------------------------------------------------- leaving

LEAVING = {
    "elements": {"update": "torch.optim:Adam", "sees": "elements"},
    "lion": {"update": "pytorch_optimizer:Lion", "sees": "elements"},
    "muon": {**known_recipes()["muon"]},
    "shampoo": {**known_recipes()["shampoo"]},
    "grafted": {
        "update": "shampoo",
        "sees": "matrices",
        "hyper": {"graft": "adam", "accumulation": "sum"},
        "rest": {"update": "torch.optim:Adagrad", "hyper": {"lr": 0.1}},
    },
    "network": {"update": "torch.optim:AdamW"},
    "decayed": known_recipes()["adamw"],
}


@pytest.mark.parametrize(
    "keeps",
    [[[0, 2, 3]], [[2, 3]], [[0, 1]], [[1, 3], [1]], [[0, 1, 2], [2]], [[3]], [[0, 1, 2, 3]], [[]]],
    ids=str,
)
@pytest.mark.parametrize("name", LEAVING)
def test_state_follows_those_who_stay(name, keeps):
    _, _, gradients, optimizer = composed(LEAVING[name])
    _, _, _, whole = composed(LEAVING[name])
    rows = torch.arange(REPLICAS)
    for number, gradient in enumerate(gradients[:24]):
        if number in (7, 13):
            stay = keeps[0] if number == 7 else keeps[-1]
            keep = torch.isin(rows, torch.tensor(stay, dtype=torch.int64))
            optimizer.leave(keep)
            rows = rows[keep]
        step(optimizer, gradient[rows])
        step(whole, gradient)
    assert torch.equal(optimizer.weights, whole.weights[rows])
    assert torch.equal(optimizer.rates(), whole.rates()[rows])
    for owner in optimizer.parts:
        for built in owner.optimizers:
            held = sum(p.shape[0] for group in built.param_groups for p in group["params"][:1])
            assert owner.sees == "network" or held == len(rows)
            assert set(built.state) <= {p for group in built.param_groups for p in group["params"]}
            for parameter, state in built.state.items():
                for value in state.values():
                    if isinstance(value, torch.Tensor) and value.dim() and owner.sees != "network":
                        assert value.shape[0] == parameter.shape[0]
        assert owner.sees != "network" or len(owner.optimizers) == len(rows)


def test_a_replica_that_left_is_not_written_to_again():
    _, _, gradients, optimizer = composed(LEAVING["elements"])
    step(optimizer, gradients[0])
    old = optimizer.weights
    kept = old.clone()
    optimizer.leave(torch.tensor([True, False, True, True]))
    step(optimizer, gradients[1][[0, 2, 3]])
    assert torch.equal(old, kept)


# ---------------------------------------------------------------- what an author's class may do


@pytest.fixture
def her(monkeypatch):
    """Return a function that makes a class importable as ``torch.optim:Her``."""

    def install(cls):
        monkeypatch.setattr(torch.optim, "Her", cls, raising=False)
        return {"update": "torch.optim:Her"}

    return install


class Plain(torch.optim.Optimizer):
    """Gradient descent as an author writes it first."""

    def __init__(self, params, lr):
        super().__init__(params, {"lr": lr})

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for p in group["params"]:
                p -= group["lr"] * self.factor * p.grad

    factor = 1.0


@pytest.mark.parametrize("sees", ["elements", "network"])
def test_a_rate_without_a_default_is_given_to_the_constructor(her, sees):
    _, first, gradients, optimizer = composed({**her(Plain), "sees": sees})
    step(optimizer, gradients[0])
    rates = torch.tensor([0.01, 0.01, 0.03, 0.03], dtype=torch.float64).unsqueeze(1)
    torch.testing.assert_close(optimizer.weights, first - rates * gradients[0], rtol=0, atol=4 * EPS)


class OnItself(Plain):
    """Keeps a hyper-parameter on itself, as many of pytorch_optimizer's classes do, instead of in its groups."""

    def __init__(self, params, lr=1e-3, factor=1.0):
        super().__init__(params, lr)
        self.factor = factor


@pytest.mark.parametrize("sees", ["elements", "network"])
def test_a_hyperparameter_that_the_class_keeps_on_itself_has_its_effect(her, sees):
    _, first, gradients, optimizer = composed({**her(OnItself), "hyper": {"factor": 3.0}, "sees": sees})
    step(optimizer, gradients[0])
    rates = torch.tensor([0.01, 0.01, 0.03, 0.03], dtype=torch.float64).unsqueeze(1)
    torch.testing.assert_close(optimizer.weights, first - 3 * rates * gradients[0], rtol=0, atol=4 * EPS)


def test_a_real_hyperparameter_that_a_package_keeps_on_its_class_has_its_effect():
    recipe = {"update": "pytorch_optimizer:Lion", "hyper": {"maximize": True}}
    layout, first, gradients, optimizer = composed(recipe)
    side = Side(layout, first[0], lambda p: pytorch_optimizer.Lion(p, lr=0.01, maximize=True))
    step(optimizer, gradients[0])
    side.step(gradients[0][0])
    assert torch.equal(optimizer.weights[0], side.flat)


class Refusing(Plain):
    """Checks what it is given, as torch's own classes do, in its constructor."""

    def __init__(self, params, lr=1e-3, factor=1.0):
        if factor > 1:
            raise ValueError(f"factor {factor} is larger than 1")
        super().__init__(params, lr)


def test_what_the_constructor_refuses_is_refused(her):
    with pytest.raises(RecipeError, match=r"Refusing refuses: factor 2.0 is larger than 1"):
        composed({**her(Refusing), "hyper": {"factor": 2.0}})


class Rebinding(Plain):
    """Gives its parameters new storage at every third step, as a look-ahead may."""

    def __init__(self, params, lr=1e-3):
        super().__init__(params, lr)
        self.count = 0

    @torch.no_grad()
    def step(self, closure=None):
        self.count += 1
        super().step()
        if self.count % 3 == 0:
            for group in self.param_groups:
                for p in group["params"]:
                    p.data = p.data / 2


def test_new_storage_is_followed_or_refused(her):
    layout, first, gradients, optimizer = composed(her(Rebinding))
    side = Side(layout, first[0], lambda p: Rebinding(p, lr=0.01))
    try:
        for gradient in gradients[:8]:
            step(optimizer, gradient)
    except RecipeError as error:
        assert "Her" in str(error) or "Rebinding" in str(error)
        return
    for gradient in gradients[:8]:
        side.step(gradient[0])
    torch.testing.assert_close(optimizer.weights[0], side.flat, rtol=0, atol=20 * EPS)


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        ({"update": "torch.optim:Adam", "hyper": {"beta": 0.9}}, r"Adam takes no 'beta' .*did you mean 'betas'"),
        ({"update": "torch.optim:SGD", "rest": {"update": "torch.optim:SGD", "hyper": {"lr": 1.0, "momentun": 0.9}}},
         r"SGD takes no 'momentun' .*did you mean 'momentum'"),
        ({"update": "torch.optim:SGD", "rest": {"update": "torch.optim:SGD"}}, r"needs an 'lr' in hyper or search"),
        ({"update": "muon", "sees": "matrices"}, r"sees matrices only, but '0.bias' has shape \(4,\); .*'rest:'"),
        ({"update": "torch.optim:Muon"}, r"torch.optim.Muon refuses: Muon only supports 2D"),
        ({"update": "torch.optim:Missing"}, r"'torch.optim' has no class 'Missing'"),
    ],
)  # fmt: skip
def test_refused_with_the_recipe_s_name(recipe, message):
    with pytest.raises(RecipeError, match=r"recipe 'mine'.*" + message):
        composed({**copy.deepcopy(recipe), "name": "mine"})


def test_without_any_rate():
    with pytest.raises(RecipeError, match="needs an 'lr' in hyper or search"):
        composed({"update": "torch.optim:SGD"}, settings=[{}, {}])


def test_rest_is_not_needed_where_everything_is_a_matrix():
    _, _, gradients, optimizer = composed(known_recipes()["muon"], bias=False)
    assert len(optimizer.parts) == 1
    _, _, _, other = composed({"update": "muon", "sees": "matrices"}, bias=False)
    for gradient in gradients[:3]:
        step(optimizer, gradient)
        step(other, gradient)
    assert torch.equal(optimizer.weights, other.weights)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("name", each_recipe(but=["spectral_limit"]))
def test_every_column_has_one_owner(name, bias):
    _, _, _, optimizer = composed(known_recipes()[name], bias=bias)
    owned = torch.zeros(optimizer.inner.columns, dtype=torch.int64)
    for owner in optimizer.parts:
        owned[owner.columns] += 1
    assert (owned == 1).all()


# ---------------------------------------------------------------- parts together


def test_powerpropagation_as_parametrization_and_as_update_agree():
    """Schwarz et al. 2021 either way, on a network, 500 steps."""
    descent = {"update": "torch.optim:SGD", "sees": "elements", "hyper": {"lr": 0.05}}
    one = {**descent, "parametrization": {"name": "power", "alpha": 3.0}}
    other = {"update": "power_propagation", "sees": "matrices", "hyper": {"alpha": 3.0, "lr": 0.05}, "rest": descent}
    plan = [{"lr": 0.05}], [0, 1]
    first, second = (steps(fleet_of(small_task(), recipe, *plan), 500).flat for recipe in (one, other))
    plain = steps(fleet_of(small_task(), descent, *plan), 500).flat
    assert (first - plain).abs().max() > 0.1
    # the known answer's tolerance in float64
    torch.testing.assert_close(first, second, rtol=1e-9, atol=1e-12)


def test_sam_with_radius_0_is_its_base():
    base = {"update": "torch.optim:SGD", "hyper": {"momentum": 0.9}, "sees": "elements"}
    sam = {**base, "perturbation": {"name": "sam", "rho": 0.0}}
    one, other = (steps(fleet_of(small_task(), recipe, [{"lr": 0.05}], [0]), 40) for recipe in (base, sam))
    assert torch.equal(one.flat, other.flat) and other.passes.item() == 80


def test_a_branch_is_the_end_of_a_run_that_cools_down_there():
    adam = {"update": "torch.optim:Adam", "sees": "elements"}
    trunk = {**adam, "schedule": {"name": "trunk", "branches": [0.5, 1.0], "decay": 0.2, "warmup": 0.1}}
    short = {**adam, "schedule": {"name": "warmup_stable_decay", "decay": 4 / 14, "warmup": 2 / 14}}
    settings, seeds = [{"lr": 0.01}, {"lr": 0.03}], [0, 1]
    found = train(small_task(), spec(trunk, stop={"steps": 20}), settings, seeds)
    alone = train(small_task(), spec(short, stop={"steps": 14}), settings, seeds)
    assert found["snapshot"].values.tolist() == ["init", "branch_1", "branch_2", "final"]
    assert found["snapshot_step"].values[0, 0].tolist() == [0, 14, 24, 20]
    for place in (0, 1):
        for seed in seeds:
            assert (weights_of(found, place, seed, "branch_1") == weights_of(alone, place, seed)).all()


def test_a_trunk_with_branches_is_for_one_task():
    trunk = {"update": "torch.optim:Adam", "schedule": {"name": "trunk", "branches": [0.5]}}
    with pytest.raises(RecipeError, match="is for one task, not a sequence of 2"):
        fleet_of(small_task(classes=4, stages=2), trunk, stop={"steps": 20})


def test_what_is_delivered_does_not_disturb_the_training():
    recipe = known_recipes()["schedule_free_adamw"]
    plans = [spec(recipe, stop={"steps": 30}, evaluate_every=every) for every in (1, 30)]
    often, once = (train(small_task(), plan, [{"lr": 0.01}], [0]) for plan in plans)
    assert (weights_of(often, 0, 0) == weights_of(once, 0, 0)).all()
    last = steps(fleet_of(small_task(), recipe, [{"lr": 0.01}], [0], stop={"steps": 30}), 30)
    names = sorted(last.layout.shapes)
    trained = torch.cat([last.layout.unflatten(last.flat[0])[name].flatten() for name in names])
    assert abs(weights_of(once, 0, 0) - trained.numpy()).max() > 1e-3  # the average, not the point of the gradient


def test_an_average_is_of_what_was_trained():
    recipe = {"update": "torch.optim:SGD", "averaging": {"name": "swa", "start": 1}, "deliver": "average"}
    fleet, total = fleet_of(small_task(), recipe, [{"lr": 0.1}], [0]), 0
    for _ in range(10):
        steps(fleet, 1)
        total = total + fleet.flat
    # ten additions of numbers near 1
    torch.testing.assert_close(fleet.blocks[0].composition.delivered(), total / 10, rtol=0, atol=20 * EPS)


def test_a_replica_whose_update_cannot_work_with_its_numbers_leaves_alone():
    recipe = {"update": "pytorch_optimizer:Prodigy"}
    settings = [{"lr": 1.0}, {"lr": 1e300}]
    fleet = steps(fleet_of(small_task(), recipe, settings, [0]), 5)
    assert fleet.status.tolist() == [-1, 1]
    assert torch.equal(fleet.flat, steps(fleet_of(small_task(), recipe, settings[:1], [0]), 5).flat)

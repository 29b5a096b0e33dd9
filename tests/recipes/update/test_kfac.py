"""K-FAC against its own definition: the factors by hand, K-FAC's inverses in the limit, fleets, resuming, refusals."""

import copy
import importlib
import sys

import pytest
import torch
from fleet_example import fleet_of, small_convolution, small_task, steps
from torch import nn
from torch.nn import functional

from imprint.recipes.resolve import RecipeError, update_class
from imprint.recipes.update.kfac import Kfac

RECIPE = {"name": "mine", "update": "kfac", "hyper": {"lr": 0.01, "T": 2, "lr_cov": 0.1}}
# sums over 12 examples and products of 4 x 4 matrices with entries near 1, some steps
ROUNDING = {"rtol": 1e-11, "atol": 1e-12}


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


X, Y = drawn(12, 4), torch.arange(12) % 3


def linear(bias=True):
    model = nn.Linear(4, 3, bias=bias, dtype=torch.float64)
    for seed, p in enumerate(model.parameters()):
        p.data = 0.5 * drawn(*p.shape, seed=1 + seed)
    return model


def loss(model):
    return functional.cross_entropy(model(X), Y)


def move(model, optimizer, loss=loss):
    for p, g in zip(model.parameters(), torch.autograd.grad(loss(model), list(model.parameters())), strict=True):
        p.grad = g
    optimizer.step(loss)


def joined(model):
    """Weight and bias as one matrix ``[C, D + 1]``."""
    columns = [model.weight] if model.bias is None else [model.weight, model.bias.unsqueeze(1)]
    return torch.cat(columns, 1).detach().clone()


def inputs(bias):
    return torch.cat([X, torch.ones(12, 1, dtype=torch.float64)], 1) if bias else X


def by_hand(weights, bias):
    """Gradient, A and B of cross entropy: its derivative by the logits is the softmax less the label."""
    a = inputs(bias)
    errors = torch.softmax(a @ weights.mT, 1) - functional.one_hot(Y, 3)
    return errors.mT @ a / 12, a.mT @ a / 12, errors.mT @ errors / 12


def plain(weights, bias, count, lr, momentum, damping, T, lr_cov, alpha1, kfac_like):
    """The recursion of the docstring."""
    rows, columns = weights.shape
    one_k, one_c = torch.eye(columns, dtype=torch.float64), torch.eye(rows, dtype=torch.float64)
    k, c, m_k, m_c, buffer = one_k, one_c, 0, 0, 0
    for t in range(count):
        gradient, a, b = by_hand(weights, bias)
        if t % T == 0:
            seen_k, seen_c = k.mT @ a @ k, c.mT @ b @ c
            by_k, by_c, damp_k, damp_c = 1, 1, damping, damping
            if not kfac_like:
                by_k, by_c = seen_c.trace() / rows, seen_k.trace() / columns
                damp_k, damp_c = damping * (c.mT @ c).trace() / rows, damping * (k.mT @ k).trace() / columns
            m_k = alpha1 * m_k + (by_k * seen_k + damp_k * k.mT @ k - one_k) / 2
            m_c = alpha1 * m_c + (by_c * seen_c + damp_c * c.mT @ c - one_c) / 2
            k, c = k - lr_cov * k @ m_k, c - lr_cov * c @ m_c
        buffer = momentum * buffer + c @ c.mT @ gradient @ k @ k.mT
        weights = weights - lr * buffer
    return weights


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("count", [1, 7])
@pytest.mark.parametrize(
    "options",
    [{}, {"T": 3, "momentum": 0.0}, {"kfac_like": False, "alpha1": 0.5}, {"kfac_like": False, "T": 2}],
    ids=str,
)
def test_against_the_recursion_by_hand(options, count, bias):
    everything = {
        "lr": 0.3, "momentum": 0.9, "damping": 0.1, "T": 1, "lr_cov": 0.2, "alpha1": 0.0, "kfac_like": True, **options,
    }  # fmt: skip
    model = linear(bias)
    expected = plain(joined(model), bias, count, **everything)
    optimizer = Kfac(model.parameters(), model, **everything)
    for _ in range(count):
        move(model, optimizer)
    torch.testing.assert_close(joined(model), expected, **ROUNDING)


def test_its_limit_is_the_inverses_of_kfac():
    """At rest the step is (B + damping)^-1 G (A + damping)^-1."""
    model, damping = linear(), 0.05
    before = joined(model)
    optimizer = Kfac(model.parameters(), model, lr=0.0, momentum=0.0, damping=damping, T=1, lr_cov=0.3)
    for _ in range(120):  # what is missing shrinks by 1 - lr_cov at a step: 0.7^120 < 1e-18
        move(model, optimizer)
    optimizer.param_groups[0]["lr"] = 1.0
    move(model, optimizer)
    gradient, a, b = by_hand(before, bias=True)
    identity = [damping * torch.eye(len(factor), dtype=torch.float64) for factor in (a, b)]
    expected = torch.linalg.solve(b + identity[1], gradient) @ torch.linalg.inv(a + identity[0])
    # B has an eigenvalue 0: condition of the two factors below 1e3
    torch.testing.assert_close(before - joined(model), expected, rtol=1e-10, atol=1e-11)


def test_on_the_way_it_is_kfac_s_average_to_second_order():
    def missing(lr_cov):
        model = linear()
        a = by_hand(joined(model), bias=True)[1]
        optimizer = Kfac(model.parameters(), model, lr=0.0, damping=0.1, T=1, lr_cov=lr_cov)
        move(model, optimizer)
        k = optimizer.Ks[""].to_dense()
        one = torch.eye(5, dtype=torch.float64)
        return ((1 - lr_cov) * one + lr_cov * (a + 0.1 * one) - torch.linalg.inv(k @ k.mT)).norm()

    # a fourth of it at half the rate, up to the third order: 4 (1 + O(lr_cov)), and |A| < 3
    assert missing(0.002) / missing(0.001) == pytest.approx(4, rel=0.02)


def test_a_convolution_with_one_place_is_a_linear_layer():
    dense = linear()
    convolution = nn.Sequential(nn.Unflatten(1, (1, 2, 2)), nn.Conv2d(1, 3, 2, dtype=torch.float64), nn.Flatten())
    for p, own in zip(convolution.parameters(), dense.parameters(), strict=True):
        p.data = own.data.reshape(p.shape).clone()
    for model in (dense, convolution):
        optimizer = Kfac(model.parameters(), model, lr=0.3, T=1, lr_cov=0.2)
        for _ in range(3):
            move(model, optimizer)
    for p, own in zip(convolution.parameters(), dense.parameters(), strict=True):
        torch.testing.assert_close(p.flatten(), own.flatten(), **ROUNDING)


@pytest.mark.parametrize("options", [{}, {"kfac_like": False, "alpha1": 0.5}], ids=str)
@pytest.mark.parametrize("structures", [("dense", "dense"), ("diagonal", "dense")], ids=str)
def test_it_goes_on_from_its_state(tmp_path, structures, options):
    def made():
        model = linear()
        return model, Kfac(model.parameters(), model, lr=0.1, T=2, lr_cov=0.2, structures=structures, **options)

    model, optimizer = made()
    for _ in range(3):
        move(model, optimizer)
    torch.save([model.state_dict(), optimizer.state_dict()], tmp_path / "stored")
    again, other = made()
    weights, state = torch.load(tmp_path / "stored", weights_only=True)
    again.load_state_dict(weights)
    kept = copy.deepcopy(state)
    other.load_state_dict(state)
    for _ in range(4):
        move(model, optimizer), move(again, other)
        assert torch.equal(joined(model), joined(again))
    # what it was given is neither used up nor moved along
    assert state.keys() == kept.keys() and state["steps"] == 3
    assert all(torch.equal(*pair) for pair in zip(state["Ks"][""], kept["Ks"][""], strict=True))


def test_gradients_that_the_parameters_hold_are_those_that_it_uses():
    model = linear()
    before = joined(model)
    optimizer = Kfac(model.parameters(), model, lr=1.0)
    for p in model.parameters():
        p.grad = torch.zeros_like(p)
    optimizer.step(loss)
    assert torch.equal(joined(model), before)


# ---------------------------------------------------------------- in a fleet


@pytest.mark.parametrize("task", [small_task, small_convolution])
@pytest.mark.parametrize("executor", ["stacked", "loop"])
def test_the_fleet_s_model_sees_what_a_module_alone_sees(task, executor):
    """A fleet of two against two modules stepped by hand on the fleet's batches."""
    fleet = fleet_of(task(), RECIPE, seeds=(0, 1), settings=[{}], executor=executor)
    modules = [copy.deepcopy(fleet.task.model) for _ in range(2)]
    optimizers = []
    for row, module in enumerate(modules):
        own = {name: value[row].clone() for name, value in fleet.layout.unflatten(fleet.flat).items()}
        module.load_state_dict(own)
        optimizers.append(Kfac(module.parameters(), module, **RECIPE["hyper"]))
    for _ in range(5):
        x, y = fleet.batch(fleet.blocks[0])
        fleet.step()
        for row, (module, optimizer) in enumerate(zip(modules, optimizers, strict=True)):
            move(module, optimizer, lambda m, x=x[row], y=y[row]: functional.cross_entropy(m(x), y))
    for row, module in enumerate(modules):
        expected = {name: p.detach() for name, p in module.named_parameters()}
        found = {name: value[row] for name, value in fleet.layout.unflatten(fleet.flat).items()}
        torch.testing.assert_close(found, expected, **ROUNDING)
    assert fleet.passes.tolist() == [5 + 3] * 2  # the factors are taken at steps 1, 3 and 5


def test_a_neighbour_that_leaves_or_diverges_is_not_noticed():
    fleet = fleet_of(small_task(), RECIPE, [{"lr": 0.01}, {"lr": 1e300}, {"lr": 0.02}], seeds=(0, 1), block=6)
    steps(fleet, 4)
    assert sorted(fleet.ids.tolist()) == [0, 1, 4, 5]
    fleet.leave(torch.tensor([1]), "finished")
    steps(fleet, 4)
    for row, (lr, seed) in enumerate([(0.01, 0), (0.02, 0), (0.02, 1)]):
        alone = steps(fleet_of(small_task(), RECIPE, [{"lr": lr}], [seed]), 8)
        assert torch.equal(fleet.flat[row], alone.flat[0])


@pytest.mark.parametrize("task", [small_task, small_convolution])
def test_a_copy_of_a_fleet_goes_on_as_the_fleet(task):
    fleet = steps(fleet_of(task(), RECIPE, [{}], seeds=(0, 1)), 3)
    side = fleet.branch([1.0] * 4)
    assert torch.equal(side.flat, steps(fleet, 4).flat)


@pytest.mark.parametrize(
    ("part", "named"),
    [
        ({"parametrization": {"name": "weight_norm"}}, "'parametrization'"),
        ({"perturbation": {"name": "sam", "rho": 0.05}}, "'perturbation'"),
        ({"gradient": {"name": "orthogonal"}}, "'gradient'"),
        ({"rest": {"update": "torch.optim:SGD", "hyper": {"lr": 0.1}}}, "'rest'"),
        ({"sees": "elements"}, "looks into the model of one replica; leave 'sees: elements' out"),
        ({"hyper": {"lr": 0.01, "model": 3}}, "multiple values for keyword argument 'model'"),
        ({"hyper": {"lr": 0.01, "loss_average": None}}, "takes no 'loss_average'"),
    ],
    ids=str,
)
def test_what_cannot_be_right_is_refused(part, named):
    with pytest.raises(RecipeError, match=named):
        fleet_of(small_task(), {**RECIPE, **part}, [{}])


def test_backpropagation_by_name_is_backpropagation():
    fleet = fleet_of(small_task(), {**RECIPE, "gradient": {"name": "backprop"}}, [{}])
    assert torch.equal(steps(fleet, 2).flat, steps(fleet_of(small_task(), RECIPE, [{}]), 2).flat)


class Half(torch.optim.SGD):
    """Takes a model, but its step no loss."""

    def __init__(self, params, model, lr=0.1):
        super().__init__(params, lr)


def test_an_update_that_only_half_looks_into_the_model_is_refused(monkeypatch):
    monkeypatch.setattr(torch.optim, "Half", Half, raising=False)
    with pytest.raises(RecipeError, match="Half must take both a 'model' in its constructor and a 'loss' in its step"):
        fleet_of(small_task(), {"name": "mine", "update": "torch.optim:Half"})


def test_layers_that_it_does_not_know_are_refused():
    model = nn.Sequential(nn.Linear(2, 2), nn.LayerNorm(2))
    with pytest.raises(ValueError, match="linear layers and convolutions; '1.weight' is of none"):
        Kfac(model.parameters(), model)
    with pytest.raises(ValueError, match="takes all parameters"):
        Kfac(model[0].parameters(), nn.Linear(2, 2))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"alpha1": 0.5}, "alpha1 0.5 has no effect with kfac_like"),
        ({"structures": ("dense", "triltoeplitz")}, "are not two of dense, diagonal"),
        ({"structures": ("dense",)}, "are not two of dense, diagonal"),
        ({"kfac_approx": "shrink"}, "'expand' or 'reduce'"),
    ],
)
def test_options_that_singd_does_not_have_are_refused(options, message):
    model = linear()
    with pytest.raises(ValueError, match=message):
        Kfac(model.parameters(), model, **options)


def test_without_the_package_the_recipe_says_how_to_get_it(monkeypatch):
    name = "imprint.recipes.update.kfac"
    own = sys.modules[name]
    for module in [key for key in sys.modules if key.split(".")[0] == "singd"]:
        monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setitem(sys.modules, "singd", None)
    monkeypatch.delitem(sys.modules, name)
    with pytest.raises(RecipeError, match=r"pip install imprint\[kfac\]"):
        update_class("mine", "kfac")
    monkeypatch.undo()
    assert importlib.import_module(name) is own

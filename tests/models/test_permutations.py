"""Permutations of units: what they leave unchanged, and that planted ones are found."""

import itertools

import pytest
import torch
from scipy.optimize import linear_sum_assignment

from imprint.models import convnet, mlp
from imprint.models.permutations import axes_of, matching, permuted

# sums of up to 12 products of numbers of order 1, in another order
ROUNDING = 1e-13


def network(hidden, seed=0, activation="tanh", bias=True, inputs=5, classes=3):
    model = mlp.build(inputs=inputs, classes=classes, hidden=hidden, activation=activation, bias=bias)
    generator = torch.Generator().manual_seed(seed)
    shapes = {name: value.shape for name, value in model.named_parameters()}
    return model, {name: torch.randn(shape, generator=generator).double() for name, shape in shapes.items()}


def drawn_order(hidden, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return {f"hidden_{layer}": torch.randperm(size, generator=generator) for layer, size in enumerate(hidden, 1)}


def inverse(order):
    return {layer: found.argsort() for layer, found in order.items()}


def outputs(model, weights, x):
    return torch.func.functional_call(model, weights, (x,))


def agreement(ours, theirs):
    return sum((ours[name] * theirs[name]).sum().item() for name in ours)


def test_axes_of_a_network_with_two_hidden_layers():
    model, _ = network([4, 6])
    assert axes_of(model) == {
        "layers.0.weight": ("hidden_1", None),
        "layers.0.bias": ("hidden_1",),
        "layers.1.weight": ("hidden_2", "hidden_1"),
        "layers.1.bias": ("hidden_2",),
        "layers.2.weight": (None, "hidden_2"),
        "layers.2.bias": (None,),
    }


def test_a_linear_classifier_has_no_units():
    assert axes_of(network([])[0]) == {"layers.0.weight": (None, None), "layers.0.bias": (None,)}


def test_an_architecture_without_a_declaration_is_refused():
    model = convnet.build(inputs=16, classes=3, shape=[1, 4, 4], channels=[2, 3])
    with pytest.raises(ValueError, match="no permutations of units are declared for .*; they are for MLP"):
        axes_of(model)


@pytest.mark.parametrize("activation", ["relu", "tanh", "gelu"])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("hidden", [[7], [4, 6], [5, 3, 8]])
def test_outputs_are_invariant(hidden, bias, activation):
    model, weights = network(hidden, activation=activation, bias=bias)
    x = torch.randn(9, 5, generator=torch.Generator().manual_seed(2)).double()
    moved = permuted(weights, axes_of(model), drawn_order(hidden))
    assert any(not torch.equal(moved[name], weights[name]) for name in weights)
    # outputs reach some hundreds after four layers
    torch.testing.assert_close(outputs(model, moved, x), outputs(model, weights, x), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("hidden", [[12], [12, 9], [10, 12, 8]])
def test_a_planted_permutation_is_found(hidden):
    model, weights = network(hidden)
    order = drawn_order(hidden)
    moved = permuted(weights, axes_of(model), order)
    found = matching(weights, moved, axes_of(model))
    expected = inverse(order)
    assert all(torch.equal(found[layer], expected[layer]) for layer in expected)
    restored = permuted(moved, axes_of(model), found)
    assert all(torch.equal(restored[name], weights[name]) for name in weights)


def test_a_planted_permutation_is_found_behind_noise():
    model, weights = network([20, 20])
    moved = permuted(weights, axes_of(model), drawn_order([20, 20]))
    noise = torch.Generator().manual_seed(5)
    moved = {name: value + 0.3 * torch.randn(value.shape, generator=noise).double() for name, value in moved.items()}
    found = matching(weights, moved, axes_of(model))
    expected = inverse(drawn_order([20, 20]))
    assert all(torch.equal(found[layer], expected[layer]) for layer in expected)


def test_one_hidden_layer_is_matched_as_well_as_can_be():
    """Against all 120 orders of five units."""
    model, ours = network([5], seed=3)
    _, theirs = network([5], seed=4)
    axes = axes_of(model)
    found = agreement(ours, permuted(theirs, axes, matching(ours, theirs, axes)))
    orders = [{"hidden_1": torch.tensor(order)} for order in itertools.permutations(range(5))]
    best = max(agreement(ours, permuted(theirs, axes, order)) for order in orders)
    assert found == pytest.approx(best, rel=ROUNDING)


def test_no_layer_alone_can_be_matched_better():
    model, ours = network([6, 5], seed=3)
    _, theirs = network([6, 5], seed=4)
    axes = axes_of(model)
    order = matching(ours, theirs, axes)
    found = agreement(ours, permuted(theirs, axes, order))
    assert found > agreement(ours, theirs)
    for layer, size in (("hidden_1", 6), ("hidden_2", 5)):
        others = [{**order, layer: torch.tensor(change)} for change in itertools.permutations(range(size))]
        best = max(agreement(ours, permuted(theirs, axes, other)) for other in others)
        assert found == pytest.approx(best, rel=ROUNDING)


def test_matching_is_that_of_the_assignment_of_rows_without_biases():
    model, ours = network([8], seed=5, bias=False)
    _, theirs = network([8], seed=6, bias=False)
    first, second = "layers.0.weight", "layers.1.weight"
    gain = ours[first] @ theirs[first].T + ours[second].T @ theirs[second]
    expected = linear_sum_assignment(gain.numpy(), maximize=True)[1]
    assert matching(ours, theirs, axes_of(model))["hidden_1"].tolist() == expected.tolist()


def test_a_network_is_matched_with_itself_as_it_is():
    model, weights = network([9, 7])
    found = matching(weights, weights, axes_of(model))
    assert all(torch.equal(order, torch.arange(len(order))) for order in found.values())

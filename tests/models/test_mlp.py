"""The multilayer perceptron: its stacked forward against its own, one replica at a time."""

import pytest
import torch

from imprint.models import mlp
from imprint.models.activations import ACTIVATIONS
from imprint.models.initialize import initialize
from imprint.streams import generator

REPLICAS = 3


def stacked_weights(model):
    rows = [initialize(model, generator(seed, "init")) for seed in range(REPLICAS)]
    return {name: torch.stack([row[name] for row in rows]) for name in rows[0]}


def leaves(model):
    return {name: value.requires_grad_() for name, value in stacked_weights(model).items()}


def inputs(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("hidden", [[], [8], [8, 5]])
@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
def test_stacked_is_the_forward_of_each_replica(activation, hidden, bias):
    model = mlp.build(inputs=6, classes=4, hidden=hidden, activation=activation, bias=bias).double()
    weights = stacked_weights(model)
    for x in (inputs(9, 6), inputs(REPLICAS, 9, 6)):
        logits, _ = mlp.stacked(model, weights, x)
        for r in range(REPLICAS):
            own = {name: value[r] for name, value in weights.items()}
            alone = torch.func.functional_call(model, own, (x if x.dim() == 2 else x[r],))
            # sums of at most eight products of numbers near 1, in another order, three layers
            torch.testing.assert_close(logits[r], alone, rtol=1e-14, atol=1e-14)


def test_activations_are_what_the_next_layer_reads():
    model = mlp.build(inputs=6, classes=4, hidden=[8, 5]).double()
    weights = stacked_weights(model)
    logits, hidden = mlp.stacked(model, weights, inputs(9, 6))
    assert list(hidden) == ["hidden_1", "hidden_2"]
    assert hidden["hidden_1"].shape == (REPLICAS, 9, 8) and hidden["hidden_2"].shape == (REPLICAS, 9, 5)
    assert (hidden["hidden_1"] >= 0).all()
    last = torch.einsum("rnh,rch->rnc", hidden["hidden_2"], weights["layers.2.weight"])
    last = last + weights["layers.2.bias"].unsqueeze(1)
    # five products
    torch.testing.assert_close(logits, last, rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize("cut", [False, True])
@pytest.mark.parametrize("count", [1, 9, 128])
@pytest.mark.parametrize(
    "sizes", [[6, 7, 5, 4], [6, 1, 3], [64, 32, 1], [1, 64, 10], [64, 64, 1, 10], [64, 64, 10], [5, 4]], ids=str
)
def test_a_replica_does_not_depend_on_how_many_there_are(sizes, count, cut):
    model = mlp.build(inputs=sizes[0], classes=sizes[-1], hidden=sizes[1:-1], activation="gelu").double()
    weights, x = leaves(model), inputs(REPLICAS, count, sizes[0])

    def results(first, last):
        own = {name: value[first:last] for name, value in weights.items()}
        logits, hidden = mlp.stacked(model, own, x[first:last], cut)
        loss = torch.logsumexp(logits, -1).mean(1).sum()
        signals = [torch.ones_like(loss), *(torch.sin(value.detach()) for value in hidden.values())]
        gradients = torch.autograd.grad([loss, *hidden.values()], list(own.values()), signals)
        return [logits, *hidden.values(), *gradients]

    together = results(0, REPLICAS)
    for r in range(REPLICAS):
        for all_of_them, alone in zip(together, results(r, r + 1), strict=True):
            assert torch.equal(all_of_them[r], alone[0])


@pytest.mark.parametrize("bias", [True, False])
def test_cut_changes_no_value_and_leaves_each_gradient_to_its_layer(bias):
    model = mlp.build(inputs=6, classes=4, hidden=[8, 5], bias=bias).double()
    weights, x = leaves(model), inputs(9, 6)
    whole = mlp.stacked(model, weights, x)
    logits, hidden = mlp.stacked(model, weights, x, cut=True)
    assert torch.equal(logits, whole[0])
    assert all(torch.equal(hidden[name], value) for name, value in whole[1].items())
    for layer, output in enumerate([*hidden.values(), logits]):
        gradients = torch.autograd.grad(output.sum(), list(weights.values()), retain_graph=True, allow_unused=True)
        reached = {name for name, gradient in zip(weights, gradients, strict=True) if gradient is not None}
        assert reached == {name for name in weights if name.startswith(f"layers.{layer}.")}


def test_a_true_error_at_each_cut_gives_the_true_gradient():
    model = mlp.build(inputs=6, classes=4, hidden=[8, 5]).double()
    weights, x = leaves(model), inputs(9, 6)
    logits, hidden = mlp.stacked(model, weights, x)
    loss = logits.square().sum()
    true = torch.autograd.grad(loss, [*weights.values(), *hidden.values()])
    logits, hidden = mlp.stacked(model, weights, x, cut=True)
    outputs = [logits.square().sum(), *hidden.values()]
    found = torch.autograd.grad(outputs, list(weights.values()), [torch.ones_like(loss), *true[len(weights) :]])
    for one, other in zip(found, true, strict=False):
        # sums of nine products in another order
        torch.testing.assert_close(one, other, rtol=1e-13, atol=1e-14)


def test_without_hidden_layers_it_is_a_linear_classifier():
    model = mlp.build(inputs=6, classes=4, bias=False)
    assert {name: tuple(p.shape) for name, p in model.named_parameters()} == {"layers.0.weight": (4, 6)}


def test_an_unknown_activation_is_refused():
    with pytest.raises(ValueError, match=r"activation 'swish' is not one of \['gelu', 'relu', 'tanh'\]"):
        mlp.build(inputs=2, classes=2, activation="swish")

"""The multilayer perceptron: its stacked forward against its own, one replica at a time."""

import pytest
import torch

from imprint.models import mlp
from imprint.models.initialize import initialize
from imprint.streams import generator

REPLICAS = 3


def stacked_weights(model):
    rows = [initialize(model, generator(seed, "init")) for seed in range(REPLICAS)]
    return {name: torch.stack([row[name] for row in rows]) for name in rows[0]}


def inputs(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("hidden", [[], [8], [8, 5]])
@pytest.mark.parametrize("activation", sorted(mlp.ACTIVATIONS))
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


def test_without_hidden_layers_it_is_a_linear_classifier():
    model = mlp.build(inputs=6, classes=4, bias=False)
    assert {name: tuple(p.shape) for name, p in model.named_parameters()} == {"layers.0.weight": (4, 6)}


def test_an_unknown_activation_is_refused():
    with pytest.raises(ValueError, match=r"activation 'swish' is not one of \['gelu', 'relu', 'tanh'\]"):
        mlp.build(inputs=2, classes=2, activation="swish")

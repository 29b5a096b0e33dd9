"""The product of matrices: its stacked forward against its own, and against the product itself."""

import pytest
import torch

from imprint.models import deep_linear
from imprint.models.initialize import initialize
from imprint.streams import generator

REPLICAS = 3


def stacked_weights(model):
    rows = [initialize(model, generator(seed, "init")) for seed in range(REPLICAS)]
    return {name: torch.stack([row[name] for row in rows]) for name in rows[0]}


def inputs(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize("values", [None, 3])
@pytest.mark.parametrize("hidden", [[], [8], [8, 5]])
def test_stacked_is_the_forward_of_each_replica_and_the_product(hidden, values):
    model = deep_linear.build(inputs=6, classes=4, hidden=hidden, values=values).double()
    weights = stacked_weights(model)
    for x in (inputs(9, 6), inputs(REPLICAS, 9, 6)):
        logits, found = deep_linear.stacked(model, weights, x)
        assert [value.shape[-1] for value in found.values()] == hidden
        for r in range(REPLICAS):
            own, mine = {name: value[r] for name, value in weights.items()}, x if x.dim() == 2 else x[r]
            product = torch.eye(6, dtype=torch.float64)
            for weight in own.values():
                product = weight @ product
            product = product if values is None else deep_linear.rotation(4, values) @ product
            alone = torch.func.functional_call(model, own, (mine,))
            # sums of at most eight products of numbers near 1, in another order, four matrices
            torch.testing.assert_close(logits[r], alone, rtol=1e-13, atol=1e-14)
            torch.testing.assert_close(logits[r], mine @ product.mT, rtol=1e-13, atol=1e-14)


def test_values_are_an_orthogonal_matrix_and_no_parameter():
    turn = deep_linear.rotation(50, 0)
    torch.testing.assert_close(turn @ turn.mT, torch.eye(50, dtype=torch.float64), rtol=0, atol=1e-13)
    assert torch.equal(turn, deep_linear.rotation(50, 0)) and not torch.equal(turn, deep_linear.rotation(50, 1))
    model = deep_linear.build(inputs=3, classes=4, values=0)
    assert list(model.state_dict()) == [name for name, _ in model.named_parameters()] == ["layers.0.weight"]


@pytest.mark.parametrize("cut", [False, True])
@pytest.mark.parametrize("count", [1, 9])
@pytest.mark.parametrize("sizes", [[6, 7, 4], [6, 1, 3], [64, 32, 1], [100, 100], [1, 5]], ids=str)
def test_a_replica_does_not_depend_on_how_many_there_are(sizes, count, cut):
    model = deep_linear.build(inputs=sizes[0], classes=sizes[-1], hidden=sizes[1:-1], values=1).double()
    weights = {name: value.requires_grad_() for name, value in stacked_weights(model).items()}
    x = inputs(REPLICAS, count, sizes[0])

    def results(first, last):
        own = {name: value[first:last] for name, value in weights.items()}
        logits, hidden = deep_linear.stacked(model, own, x[first:last], cut)
        loss = torch.logsumexp(logits, -1).mean(1).sum()
        signals = [torch.ones_like(loss), *(torch.sin(value.detach()) for value in hidden.values())]
        return [logits, *torch.autograd.grad([loss, *hidden.values()], list(own.values()), signals)]

    together = results(0, REPLICAS)
    for r in range(REPLICAS):
        for all_of_them, alone in zip(together, results(r, r + 1), strict=True):
            assert torch.equal(all_of_them[r], alone[0])


def test_cut_leaves_the_last_layers_gradient_to_the_loss():
    model = deep_linear.build(inputs=6, classes=4, hidden=[5]).double()
    weights = {name: value.requires_grad_() for name, value in stacked_weights(model).items()}
    whole, cut = (deep_linear.stacked(model, weights, inputs(9, 6), flag)[0] for flag in (False, True))
    assert torch.equal(whole, cut)
    first, last = torch.autograd.grad(cut.square().sum(), list(weights.values()), allow_unused=True)
    assert first is None and last is not None

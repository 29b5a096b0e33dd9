"""The diagonal linear network: stacked against its own forward, and against the regression it is."""

import pytest
import torch

from imprint.models import diagonal_net
from imprint.models.initialize import initialize
from imprint.streams import generator

REPLICAS = 3


def stacked_weights(model):
    rows = [initialize(model, generator(seed, "init")) for seed in range(REPLICAS)]
    return {name: torch.stack([row[name] for row in rows]) for name in rows[0]}


def inputs(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize("classes", [1, 3])
def test_stacked_is_the_forward_of_each_replica(classes):
    model = diagonal_net.build(inputs=6, classes=classes, scale=2.0).double()
    weights = stacked_weights(model)
    for x in (inputs(9, 6), inputs(REPLICAS, 9, 6)):
        outputs, hidden = diagonal_net.stacked(model, weights, x)
        assert not hidden
        for r in range(REPLICAS):
            own = {name: value[r] for name, value in weights.items()}
            alone = torch.func.functional_call(model, own, (x if x.dim() == 2 else x[r],))
            # sums of six products of numbers near 1 in another order
            torch.testing.assert_close(outputs[r], alone, rtol=1e-14, atol=1e-14)


def test_it_is_linear_regression_with_a_difference_of_squares():
    model = diagonal_net.build(inputs=2, classes=1).double()
    weights = {"positive.weight": torch.tensor([[2.0, 0.0]]), "negative.weight": torch.tensor([[1.0, 3.0]])}
    x = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]], dtype=torch.float64)
    found = torch.func.functional_call(model, {name: value.double() for name, value in weights.items()}, (x,))
    assert found.flatten().tolist() == [3.0, -9.0, -6.0]


def test_scale_is_that_of_the_initial_weights():
    one, six = (diagonal_net.build(inputs=6, classes=1, scale=scale).double() for scale in (1.0, 6.0))
    for name, value in initialize(one, generator(0, "init")).items():
        torch.testing.assert_close(6 * value, initialize(six, generator(0, "init"))[name], rtol=1e-12, atol=0)


@pytest.mark.parametrize("count", [1, 2, 20])
def test_a_replica_does_not_depend_on_how_many_there_are(count):
    model = diagonal_net.build(inputs=40, classes=1).double()
    weights = {name: value.requires_grad_() for name, value in stacked_weights(model).items()}
    x = inputs(REPLICAS, count, 40)

    def results(first, last):
        own = {name: value[first:last] for name, value in weights.items()}
        outputs, _ = diagonal_net.stacked(model, own, x[first:last])
        return [outputs, *torch.autograd.grad(torch.square(outputs).mean(1).sum(), list(own.values()))]

    together = results(0, REPLICAS)
    for r in range(REPLICAS):
        for all_of_them, alone in zip(together, results(r, r + 1), strict=True):
            assert torch.equal(all_of_them[r], alone[0])

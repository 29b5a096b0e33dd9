"""The two-layer network with a fixed head: formula, exactness over replicas, initial weights, what is trained."""

import math

import numpy as np
import pytest
import torch

from imprint.losses import cross_entropy
from imprint.models import two_layer
from imprint.models.initialize import initialize
from imprint.streams import generator

REPLICAS = 3


def network(hidden=7, scale=1.0, inputs=6):
    return two_layer.build(inputs=inputs, classes=2, hidden=hidden, scale=scale).double()


def stacked_weights(model):
    rows = [initialize(model, generator(seed, "init")) for seed in range(REPLICAS)]
    return {name: torch.stack([row[name] for row in rows]) for name in rows[0]}


def inputs(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize("hidden", [2, 7])
def test_stacked_is_the_formula_and_the_forward_of_each_replica(hidden):
    model = network(hidden)
    weights = stacked_weights(model)
    for x in (inputs(9, 6), inputs(REPLICAS, 9, 6)):
        logits, hidden_units = two_layer.stacked(model, weights, x)
        for r in range(REPLICAS):
            own = x if x.dim() == 2 else x[r]
            alone = torch.func.functional_call(model, {"layers.0.weight": weights["layers.0.weight"][r]}, (own,))
            units = np.maximum(0, own.numpy() @ weights["layers.0.weight"][r].numpy().T)
            score = units @ np.array([(-1) ** j for j in range(hidden)]) / math.sqrt(hidden)
            # sums of at most seven products of numbers near 1; the head is rounded to float32 when it is made
            torch.testing.assert_close(logits[r], alone, rtol=1e-14, atol=1e-14)
            np.testing.assert_allclose(logits[r, :, 1] - logits[r, :, 0], score, rtol=1e-6, atol=1e-6)
            np.testing.assert_allclose(hidden_units["hidden_1"][r], units, rtol=1e-14, atol=1e-14)


def test_cross_entropy_is_the_logistic_loss_of_the_score():
    model = network()
    logits, _ = two_layer.stacked(model, stacked_weights(model), inputs(9, 6))
    y = torch.arange(9) % 2
    score = logits[..., 1] - logits[..., 0]
    expected = torch.nn.functional.softplus(-(2 * y - 1) * score)
    # two evaluations of one function near log 2
    torch.testing.assert_close(cross_entropy(logits, y.expand(REPLICAS, -1)), expected, rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize("cut", [False, True])
@pytest.mark.parametrize("count", [1, 9, 128])
@pytest.mark.parametrize(("hidden", "size"), [(2, 6), (7, 6), (64, 1), (64, 64)])
def test_a_replica_does_not_depend_on_how_many_there_are(hidden, size, count, cut):
    model = network(hidden, inputs=size)
    weights = {name: value.requires_grad_() for name, value in stacked_weights(model).items()}
    x = inputs(REPLICAS, count, size)

    def results(first, last):
        own = {name: value[first:last] for name, value in weights.items()}
        logits, units = two_layer.stacked(model, own, x[first:last], cut)
        loss = torch.logsumexp(logits, -1).mean(1).sum()
        signals = [torch.ones_like(loss), torch.sin(units["hidden_1"].detach())]
        gradient = torch.autograd.grad([loss, units["hidden_1"]], list(own.values()), signals)
        return [logits, units["hidden_1"], *gradient]

    together = results(0, REPLICAS)
    for r in range(REPLICAS):
        for all_of_them, alone in zip(together, results(r, r + 1), strict=True):
            assert torch.equal(all_of_them[r], alone[0])


def test_a_true_error_at_the_cut_gives_the_true_gradient():
    model = network()
    weights, x = {name: value.requires_grad_() for name, value in stacked_weights(model).items()}, inputs(9, 6)
    logits, hidden = two_layer.stacked(model, weights, x)
    loss = logits.square().sum()
    gradient, error = torch.autograd.grad(loss, [weights["layers.0.weight"], hidden["hidden_1"]])
    logits, hidden = two_layer.stacked(model, weights, x, cut=True)
    assert torch.equal(logits.square().sum(), loss)
    outputs = [logits.square().sum(), hidden["hidden_1"]]
    (found,) = torch.autograd.grad(outputs, [weights["layers.0.weight"]], [torch.ones_like(loss), error])
    # sums of nine products in another order
    torch.testing.assert_close(found, gradient, rtol=1e-13, atol=1e-14)


def test_only_the_first_layer_is_trained():
    model = network()
    assert {name: tuple(p.shape) for name, p in model.named_parameters()} == {"layers.0.weight": (7, 6)}
    assert list(initialize(model, generator(0, "init"))) == ["layers.0.weight"]


def test_initial_weights_are_normal_with_the_declared_deviation():
    drawn = initialize(network(400, scale=0.001, inputs=50), generator(0, "init"))["layers.0.weight"]
    values = drawn.flatten() * math.sqrt(50) / 0.001
    # 20000 standard normal numbers: mean, second and fourth moment within five standard errors
    assert abs(values.mean()) < 5 / math.sqrt(20000)
    assert abs(values.square().mean() - 1) < 5 * math.sqrt(2 / 20000)
    assert abs(values.pow(4).mean() - 3) < 5 * math.sqrt(96 / 20000)


def test_initial_weights_belong_to_the_seed_and_leave_the_global_stream():
    before = torch.get_rng_state()
    one, same, other = (initialize(network(), generator(seed, "init"))["layers.0.weight"] for seed in (1, 1, 2))
    assert torch.equal(one, same) and not torch.equal(one, other)
    model = network()
    state = torch.get_rng_state()
    initialize(model, generator(1, "init"))
    assert torch.equal(state, torch.get_rng_state())
    torch.set_rng_state(before)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"classes": 3}, "one score for 2 classes; the task has 3, take model mlp"),
        ({"classes": 2, "hidden": 1}, "hidden 1 gives no unit of each sign"),
    ],
)
def test_what_it_cannot_be_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        two_layer.build(inputs=4, **options)

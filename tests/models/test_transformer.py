"""The transformer: its sums by hand, its batched forward against its own, and results that ignore neighbours."""

import math
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

sys.path.insert(0, str(Path(__file__).parents[1]))
from fleet_example import fleet_of, known_recipes, steps  # noqa: E402

from imprint.models import transformer  # noqa: E402
from imprint.models.initialize import initialize  # noqa: E402
from imprint.streams import generator  # noqa: E402
from imprint.task import Task  # noqa: E402
from imprint.tasks import characters  # noqa: E402

REPLICAS = 5
# sums of at most 128 products of numbers near 1, in another order, in float64, a dozen layers deep
TOLERANCE = {"rtol": 1e-12, "atol": 1e-12}
VARIANTS = {
    "one block": {"width": 8},
    "three blocks": {"width": 8, "layers": 3, "heads": 2},
    "one head": {"width": 6, "layers": 2, "heads": 1, "activation": "tanh"},
    "a head per feature": {"width": 4, "layers": 2, "heads": 4, "activation": "relu"},
    "one feature": {"width": 1, "heads": 1, "layers": 2},
    "a context of one": {"inputs": 1, "width": 8, "layers": 2},
    "one symbol": {"classes": 1, "width": 8},
    "as in the experiment": {"inputs": 16, "classes": 65, "width": 32},
}


@pytest.fixture(params=VARIANTS.values(), ids=VARIANTS)
def model(request):
    return network(**request.param)


def network(inputs=7, classes=5, **options):
    return transformer.build(inputs=inputs, classes=classes, **options).double()


def stacked_weights(model):
    rows = [initialize(model, generator(seed, "init")) for seed in range(REPLICAS)]
    return {name: torch.stack([row[name] for row in rows]) for name in rows[0]}


def leaves(weights, first=0, last=REPLICAS):
    return {name: value[first:last].detach().clone().requires_grad_() for name, value in weights.items()}


def tokens(model, *leading):
    stream = torch.Generator().manual_seed(0)
    shape = (*leading, model.places.num_embeddings)
    return torch.randint(model.tokens.num_embeddings, shape, generator=stream).double()


def by_hand(weights, x, layers, heads):
    """Logits of one context as sums over places, heads and features, every place computed in every block."""

    def norm(h):
        return (h - h.mean(-1, keepdims=True)) / np.sqrt(h.var(-1, keepdims=True) + 1e-5)

    h = weights["tokens.weight"][x] + weights["places.weight"]
    count, width = h.shape
    size = width // heads
    for layer in range(layers):
        q, k, v = (norm(h) @ weights[f"blocks.{layer}.{name}.weight"].T for name in ("query", "key", "value"))
        mixed = np.zeros_like(h)
        for head in range(heads):
            own = slice(head * size, (head + 1) * size)
            for place in range(count):
                scores = [q[place, own] @ k[seen, own] / math.sqrt(size) for seen in range(place + 1)]
                share = np.exp(scores) / np.exp(scores).sum()
                mixed[place, own] = sum(p * v[seen, own] for seen, p in enumerate(share))
        h = h + mixed @ weights[f"blocks.{layer}.mix.weight"].T
        up = norm(h) @ weights[f"blocks.{layer}.up.weight"].T
        h = h + np.maximum(up, 0) @ weights[f"blocks.{layer}.down.weight"].T
    return norm(h[-1]) @ weights["head.weight"].T


@pytest.mark.parametrize(("layers", "heads"), [(1, 1), (1, 4), (3, 2)])
def test_it_is_the_sums_of_the_definition(layers, heads):
    model = network(width=8, layers=layers, heads=heads, activation="relu")
    weights, x = stacked_weights(model), tokens(model, 3)
    logits, _ = transformer.stacked(model, weights, x)
    for r in range(REPLICAS):
        own = {name: value[r].numpy() for name, value in weights.items()}
        expected = np.stack([by_hand(own, row, layers, heads) for row in x.long().numpy()])
        torch.testing.assert_close(logits[r], torch.tensor(expected), **TOLERANCE)


def test_stacked_is_the_forward_of_each_replica(model):
    weights = stacked_weights(model)
    for x in (tokens(model, 9), tokens(model, REPLICAS, 9)):
        logits, _ = transformer.stacked(model, weights, x)
        for r in range(REPLICAS):
            own = {name: value[r] for name, value in weights.items()}
            alone = torch.func.functional_call(model, own, (x if x.dim() == 2 else x[r],))
            torch.testing.assert_close(logits[r], alone, **TOLERANCE)


def test_tokens_may_be_of_any_type():
    model = network(width=8)
    weights, x = stacked_weights(model), tokens(model, 9)
    logits, _ = transformer.stacked(model, weights, x)
    assert torch.equal(transformer.stacked(model, weights, x.long())[0], logits)
    assert torch.equal(transformer.stacked(model, weights, x.float())[0], logits)


@pytest.mark.parametrize("count", [1, 33])
@pytest.mark.parametrize("shared", [True, False])
def test_a_replica_does_not_depend_on_how_many_there_are(model, shared, count):
    weights = stacked_weights(model)
    x = tokens(model, count) if shared else tokens(model, REPLICAS, count)

    def results(first, last):
        own = leaves(weights, first, last)
        logits, hidden = transformer.stacked(model, own, x if shared else x[first:last])
        loss = torch.logsumexp(logits, -1).mean(1).sum()
        return [logits, *hidden.values(), *torch.autograd.grad(loss, list(own.values()))]

    together = results(0, REPLICAS)
    for r in range(REPLICAS):
        for all_of_them, alone in zip(together, results(r, r + 1), strict=True):
            assert torch.equal(all_of_them[r], alone[0])


@pytest.mark.parametrize("name", ["momentum", "adamw", "muon", "shampoo_graft", "soap"])
def test_training_does_not_depend_on_how_many_there_are(name):
    data, recipe = characters.build(**characters.EXAMPLE), known_recipes()[name]
    task = Task(data, {"name": "transformer", "width": 8, "layers": 2}, "cross_entropy", "float64")
    together = steps(fleet_of(task, recipe, [{"lr": 0.01}], seeds=range(3)), 12).flat
    alone = [steps(fleet_of(task, recipe, [{"lr": 0.01}], seeds=[seed]), 12).flat[0] for seed in range(3)]
    assert torch.equal(together, torch.stack(alone))
    assert not torch.equal(together, fleet_of(task, recipe, [{"lr": 0.01}], seeds=range(3)).flat)


def test_the_last_place_sees_every_place_and_none_sees_what_follows():
    """In blocks before the last, by the gradient of what a block gives at one place."""
    heads, places = 2, 6
    stream = torch.Generator().manual_seed(0)
    queries, keys, values = torch.randn(3, places, 8, generator=stream, dtype=torch.float64).unbind()
    values.requires_grad_()
    mixed = transformer.attention(queries, keys, values, heads)
    for place in range(places):
        (slope,) = torch.autograd.grad(mixed[place].sum(), values, retain_graph=True)
        assert (slope.abs().sum(-1) > 0).tolist() == [seen <= place for seen in range(places)]
    last = transformer.attention(queries[-1:], keys, values, heads)
    # the same sums in a smaller product
    torch.testing.assert_close(last, mixed[-1:], rtol=1e-14, atol=1e-14)


def test_heads_that_look_nowhere_in_particular_average():
    keys = torch.zeros(5, 8, dtype=torch.float64)
    values = torch.arange(40, dtype=torch.float64).view(5, 8)
    mixed = transformer.attention(torch.ones_like(keys), keys, values, heads=4)
    running = values.cumsum(0) / torch.arange(1, 6).unsqueeze(1)
    # means of at most five whole numbers
    torch.testing.assert_close(mixed, running, rtol=1e-15, atol=0)


def test_cut_changes_no_value_and_leaves_each_gradient_to_its_block():
    model = network(width=8, layers=2)
    weights, x = leaves(stacked_weights(model)), tokens(model, 9)
    whole = transformer.stacked(model, weights, x)
    logits, hidden = transformer.stacked(model, weights, x, cut=True)
    assert list(hidden) == ["hidden_1", "hidden_2"]
    assert torch.equal(logits, whole[0])
    assert all(torch.equal(hidden[name], value) and value.shape == (REPLICAS, 9, 8) for name, value in whole[1].items())
    parts = {"hidden_1": ("tokens.", "places.", "blocks.0."), "hidden_2": ("blocks.1.",), "logits": ("head.",)}
    for name, output in {**hidden, "logits": logits}.items():
        gradients = torch.autograd.grad(output.sum(), list(weights.values()), retain_graph=True, allow_unused=True)
        reached = {name for name, gradient in zip(weights, gradients, strict=True) if gradient is not None}
        assert reached == {weight for weight in weights if weight.startswith(parts[name])}


def test_initial_weights_are_bounded_by_the_fan_in_and_an_embedding_by_one():
    model = network(inputs=16, classes=65, width=32)
    weights = initialize(model, generator(0, "init"))
    assert all(value.dim() == 2 for value in weights.values())
    for name, value in weights.items():
        bound = 1.0 if name.startswith(("tokens", "places")) else 1 / math.sqrt(value.shape[1])
        # the largest of at least 512 uniform numbers is below 0.9 of the bound with probability 0.9^512 < 1e-23
        assert 0.9 * bound < value.abs().max() <= bound


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"width": 30}, "width 30 is not a multiple of heads 4"),
        ({"heads": 0}, "width 32 is not a multiple of heads 0"),
        ({"layers": 0}, "layers is 0; at least 1"),
        ({"activation": "swish"}, "model transformer: activation 'swish' is not one of"),
    ],
)
def test_what_cannot_be_built_is_refused(options, words):
    with pytest.raises(ValueError, match=words):
        network(**options)

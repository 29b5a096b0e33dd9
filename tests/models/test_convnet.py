"""The convolution network: sums by hand, its batched forward against its own, and results that ignore neighbours."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

sys.path.insert(0, str(Path(__file__).parents[1]))
import study_example  # noqa: E402
from fleet_example import gaussian_blobs  # noqa: E402

from imprint.errors import StudyError  # noqa: E402
from imprint.models import convnet  # noqa: E402
from imprint.models.activations import ACTIVATIONS  # noqa: E402
from imprint.models.initialize import initialize  # noqa: E402
from imprint.streams import generator  # noqa: E402
from imprint.task import Task  # noqa: E402

REPLICAS = 5
# Sums of at most 200 products of numbers near 1, in another order, in float64, four layers deep.
TOLERANCE = {"rtol": 1e-12, "atol": 1e-13}
VARIANTS = {
    "one pixel wide at the end": {"shape": [1, 4, 4], "channels": [2, 3]},
    "odd, not square, in color": {"shape": [3, 9, 5], "channels": [4, 5], "hidden": [6]},
    "a large kernel": {"shape": [2, 8, 8], "channels": [6], "kernel": 5, "activation": "tanh"},
    "a kernel of one pixel": {"shape": [4, 6, 7], "channels": [3], "kernel": 1, "hidden": [7, 5], "activation": "gelu"},
    "digits": {"shape": [1, 8, 8], "channels": [8, 16], "hidden": [12]},
    "layers of one unit": {"shape": [1, 2, 2], "channels": [1], "hidden": [1, 3]},
    "no convolution": {"shape": [1, 3, 3], "channels": [], "hidden": [4]},
}


@pytest.fixture(params=VARIANTS.values(), ids=VARIANTS)
def model(request):
    return network(**request.param)


def network(shape=(1, 8, 8), classes=4, **options):
    return convnet.build(inputs=int(np.prod(shape)), classes=classes, shape=shape, **options).double()


def stacked_weights(model):
    rows = [initialize(model, generator(seed, "init")) for seed in range(REPLICAS)]
    return {name: torch.stack([row[name] for row in rows]) for name in rows[0]}


def of(weights, first, last):
    return {name: value[first:last] for name, value in weights.items()}


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def examples(model, *leading):
    return random(*leading, int(np.prod(model.shape)))


def leaves(weights):
    return {name: value.detach().clone().requires_grad_() for name, value in weights.items()}


def by_hand(image, kernel, bias):
    """Convolution, ReLU and averages of 2 x 2 pixels as sums over indices."""
    outputs, inputs, side, _ = kernel.shape
    _, height, width = image.shape
    reach = side // 2
    value = np.empty((outputs, height, width))
    for o, i, j in np.ndindex(value.shape):
        value[o, i, j] = bias[o]
        for c, a, b in np.ndindex(inputs, side, side):
            row, column = i + a - reach, j + b - reach
            if 0 <= row < height and 0 <= column < width:
                value[o, i, j] += kernel[o, c, a, b] * image[c, row, column]
    value = np.maximum(value, 0)
    pooled = np.empty((outputs, height // 2, width // 2))
    for o, i, j in np.ndindex(pooled.shape):
        pooled[o, i, j] = sum(value[o, 2 * i + a, 2 * j + b] for a in (0, 1) for b in (0, 1)) / 4
    return pooled


# ------------------------------------------------------ what it computes


@pytest.mark.parametrize("kernel", [1, 3, 5])
def test_it_is_the_sums_of_the_definition(kernel):
    model = network([2, 5, 4], channels=[3, 2], kernel=kernel)
    weights, x = stacked_weights(model), examples(model, 1)
    _, hidden = convnet.stacked(model, weights, x)
    for r in range(REPLICAS):
        value = x[0].view(2, 5, 4).numpy()
        for layer in (1, 2):
            own = weights[f"convolutions.{layer - 1}.weight"][r], weights[f"convolutions.{layer - 1}.bias"][r]
            value = by_hand(value, *(tensor.numpy() for tensor in own))
            torch.testing.assert_close(hidden[f"hidden_{layer}"][r, 0], torch.tensor(value).flatten(), **TOLERANCE)


def test_stacked_is_the_forward_of_each_replica(model):
    weights = stacked_weights(model)
    for x in (examples(model, 9), examples(model, REPLICAS, 9)):
        logits, _ = convnet.stacked(model, weights, x)
        for r in range(REPLICAS):
            own = {name: value[r] for name, value in weights.items()}
            alone = torch.func.functional_call(model, own, (x if x.dim() == 2 else x[r],))
            torch.testing.assert_close(logits[r], alone, **TOLERANCE)


def test_activations_are_what_the_next_layer_reads():
    model = network([3, 9, 5], channels=[4, 6], hidden=[7])
    logits, hidden = convnet.stacked(model, leaves(stacked_weights(model)), examples(model, 9))
    # 9 x 5 pixels are halved to 4 x 2 and to 2 x 1
    sizes = {"hidden_1": 4 * 4 * 2, "hidden_2": 6 * 2 * 1, "hidden_3": 7}
    assert {name: value.shape for name, value in hidden.items()} == {
        name: (REPLICAS, 9, size) for name, size in sizes.items()
    }
    assert all((value >= 0).all() for value in hidden.values())
    for gradient in torch.autograd.grad(logits.sum(), list(hidden.values())):
        assert gradient.abs().max() > 0


def test_all_layers_at_once_are_those_of_each_replica(monkeypatch, model):
    weights, x = stacked_weights(model), examples(model, REPLICAS, 9)
    one_by_one, _ = convnet.stacked(model, weights, x)
    monkeypatch.setattr(convnet, "convolve", convnet.grouped)
    monkeypatch.setattr(convnet, "connect", lambda x, weight, bias: torch.baddbmm(bias.unsqueeze(1), x, weight.mT))
    torch.testing.assert_close(convnet.stacked(model, weights, x)[0], one_by_one, **TOLERANCE)


def test_one_grouped_convolution_is_one_per_replica():
    x, kernel, bias = random(REPLICAS, 7, 3, 6, 5), random(REPLICAS, 4, 3, 3, 3, seed=1), random(REPLICAS, 4, seed=2)
    found = convnet.grouped(x, kernel, bias)
    assert found.shape == (REPLICAS, 7, 4, 6, 5)
    torch.testing.assert_close(found, convnet.convolve(x, kernel, bias), **TOLERANCE)


# ------------------------------------------------------ exactness


@pytest.mark.parametrize("count", [1, 17])
@pytest.mark.parametrize("shared", [True, False])
def test_a_replica_does_not_depend_on_how_many_there_are(model, shared, count):
    weights = stacked_weights(model)
    x = examples(model, count) if shared else examples(model, REPLICAS, count)

    def results(first, last):
        own = leaves(of(weights, first, last))
        logits, hidden = convnet.stacked(model, own, x if shared else x[first:last])
        gradients = torch.autograd.grad(torch.logsumexp(logits, -1).mean(1).sum(), list(own.values()))
        return [logits, *hidden.values(), *gradients]

    together = results(0, REPLICAS)
    for r in range(REPLICAS):
        for all_of_them, alone in zip(together, results(r, r + 1), strict=True):
            assert torch.equal(all_of_them[r], alone[0])


def test_its_gradient_is_deterministic_by_torch_s_own_account(model):
    weights = leaves(stacked_weights(model))
    try:
        torch.use_deterministic_algorithms(True)
        logits, _ = convnet.stacked(model, weights, examples(model, 17))
        first, again = (
            torch.autograd.grad(logits.square().sum(), list(weights.values()), retain_graph=True) for _ in range(2)
        )
    finally:
        torch.use_deterministic_algorithms(False)
    assert all(torch.equal(one, other) for one, other in zip(first, again, strict=True))


# ------------------------------------------------------ cut between the layers


def test_cut_changes_no_value_and_leaves_each_gradient_to_its_layer(model):
    weights, x = leaves(stacked_weights(model)), examples(model, 9)
    whole = convnet.stacked(model, weights, x)
    logits, hidden = convnet.stacked(model, weights, x, cut=True)
    assert torch.equal(logits, whole[0])
    assert all(torch.equal(hidden[name], value) for name, value in whole[1].items())
    layers = [*(f"convolutions.{i}" for i in range(len(model.convolutions)))]
    layers += [f"layers.{i}" for i in range(len(model.layers))]
    for layer, output in zip(layers, [*hidden.values(), logits], strict=True):
        gradients = torch.autograd.grad(output.sum(), list(weights.values()), retain_graph=True, allow_unused=True)
        reached = {name for name, gradient in zip(weights, gradients, strict=True) if gradient is not None}
        assert reached == {f"{layer}.weight", f"{layer}.bias"}


def test_a_true_error_at_each_cut_gives_the_true_gradient(model):
    weights, x = leaves(stacked_weights(model)), examples(model, 9)
    logits, hidden = convnet.stacked(model, weights, x)
    loss = logits.square().sum()
    true = torch.autograd.grad(loss, [*weights.values(), *hidden.values()], retain_graph=True)
    signals = true[len(weights) :]
    logits, hidden = convnet.stacked(model, weights, x, cut=True)
    outputs = [logits.square().sum(), *hidden.values()]
    found = torch.autograd.grad(outputs, list(weights.values()), [torch.ones_like(loss), *signals])
    for one, other in zip(found, true, strict=False):
        torch.testing.assert_close(one, other, **TOLERANCE)


# ------------------------------------------------------ in a task and a study


def test_a_task_with_it():
    data = gaussian_blobs(inputs=48, classes=3)
    task = Task(data, {"name": "convnet", "shape": [3, 4, 4], "channels": [4, 5]}, "cross_entropy", "float64")
    weights = leaves(stacked_weights(task.model))
    x, y = task.split("train")
    before = task.loss(task.logits(weights, x), y).mean(1)
    gradients = torch.autograd.grad(before.sum(), list(weights.values()))
    lower = {name: w - 0.05 * g for (name, w), g in zip(weights.items(), gradients, strict=True)}
    assert (task.loss(task.logits(lower, x), y).mean(1) < before).all()
    assert {name: tuple(value.shape) for name, value in task.activations(weights, x).items()} == {
        "hidden_1": (REPLICAS, 60, 16),
        "hidden_2": (REPLICAS, 60, 5),
    }


def test_a_study_can_name_it(tmp_path):
    project = study_example.Project(tmp_path / "study")
    # the defaults, spelled out, are not part of the fleet's name
    project.toy["task"]["model"] = {"name": "convnet", "shape": [1, 8, 8], "channels": [8, 16], "kernel": 5}
    fleets = [unit.spec for unit in project.plan().units["train"].values()]
    assert fleets and all(spec["executor"] == "loop" for spec in fleets)
    assert all(spec["task"]["model"] == {"name": "convnet", "shape": [1, 8, 8], "kernel": 5} for spec in fleets)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ({"name": "convnet"}, "model 'convnet' needs 'shape'"),
        ({"name": "convnet", "shape": [1, 8, 8], "kernels": 3}, "takes no 'kernels'; did you mean 'kernel'"),
    ],
)
def test_a_study_that_names_it_wrongly_is_refused(tmp_path, model, message):
    project = study_example.Project(tmp_path / "study")
    project.toy["task"]["model"] = model
    with pytest.raises(StudyError, match=message):
        project.load()


# ------------------------------------------------------ what is refused


@pytest.mark.parametrize(
    ("inputs", "options", "message"),
    [
        (100, {"shape": [1, 8, 8]}, r"shape \[1, 8, 8\] has 64 features, but the task's inputs have 100"),
        (64, {"shape": [8, 8]}, r"shape \[8, 8\] is not \[channels, height, width\]"),
        (64, {"shape": [1, -8, -8]}, r"shape \[1, -8, -8\] is not \[channels, height, width\], each at least 1"),
        (64, {"shape": [1, 8, 8], "kernel": 4}, r"kernel 4 is not one of 1, 3, 5"),
        (64, {"shape": [1, 8, 8], "kernel": -1}, r"kernel -1 is not one of 1, 3, 5"),
        (64, {"shape": [1, 16, 4], "channels": [2, 2, 2]}, r"halve the image 3 times, but 16 x 4 pixels .* at most 2"),
        (64, {"shape": [1, 8, 8], "activation": "swish"}, r"model convnet: activation 'swish' is not one of \['gelu'"),
    ],
)
def test_what_does_not_fit_is_refused(inputs, options, message):
    with pytest.raises(ValueError, match=message):
        convnet.build(inputs=inputs, classes=4, **options)


def test_as_many_halvings_as_the_image_allows():
    for height, most in ((1, 0), (3, 1), (4, 2), (7, 2), (8, 3)):
        model = network([1, height, 8], channels=[2] * most)
        logits, _ = convnet.stacked(model, stacked_weights(model), examples(model, 2))
        assert torch.isfinite(logits).all()
        with pytest.raises(ValueError, match=f"at most {most}"):
            network([1, height, 8], channels=[2] * (most + 1))


def test_activations_differ():
    outputs = []
    for name in ACTIVATIONS:
        model = network(activation=name)
        outputs.append(convnet.stacked(model, stacked_weights(model), examples(model, 3))[0])
    assert len(outputs) == 3
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert not torch.allclose(outputs[one], outputs[other])

"""The two executors agree with each other and with gradients worked out by hand."""

import sys
import types

import pytest
import torch
from fleet_example import fleet_of, gaussian_blobs, small_task, steps
from torch import nn

from imprint.fleet.oracle import EXECUTORS, Oracle
from imprint.task import Task

REPLICAS = 4
# Sums of at most 60 products of numbers near 1, in another order, in float64: eps times a few hundred.
TOLERANCE = {"rtol": 1e-12, "atol": 1e-13}


class SmallConvolution(nn.Module):
    """Convolution, tanh, linear, on 4 x 4 pixels; a model without a batched forward of its own."""

    def __init__(self, classes):
        super().__init__()
        self.filter = nn.Conv2d(1, 3, kernel_size=2)
        self.out = nn.Linear(27, classes)

    def forward(self, x):
        pixels = x.reshape(*x.shape[:-1], 1, 4, 4)
        return self.out(torch.tanh(self.filter(pixels)).flatten(-3))


@pytest.fixture
def convolution(monkeypatch):
    module = types.ModuleType("imprint.models.small_convolution")
    module.build = lambda *, inputs, classes: SmallConvolution(classes)
    monkeypatch.setitem(sys.modules, module.__name__, module)

    def build(**options):
        return Task(gaussian_blobs(inputs=16, **options), {"name": "small_convolution"}, "cross_entropy", "float64")

    return build


def weights(task):
    generator = torch.Generator().manual_seed(0)
    columns = sum(p.numel() for p in task.model.parameters())
    return 0.5 * torch.randn(REPLICAS, columns, generator=generator, dtype=torch.float64)


def batches(task):
    x, y = task.split("train")
    own = torch.stack([torch.roll(torch.arange(20), 3 * r) for r in range(REPLICAS)])
    return {"shared": (x, y), "own": (x[own], y[own])}


def gradient(executor, task, layout, flat, x, y):
    return Oracle(task, layout, executor, x, y, REPLICAS).gradient(flat)


def both(task, layout, batch):
    flat = weights(task)
    return [gradient(executor, task, layout, flat, *batch) for executor in EXECUTORS]


@pytest.mark.parametrize("kind", ["shared", "own"])
@pytest.mark.parametrize("loss", ["cross_entropy", "squared_error"])
@pytest.mark.parametrize("activation", ["relu", "tanh", "gelu"])
def test_they_agree_on_the_perceptron(activation, loss, kind):
    task = small_task({"activation": activation}, loss)
    layout = fleet_of(task, {"update": "torch.optim:SGD"}).layout
    (one, first), (other, second) = both(task, layout, batches(task)[kind])
    torch.testing.assert_close(one, other, **TOLERANCE)
    torch.testing.assert_close(first, second, **TOLERANCE)


@pytest.mark.parametrize("kind", ["shared", "own"])
def test_they_agree_on_a_model_without_its_own_stacked_forward(convolution, kind):
    task = convolution()
    assert not hasattr(task.architecture, "stacked")
    layout = fleet_of(task, {"update": "torch.optim:SGD"}).layout
    (one, first), (other, second) = both(task, layout, batches(task)[kind])
    assert first.abs().max() > 0.01
    torch.testing.assert_close(one, other, **TOLERANCE)
    torch.testing.assert_close(first, second, **TOLERANCE)


@pytest.mark.parametrize("executor", EXECUTORS)
def test_the_gradient_of_a_linear_classifier_is_known(executor):
    task = small_task({"hidden": []})
    layout = fleet_of(task, {"update": "torch.optim:SGD"}).layout
    flat = weights(task)
    x, y = task.split("train")
    losses, slope = gradient(executor, task, layout, flat, x, y)
    for r in range(REPLICAS):
        own = layout.unflatten(flat[r])
        probability = torch.softmax(x @ own["layers.0.weight"].T + own["layers.0.bias"], 1)
        error = (probability - torch.eye(3, dtype=torch.float64)[y]) / len(y)
        found = layout.unflatten(slope[r])
        torch.testing.assert_close(found["layers.0.weight"], error.T @ x, **TOLERANCE)
        torch.testing.assert_close(found["layers.0.bias"], error.sum(0), **TOLERANCE)
        torch.testing.assert_close(losses[r], -probability[torch.arange(len(y)), y].log().mean(), **TOLERANCE)


@pytest.mark.parametrize("executor", EXECUTORS)
def test_weights_are_left_alone_and_a_broken_neighbour_does_not_matter(executor):
    task = small_task()
    layout = fleet_of(task, {"update": "torch.optim:SGD"}).layout
    flat = weights(task)
    x, y = batches(task)["own"]
    losses, slope = gradient(executor, task, layout, flat.clone(), x, y)
    broken = flat.clone()
    broken[1] = torch.nan
    broken[2] = 1e200
    kept = broken.clone()
    again, other = gradient(executor, task, layout, broken, x, y)
    assert torch.equal(broken.nan_to_num(1), kept.nan_to_num(1))
    assert torch.equal(losses[[0, 3]], again[[0, 3]]) and torch.equal(slope[[0, 3]], other[[0, 3]])
    assert not torch.isfinite(again[1])


def test_in_the_loop_a_convolution_is_exact_for_any_number_of_replicas(convolution):
    task = convolution()
    recipe = {"update": "torch.optim:Adam", "sees": "elements"}
    settings, seeds = [{"lr": 0.01}, {"lr": 0.1}], [0, 1]
    together = steps(fleet_of(task, recipe, settings, seeds, executor="loop"), 30).flat
    for row in range(4):
        alone = steps(fleet_of(task, recipe, [settings[row // 2]], [seeds[row % 2]], executor="loop"), 30).flat
        assert torch.equal(together[row], alone[0])

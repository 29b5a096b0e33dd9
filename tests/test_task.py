"""A task at run time: its data as tensors, its model and its loss."""

import sys
import types
from pathlib import Path

import pytest
import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).parent))
from fleet_example import gaussian_blobs, small_task  # noqa: E402

from imprint.models.initialize import initialize  # noqa: E402
from imprint.streams import generator  # noqa: E402
from imprint.task import Task  # noqa: E402

REPLICAS = 3


def stacked_weights(task):
    rows = [initialize(task.model, generator(seed, "init")) for seed in range(REPLICAS)]
    return {name: torch.stack([row[name] for row in rows]) for name in rows[0]}


def single(weights, row):
    return {name: value[row] for name, value in weights.items()}


@pytest.mark.parametrize(("precision", "dtype"), [("float32", torch.float32), ("float64", torch.float64)])
def test_floating_values_have_the_task_s_precision(precision, dtype):
    task = small_task(precision=precision)
    x, y = task.split("train")
    assert x.dtype == dtype and y.dtype == torch.int64
    assert all(p.dtype == dtype for p in task.model.parameters())
    assert task.tensor("x_train") is x  # made once


def test_what_it_says_of_itself():
    task = small_task(inputs=6, classes=4, stages=2)
    assert (task.classes, task.stages, task.seeded) == (4, 2, False)
    assert not task.model.training
    assert small_task().stages == 1 and small_task(seeds=[0, 1]).seeded


def test_the_task_of_the_sequence_of_every_example():
    task = small_task(classes=4, stages=2)
    _, y = task.split("validation")
    assert torch.equal(task.stage_of("validation"), y // 2)
    assert not small_task().stage_of("train").any() and len(small_task().stage_of("train")) == 60
    assert len(small_task(seeds=[0, 1]).stage_of("train")) == 60  # examples, not seeds


def test_places_of_seeds():
    task = small_task(seeds=[7, 3, 5])
    assert task.seed_index([5, 7, 7]).tolist() == [2, 0, 0]
    assert small_task().seed_index([5, 7]).tolist() == [0, 0]
    with pytest.raises(ValueError, match="4"):
        task.seed_index([4])


@pytest.mark.parametrize("seeds", [None, [4, 9]])
def test_logits_and_activations_of_shared_and_own_inputs(seeds):
    task = small_task(seeds=seeds)
    weights = stacked_weights(task)
    shared = torch.randn(8, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    own = torch.stack([shared + r for r in range(REPLICAS)])
    for x in (shared, own):
        logits, activations = task.logits(weights, x), task.activations(weights, x)
        assert list(activations) == ["hidden_1", "hidden_2"] and activations["hidden_2"].shape == (REPLICAS, 8, 5)
        for r in range(REPLICAS):
            alone = torch.func.functional_call(task.model, single(weights, r), (x if x.dim() == 2 else x[r],))
            # sums of at most seven products in another order, three layers
            torch.testing.assert_close(logits[r], alone, rtol=1e-13, atol=1e-14)


class Cubic(nn.Module):
    """A model without a batched forward of its own."""

    def __init__(self, inputs, classes):
        super().__init__()
        self.out = nn.Linear(inputs, classes)

    def forward(self, x):
        return self.out(x) ** 3


@pytest.mark.parametrize("seeds", [None, [4, 9]])
def test_a_model_without_its_own_batched_forward(monkeypatch, seeds):
    module = types.ModuleType("imprint.models.cubic")
    module.build = lambda *, inputs, classes: Cubic(inputs, classes)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    task = Task(gaussian_blobs(seeds=seeds), {"name": "cubic"}, "squared_error", "float64")
    weights = stacked_weights(task)
    shared = torch.randn(8, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    for x in (shared, torch.stack([shared + r for r in range(REPLICAS)])):
        logits = task.logits(weights, x)
        assert logits.shape == (REPLICAS, 8, 3) and task.activations(weights, x) == {}
        for r in range(REPLICAS):
            alone = torch.func.functional_call(task.model, single(weights, r), (x if x.dim() == 2 else x[r],))
            torch.testing.assert_close(logits[r], alone, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("loss", ["cross_entropy", "squared_error"])
def test_loss_of_shared_and_own_targets(loss):
    task = small_task(loss=loss)
    logits = torch.randn(REPLICAS, 8, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    y = torch.arange(8) % 3
    found = task.loss(logits, y)
    assert found.shape == (REPLICAS, 8)
    assert torch.equal(found, task.loss(logits, y.expand(REPLICAS, -1)))
    for r in range(REPLICAS):
        assert torch.equal(found[r], task.loss(logits[r : r + 1], y)[0])


def test_an_unknown_model_is_not_found():
    with pytest.raises(ModuleNotFoundError, match="imprint.models.perceptron"):
        Task(gaussian_blobs(), {"name": "perceptron"}, "cross_entropy")

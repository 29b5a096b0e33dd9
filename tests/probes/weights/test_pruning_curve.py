import numpy as np
import pytest
import torch

from imprint.probes.function import performance
from imprint.probes.weights import pruning_curve
from imprint.solution import Solution

CONVNET = {"name": "convnet", "shape": [1, 4, 4], "channels": [3, 4]}


def matrices_first(solution):
    """As a fleet stores it: matrices before kernels and vectors."""
    names = sorted(solution.parameters, key=lambda name: solution.values(name, "init").ndim != 4)
    rest = [name for name in solution.data.data_vars if not str(name).startswith("weight.")]
    return Solution(solution.data[[*rest, *[f"weight.{name}" for name in names]]])


def pruned_by_sorting(task, weights, kept):
    """One network's weights, by numpy's sort, each layer by itself; the last one keeps twice as much."""
    layers = [name for name, parameter in task.model.named_parameters() if parameter.dim() > 1]
    found = {}
    for name, value in weights.items():
        value = value.copy()
        if name in layers:
            share = min(1, 2 * kept) if name == layers[-1] else kept
            smallest = np.argsort(np.abs(value), axis=None)[: value.size - max(round(share * value.size), 1)]
            value.flat[smallest] = 0
        found[name] = torch.as_tensor(value)
    return found


@pytest.mark.parametrize("model", [None, CONVNET], ids=["mlp", "convnet"])
def test_one_replica_against_sorting(fleet, model):
    solution, task = fleet(model=model)
    solution = matrices_first(solution)
    measured = pruning_curve.measure(solution, task, points=5).isel(setting=1, seed=0).sel(snapshot="final")
    weights = {name: solution.values(name, "final")[1, 0] for name in solution.parameters}
    x, y = task.split("test")
    shares = {("accuracy", "kept", share): share for share in np.geomspace(0.01, 1, 5)}
    shares |= {("accuracy_at", "percent", percent): percent / 100 for percent in (3, 5, 20, 50, 100)}
    seen = set()
    for (name, dim, label), share in shares.items():
        own = pruned_by_sorting(task, weights, share)
        right = torch.func.functional_call(task.model, own, (x,)).argmax(-1) == y
        found = measured[name].sel({dim: label}, method="nearest").item()
        assert found == pytest.approx(right.double().mean().item(), abs=1e-12)  # a mean of 500 zeros and ones
        seen.add(found)
    assert len(seen) > 2


def test_nothing_removed_is_the_plain_accuracy(fleet):
    solution, task = fleet()
    measured = pruning_curve.measure(solution, task, points=3, examples=10**6)
    plain = performance.measure(solution, task)["test_accuracy"]
    np.testing.assert_array_equal(measured["accuracy_at"].sel(percent=100), plain)
    np.testing.assert_array_equal(measured["accuracy"].isel(kept=-1), plain)
    assert measured["kept"].values == pytest.approx([0.01, 0.1, 1.0], rel=1e-12)


def test_counts_and_what_stays():
    generator = torch.Generator().manual_seed(0)
    shapes = {"a.weight": (30, 10), "a.bias": (30,), "b.weight": (20, 30), "c.weight": (5, 20), "c.bias": (5,)}
    weights = {name: torch.randn(2, *shape, generator=generator) for name, shape in shapes.items()}
    found = pruning_curve.pruned(weights, 0.1)
    kept = {name: (value != 0).flatten(1).sum(1).tolist() for name, value in found.items()}
    assert kept == {
        "a.weight": [30, 30],
        "a.bias": [30, 30],
        "b.weight": [60, 60],
        "c.weight": [20, 20],
        "c.bias": [5, 5],
    }
    for name, value in found.items():
        stays = value != 0
        assert torch.equal(value[stays], weights[name][stays])
        if name.endswith("weight"):
            for row, chosen in zip(weights[name].abs(), stays, strict=True):
                assert row[chosen].min() > row[~chosen].max()
    assert all(torch.equal(value, weights[name]) for name, value in pruning_curve.pruned(weights, 1.0).items())
    assert pruning_curve.largest(torch.rand(1, 20, generator=generator), 0.001).sum() == 1


def test_a_constant_curve_has_its_value_as_area(fleet):
    """Networks whose weights are all 0 answer with the bias, whatever is removed."""
    solution, task = fleet()
    for name in solution.parameters:
        solution.data[f"weight.{name}"].values[...] = 0
    solution.data["weight.layers.2.bias"].values[..., 3] = 1
    measured = pruning_curve.measure(solution, task).sel(snapshot="final")
    share = (task.split("test")[1] == 3).double().mean().item()
    np.testing.assert_allclose(measured["area"], share, rtol=1e-12)

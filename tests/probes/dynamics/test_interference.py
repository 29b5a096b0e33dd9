import numpy as np
import pytest
import torch

from imprint.probes.dynamics import interference
from imprint.solution import Solution


def single(solution, task, snapshot, setting, seed, stage, most=200):
    """Gradient of one network's loss on one task, by torch on one module."""
    weights = {
        name: torch.as_tensor(solution.values(name, snapshot)[setting, seed]).requires_grad_()
        for name in solution.parameters
    }
    chosen = task.stage_of("test") == stage
    x, y = (value[chosen][:most] for value in task.split("test"))
    loss = torch.nn.functional.cross_entropy(torch.func.functional_call(task.model, weights, (x,)), y)
    return torch.cat([slope.flatten() for slope in torch.autograd.grad(loss, list(weights.values()))])


def vector(solution, snapshot, setting, seed):
    parts = [solution.values(name, snapshot)[setting, seed].ravel() for name in solution.parameters]
    return torch.as_tensor(np.concatenate(parts))


def cosine(one, other):
    return (one @ other / (one.norm() * other.norm())).item()


def test_one_replica_against_single_networks(fleet):
    solution, task = fleet("split_classes")
    measured = interference.measure(solution, task, examples=20).isel(setting=1, seed=0)
    before = {"task_2": "task_1", "task_3": "task_2", "final": "task_2"}
    pairs = []
    for snapshot, last in before.items():
        old = 1 if snapshot == "task_2" else 2
        change = vector(solution, snapshot, 1, 0) - vector(solution, last, 1, 0)
        expected = [cosine(single(solution, task, last, 1, 0, stage, 20), change) for stage in range(old)]
        row = measured["interference"].sel(snapshot=snapshot).values
        # inner products of some 200 float64, of size up to 1e2
        np.testing.assert_allclose(row[:old], expected, rtol=1e-9, atol=1e-12)
        assert np.isnan(row[old:]).all()
        assert measured["change"].sel(snapshot=snapshot).item() == pytest.approx(change.norm().item(), rel=1e-12)
        pairs.append(expected)
    for snapshot, rows in {"task_2": pairs[:1], "task_3": pairs[:2], "final": pairs[::2]}.items():
        mean = np.mean([value for row in rows for value in row])
        assert measured["mean_interference"].sel(snapshot=snapshot).item() == pytest.approx(mean, rel=1e-9)
    gradients = [single(solution, task, "task_1", 1, 0, stage, 20) for stage in range(3)]
    table = [[cosine(one, other) for other in gradients] for one in gradients]
    at = measured.sel(snapshot="task_1")
    np.testing.assert_allclose(at["gradient_cosine"], table, rtol=1e-9, atol=1e-12)
    off = np.mean([table[a][b] for a in range(3) for b in range(3) if a != b])
    assert at["mean_gradient_cosine"].item() == pytest.approx(off, rel=1e-9)


@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_a_step_along_an_old_task_s_gradient(fleet, sign):
    """A last task that moves the weights down the second task's gradient has cosine -1 with it, up it +1."""
    solution, task = fleet("split_classes")
    data = solution.data.copy(deep=True)
    for setting, seed in np.ndindex(data.sizes["setting"], data.sizes["seed"]):
        slope = single(solution, task, "task_2", setting, seed, 1)
        start = 0
        for name in solution.parameters:
            value = data[f"weight.{name}"]
            size = value[0, 0, 0].size
            part = slope[start : start + size].view(value.shape[3:]).numpy()
            at = {"setting": setting, "snapshot": "final"}
            seeds = data["seed"].values
            value.loc[at | {"seed": seeds[seed]}] = (
                value.sel(setting=setting, snapshot="task_2", seed=seeds[seed]) + sign * part
            )
            start += size
    measured = interference.measure(Solution(data), task)["interference"].sel(snapshot="final", stage=2)
    # the difference of weights of size 1 and steps of 1e-2 keeps 14 digits
    np.testing.assert_allclose(measured, sign, rtol=1e-9)


def test_softmax_regression_in_closed_form(fleet):
    """The gradient is ``(softmax(W x + b) - onehot) x'``, averaged over the examples of the first task."""
    solution, task = fleet("split_classes", model={"name": "mlp", "hidden": []})
    at = solution.data.isel(setting=0, seed=1).sel(snapshot="task_1")
    x, y = (value[task.stage_of("test") == 0].numpy() for value in task.split("test"))
    scores = x @ at["weight.layers.0.weight"].values.T + at["weight.layers.0.bias"].values
    share = np.exp(scores - scores.max(1, keepdims=True))
    error = share / share.sum(1, keepdims=True) - np.eye(10)[y]
    slope = {"layers.0.weight": error.T @ x / len(x), "layers.0.bias": error.mean(0)}
    gradient = torch.as_tensor(np.concatenate([slope[name].ravel() for name in solution.parameters]))
    change = vector(solution, "task_2", 0, 1) - vector(solution, "task_1", 0, 1)
    found = interference.measure(solution, task, examples=10**6)["interference"].isel(setting=0, seed=1)
    assert found.sel(snapshot="task_2", stage=1).item() == pytest.approx(cosine(gradient, change), rel=1e-9)


def test_a_missing_snapshot_is_named(fleet):
    solution, task = fleet("split_classes")
    kept = Solution(solution.data.sel(snapshot=["init", "task_1", "final"]))
    with pytest.raises(ValueError, match=r"interference needs the snapshots \['task_2'\]"):
        interference.measure(kept, task)

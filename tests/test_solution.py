"""A solution as probes see it: who is there, where results go, and NaN for who is not."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent))
from fleet_example import small_task, spec  # noqa: E402

from imprint.fleet.train import train  # noqa: E402
from imprint.solution import Replicas, Solution  # noqa: E402

SGD = {"update": "torch.optim:SGD", "sees": "elements"}
SEEDS = [5, 2]
SETTINGS = [{"lr": 0.01}, {"lr": 1e300}, {"lr": 0.1}]
NUMBER = {"long_name": "a number", "units": "1", "dims": (), "source": "here"}
MEASURES = {
    "norm": {**NUMBER, "prefer": "low"},
    "column": {**NUMBER, "dims": ("feature",), "prefer": None},
    "seed_of": NUMBER,
}


def kernel(replicas):
    weight = replicas.weights["layers.0.weight"]
    seeds = torch.tensor(SEEDS)[replicas.cells[:, 1]]
    return {"norm": weight.flatten(1).norm(dim=1), "column": weight.norm(dim=1), "seed_of": seeds.double()}


@pytest.fixture(scope="module")
def trained():
    """Three settings, of which the middle one diverges; a snapshot that only some reach."""
    task = small_task()
    snapshots = {"middle": {"step": 6}, "low": {"train_loss": 0.9}}
    plan = spec(SGD, stop={"steps": 24}, snapshots=snapshots, evaluate_every=4)
    solution = Solution(train(task, plan, SETTINGS, SEEDS))
    low = solution.data["snapshot_step"].sel(snapshot="low").values
    assert (low[0] < 0).all() and (low[2] > 0).all()  # the slow one does not come there
    return solution, task


def test_only_replicas_with_finite_weights_are_there(trained):
    solution, task = trained
    present = {replicas.snapshot: replicas.cells.tolist() for replicas in solution.snapshots(task)}
    assert present == {
        "init": [[0, 0], [0, 1], [1, 0], [1, 1], [2, 0], [2, 1]],
        "middle": [[0, 0], [0, 1], [2, 0], [2, 1]],
        "low": [[2, 0], [2, 1]],
        "final": [[0, 0], [0, 1], [2, 0], [2, 1]],
    }


def test_results_go_where_they_belong(trained):
    solution, task = trained
    found = solution.each(task, kernel, MEASURES, {"feature": list("abcdef")})
    weight = solution.data["weight.layers.0.weight"].values
    np.testing.assert_allclose(found["norm"].values, np.linalg.norm(weight, axis=(-2, -1)), rtol=1e-14)
    np.testing.assert_allclose(found["column"].values, np.linalg.norm(weight, axis=-2), rtol=1e-14)
    assert np.isnan(found["norm"].sel(setting=1, snapshot="final").values).all()
    assert found["column"].dims == ("setting", "seed", "snapshot", "feature")
    for seed in SEEDS:
        values = found["seed_of"].sel(seed=seed).values
        assert (values[~np.isnan(values)] == seed).all()
    for name in ("setting", "seed", "snapshot"):
        assert found[name].values.tolist() == solution.data[name].values.tolist()
    assert found["feature"].values.tolist() == list("abcdef")


def test_attributes_are_those_of_the_measures(trained):
    solution, task = trained
    found = solution.each(task, kernel, MEASURES, {"feature": list("abcdef")})
    assert found["norm"].attrs == {"long_name": "a number", "units": "1", "source": "here", "prefer": "low"}
    assert found["column"].attrs["prefer"] == found["seed_of"].attrs["prefer"] == "none"


def test_a_snapshot_that_nobody_reached_is_not_measured(trained):
    _, task = trained
    plan = spec(SGD, snapshots={"never": {"train_loss": 1e-9}})
    solution = Solution(train(task, plan, SETTINGS[:1], SEEDS))
    seen = []
    found = solution.each(task, lambda r: seen.append(r.snapshot) or {"norm": torch.ones(len(r))}, {"norm": NUMBER})
    assert seen == ["init", "final"]
    assert np.isnan(found["norm"].sel(snapshot="never").values).all()


def test_a_measure_that_is_missing_or_misshapen_is_an_error(trained):
    solution, task = trained
    with pytest.raises(KeyError, match="norm"):
        solution.each(task, lambda replicas: {}, {"norm": NUMBER})
    with pytest.raises(ValueError, match="shape"):
        solution.each(task, lambda replicas: {"norm": torch.ones(len(replicas), 7)}, {"norm": NUMBER})


def test_a_probe_gets_no_gradients_and_changes_nothing(trained):
    solution, task = trained
    before = solution.data.copy(deep=True)

    def writing(replicas):
        assert not torch.is_grad_enabled()
        weight = replicas.weights["layers.0.weight"]
        weight.zero_()
        return {"norm": weight.flatten(1).norm(dim=1)}

    solution.each(task, writing, {"norm": NUMBER})
    assert solution.data.identical(before)


def test_initial_weights_are_those_of_the_same_replicas(trained):
    solution, task = trained
    replicas = Replicas(solution, task, "low")
    for name, value in replicas.initial.items():
        start = solution.values(name, "init")
        assert torch.equal(value, torch.as_tensor(start[2]))
    assert len(replicas) == 2 and set(replicas.initial) == set(replicas.weights) == set(solution.parameters)


def test_what_replicas_compute_is_what_the_task_computes(trained):
    solution, task = trained
    replicas = Replicas(solution, task, "final")
    x, y = task.split("test")
    assert torch.equal(replicas.x("test"), x) and torch.equal(replicas.y("test"), y)
    logits = replicas.logits("test")
    assert logits.shape == (4, 24, 3) and replicas.activations("test")["hidden_1"].shape == (4, 24, 7)
    for row in range(4):
        own = {name: value[row] for name, value in replicas.weights.items()}
        alone = torch.func.functional_call(task.model, own, (x,))
        torch.testing.assert_close(logits[row], alone, rtol=1e-13, atol=1e-14)
        loss = torch.nn.functional.cross_entropy(alone, y, reduction="none")
        torch.testing.assert_close(replicas.loss("test")[row], loss, rtol=1e-12, atol=1e-14)


def test_trace_at_a_snapshot(trained):
    solution, task = trained
    data = solution.data
    steps = data["step"].values.tolist()
    for snapshot in ("middle", "low", "final"):
        replicas = Replicas(solution, task, snapshot)
        found = replicas.trace("path_length")
        for row, (setting, seed) in enumerate(replicas.cells.tolist()):
            place = steps.index(int(data["snapshot_step"].sel(snapshot=snapshot).values[setting, seed]))
            assert found[row] == data["path_length"].values[setting, seed, place]
    assert Replicas(solution, task, "init").trace("path_length").tolist() == [0] * 6


def test_trace_at_a_step_that_was_not_evaluated_is_unknown(trained):
    solution, task = trained
    data = solution.data.copy(deep=True)
    data["snapshot_step"].loc[{"snapshot": "middle"}] = 7
    data["snapshot_step"].loc[{"snapshot": "final"}] = 10_000
    changed = Solution(data)
    assert torch.isnan(Replicas(changed, task, "middle").trace("train_loss")).all()
    assert torch.isnan(Replicas(changed, task, "final").trace("train_loss")).all()


def test_data_drawn_per_seed_meet_the_replica_of_that_seed():
    task = small_task(seeds=[2, 5, 8])
    solution = Solution(train(task, spec(SGD), [{"lr": 0.01}, {"lr": 0.1}], SEEDS))
    replicas = Replicas(solution, task, "final")
    x, y = task.split("test")
    expected = [1, 0, 1, 0]  # seed 5, then 2, for each setting
    assert torch.equal(replicas.x("test"), x[expected]) and torch.equal(replicas.y("test"), y[expected])
    assert torch.equal(replicas.view("x_train"), task.tensor("x_train")[expected])
    task.data["flag"] = ("feature", np.arange(6.0))
    assert replicas.view("flag").shape == (6,)

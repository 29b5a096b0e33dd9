import json

import numpy as np
import pytest
import torch

from imprint.probes.landscape import edge
from imprint.solution import Solution
from imprint.task import Task

LINEAR = {"name": "mlp", "hidden": [], "bias": False}
ADAM = {"update": "torch.optim:Adam", "hyper": {"betas": [0.9, 0.99], "eps": 0.001}}
NAMES = ("middle", "final")


def least_squares(fleet):
    """Random walks of a linear model, whose Hessian is the same everywhere: ``I (x) X'X / n``."""
    solution, task = fleet(model=LINEAR)
    task = Task(task.data, LINEAR, "squared_error", precision="float64")
    x = task.split("train")[0].numpy()
    return solution, task, x.T @ x / len(x)


def of_adam(solution):
    """The same, said to be trained with Adam: second moments at all snapshots but the first."""
    data = solution.data.copy(deep=True)
    data.attrs["spec"] = json.dumps({"recipe": ADAM})
    generator = np.random.default_rng(0)
    for name in solution.parameters:
        weight = data[f"weight.{name}"]
        moment = weight.copy(data=np.exp(generator.normal(size=weight.shape)))
        data[f"state.exp_avg_sq.{name}"] = moment.where(data["snapshot"] != "init")
    return Solution(data)


def test_least_squares_in_closed_form(fleet):
    solution, task, gram = least_squares(fleet)
    found = edge.measure(solution, task, draws=160)
    values = np.linalg.eigvalsh(gram)[::-1]
    # every eigenvalue has ten directions, so all three may be the first; 1e-10 is their spread times rounding
    np.testing.assert_allclose(found["eigenvalue"].sel(rank=1), values[0], rtol=1e-10)
    assert (found["eigenvalue"].diff("rank") <= 1e-10).all()
    assert abs(found["eigenvalue"].values[..., None] - values).min(-1).max() < 1e-8
    np.testing.assert_allclose(found["curvature"], values[0], rtol=1e-10)
    # as many draws as parameters: no estimate
    np.testing.assert_allclose(found["trace"], 10 * np.trace(gram), rtol=1e-12)
    assert (found["trace_error"] == 0).all() and (found["residual"] < 1e-8).all()
    for setting, rate in enumerate([0.1, 0.2]):
        own = found.sel(setting=setting)
        np.testing.assert_allclose(own["threshold"], 2 / rate, rtol=1e-14)
        np.testing.assert_allclose(own["ratio"], values[0] * rate / 2, rtol=1e-10)
        np.testing.assert_allclose(own["trace_ratio"], 10 * np.trace(gram) * rate / 2, rtol=1e-10)
        last = own.sel(snapshot="final")
        for name in ("first_ratio", "plateau_ratio", "lowest_ratio", "highest_ratio"):
            np.testing.assert_allclose(last[name], values[0] * rate / 2, rtol=1e-10)
        np.testing.assert_allclose(last["plateau"], values[0], rtol=1e-10)
        assert (last["reached"] == (values[0] * rate / 2 > 0.9)).all()
    for name in edge.OVER_TIME:
        assert found[name].sel(snapshot=["init", "middle"]).isnull().all()


def test_few_draws_estimate_the_trace(fleet):
    solution, task, gram = least_squares(fleet)
    found = edge.measure(solution, task, draws=40)
    spread = 20 * (np.sum(gram**2) - np.sum(np.diag(gram) ** 2))
    assert (found["trace_error"] > 0).all()
    # five standard errors of 40 draws (Hutchinson 1990)
    assert (abs(found["trace"] - 10 * np.trace(gram)) < 5 * np.sqrt(spread / 40)).all()


def test_adam_has_the_spectrum_of_its_preconditioned_hessian(fleet):
    """Dense: the eigenvalues of P^-1 H with the bias corrections of the snapshot's own step."""
    solution, task, gram = least_squares(fleet)
    adam = of_adam(solution)
    found = edge.measure(adam, task, draws=160)
    dense = np.kron(np.eye(10), gram)
    steps = adam.data["snapshot_step"].values
    for place, snapshot in enumerate(NAMES, 1):
        for setting in range(2):
            for seed in range(3):
                moment = adam.data["state.exp_avg_sq.layers.0.weight"].values[setting, seed, place].ravel()
                t = steps[setting, seed, place]
                scale = (1 - 0.9**t) * (np.sqrt(moment / (1 - 0.99**t)) + 0.001)
                values = np.sort(np.linalg.eigvals(dense / scale[:, None]).real)[::-1]
                own = found.isel(setting=setting, seed=seed).sel(snapshot=snapshot)
                # the start vector sees all 160 eigenvalues; forty iterations give the outermost to 1e-6
                np.testing.assert_allclose(own["eigenvalue"], values[:3], rtol=1e-5)
                np.testing.assert_allclose(own["trace"], values.sum(), rtol=1e-9)
                np.testing.assert_allclose(own["ratio"], values[0] * [0.1, 0.2][setting] / 38, rtol=1e-5)
    np.testing.assert_allclose(found["curvature"], np.linalg.eigvalsh(gram)[-1], rtol=1e-9)


def test_a_snapshot_without_state_is_unknown_and_the_first_is_the_next(fleet):
    solution, task, _ = least_squares(fleet)
    found = edge.measure(of_adam(solution), task)
    first = found.sel(snapshot="init")
    for name in ("eigenvalue", "residual", "trace", "trace_error", "ratio", "trace_ratio"):
        assert first[name].isnull().all(), name
    assert first["curvature"].notnull().all() and first["threshold"].notnull().all()
    np.testing.assert_array_equal(found["first_ratio"].sel(snapshot="final"), found["ratio"].sel(snapshot="middle"))


def test_plateau_takes_the_last_snapshots_in_the_order_of_steps():
    ratio = torch.tensor([[0.1, 0.8, 1.2, 1.0], [0.1, 0.2, torch.nan, 0.3]], dtype=torch.float64)
    late = torch.tensor([[False, True, True, True], [False, False, True, True]])
    found = edge.over_time(ratio, 10 * ratio, late, 0.9)
    assert found["plateau_ratio"].tolist() == [1.0, 0.3]
    assert found["plateau"].tolist() == [10.0, 3.0]
    assert found["lowest_ratio"].tolist() == [0.8, 0.3] and found["highest_ratio"].tolist() == [1.2, 0.3]
    assert found["reached"].tolist() == [1.0, 0.0] and found["first_ratio"].tolist() == [0.1, 0.1]


def test_nothing_known_is_unknown():
    found = edge.over_time(torch.full((1, 2), torch.nan), torch.ones(1, 2), torch.ones(1, 2, dtype=torch.bool), 0.9)
    assert all(found[name].isnan().all() for name in found if name != "plateau")


def test_the_window_is_a_share_of_the_steps(fleet):
    """Snapshots at steps 0, 10 and 20: the last 40 % is the final one, the last 60 % both."""
    solution, task, gram = least_squares(fleet)
    adam = of_adam(solution)
    both = edge.measure(adam, task, last=0.5).sel(snapshot="final")
    ratio = edge.measure(adam, task)["ratio"]
    np.testing.assert_allclose(both["plateau_ratio"], ratio.sel(snapshot=list(NAMES)).median("snapshot"), rtol=1e-12)
    alone = edge.measure(adam, task, last=0.4).sel(snapshot="final")
    np.testing.assert_allclose(alone["plateau_ratio"], ratio.sel(snapshot="final"), rtol=1e-12)


def test_preconditioner_without_memory_is_the_gradient():
    found = edge.preconditioner(torch.tensor([[9.0]]), torch.tensor([1]), (0.0, 0.0), 0.5)
    assert found.tolist() == [[3.5]]


def refused(solution, task, match):
    with pytest.raises(ValueError, match=match):
        edge.measure(solution, task)


def test_what_it_cannot_judge_is_refused(fleet):
    solution, task, _ = least_squares(fleet)
    data = solution.data.copy()
    refused(Solution(data.assign_attrs(spec=json.dumps({"recipe": ADAM}))), task, r"keep: \[optimizer_state\]")
    muon = {"update": "muon", "hyper": {"momentum": 0.95}}
    refused(Solution(data.assign_attrs(spec=json.dumps({"recipe": muon}))), task, "no stability threshold is known")
    data.attrs = {}
    refused(Solution(data), task, "no attribute 'spec'")

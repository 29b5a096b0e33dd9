"""The probe stage measures a stored solution and changes nothing in it."""

import numpy as np
import pytest
import torch
from fleet_example import small_task

SGD = {"update": "torch.optim:SGD", "sees": "elements", "hyper": {"lr": 0.25}}
FLEET = {"stop": {"steps": 12}, "snapshots": {}, "evaluate_every": 6, "seeds": [0, 1]}


def measured(bench, probe, module, **options):
    spec = {"probe": probe, "options": options, "task": bench.task}
    spec = bench.coded("probe", spec, (module, "imprint.models.mlp"))
    return bench.run("probe", spec, train=bench.path("train"), data=bench.path("data"))


@pytest.fixture
def solution(bench):
    return bench.run("train", bench.spec("train", SGD, **FLEET), data=bench.data())


def test_a_probe_by_name(bench, solution):
    before = bench.path("train").read_bytes()
    found = measured(bench, "performance", "imprint.probes.function.performance")
    assert found["role"].values.tolist() == ["fixed"]
    task = small_task()
    x, y = task.split("test")
    for seed in (0, 1):
        own = solution.sel(seed=seed, snapshot="final").isel(setting=0)
        weights = {name: torch.from_numpy(own[f"weight.{name}"].values) for name, _ in task.model.named_parameters()}
        right = torch.func.functional_call(task.model, weights, (x,)).argmax(1) == y
        value = found["test_accuracy"].sel(seed=seed, snapshot="final").isel(setting=0).item()
        assert value == pytest.approx(right.double().mean().item(), rel=1e-15)
    assert bench.path("train").read_bytes() == before


HERS = """
import xarray as xr

MEASURES = {"norm": {"long_name": "norm", "units": "1", "dims": (), "source": "a test"}}

def first_layer(solution, task, *, factor=1.0):
    kernel = lambda replicas: {"norm": factor * replicas.weights["layers.0.weight"].flatten(1).norm(dim=1)}
    return solution.each(task, kernel, MEASURES)
"""


def test_a_probe_outside_the_package_with_its_options(bench, solution, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "her_probe_of_norms.py").write_text(HERS)
    found = measured(bench, "her_probe_of_norms:first_layer", "her_probe_of_norms", factor=2.0)
    expected = 2 * np.linalg.norm(solution["weight.layers.0.weight"].values, axis=(-2, -1))
    np.testing.assert_allclose(found["norm"].values, expected, rtol=1e-14)
    assert found["norm"].dims == ("setting", "seed", "snapshot")


ACROSS = """
import xarray as xr

def far(solution, task, *, others):
    own = solution.data["weight.layers.0.weight"]
    columns = [other.data["weight.layers.0.weight"].sel(seed=own["seed"]) - own for other in others.values()]
    distance = xr.concat(columns, xr.Variable("partner", list(others))).pipe(abs).max(own.dims[-2:])
    known = ("partner", [len(other.data["seed"]) for other in others.values()])
    data = xr.Dataset({"distance": distance, "known": known})
    for name in data:
        data[name].attrs = {"long_name": name, "units": "1"}
    return data
"""


def test_a_probe_that_looks_across_recipes_gets_all_their_blocks(bench, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "her_probe_across.py").write_text(ACROSS)
    faster, trained = {**SGD, "hyper": {"lr": 0.5}}, {}
    for name, recipe in (("slow", SGD), ("fast", faster)):
        for seeds in ([0, 1], [2]):
            spec = bench.spec("train", recipe, **{**FLEET, "seeds": seeds})
            trained[name, len(seeds)] = bench.run("train", spec, f"{name}{len(seeds)}", data=bench.data())
    spec = {"probe": "her_probe_across:far", "options": {}, "task": bench.task}
    spec = bench.coded("probe", {**spec, "others": ["slow", "slow", "fast", "fast"]}, ("her_probe_across",))
    others = [bench.path(f"{name}{count}") for name, count in trained]
    found = bench.run("probe", spec, train=bench.path("slow2"), data=bench.path("data"), others=others)
    assert found["partner"].values.tolist() == ["slow", "fast"]
    assert found["known"].values.tolist() == [3, 3]
    assert (found["distance"].sel(partner="slow") == 0).all()
    weight = "weight.layers.0.weight"
    gap = abs(trained["fast", 2][weight].values - trained["slow", 2][weight].values).max((-2, -1))
    np.testing.assert_array_equal(found["distance"].sel(partner="fast").values, gap)
    assert (found["distance"].sel(partner="fast", snapshot="final") > 0).all()

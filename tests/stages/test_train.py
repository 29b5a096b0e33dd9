"""The train stage: which settings are trained, and for which rule."""

import numpy as np
import pytest
import xarray as xr
from fleet_example import small_task, spec, weights_of

from imprint import store
from imprint.fleet.train import train

SGD = {"update": "torch.optim:SGD", "sees": "elements"}
SEARCHED = {**SGD, "search": {"lr": [0.01, 1.0]}}
FLEET = {"stop": {"steps": 12}, "snapshots": {}, "evaluate_every": 6, "seeds": [0, 1]}
RATES = [0.01, 0.1, 1.0]


def table(bench, **chosen):
    about = {"long_name": "for a test", "units": "1"}
    data = xr.Dataset(
        {"chosen": ("select", list(chosen.values()), about), "hyper.lr": ("setting", RATES, about)},
        coords={"select": list(chosen), "setting": range(3)},
    )
    store.write(data, bench.path("select"), stage="select")
    return bench.path("select")


def trained(bench, **chosen):
    plan = bench.spec("train", SEARCHED, **FLEET)
    return bench.run("train", plan, data=bench.data(), select=table(bench, **chosen))


def test_each_chosen_setting_is_trained_once_with_its_roles(bench):
    found = trained(bench, best=2, matched=0, also=2)
    assert found["hyper.lr"].values.tolist() == [0.01, 1.0]
    assert found["role"].values.tolist() == ["matched", "best also"]
    expected = train(small_task(), spec(SGD, stop={"steps": 12}, evaluate_every=6), [{"lr": 0.01}, {"lr": 1.0}], [0, 1])
    for setting in (0, 1):
        for seed in (0, 1):
            np.testing.assert_array_equal(weights_of(found, setting, seed), weights_of(expected, setting, seed))


def test_a_rule_that_nothing_meets_is_left_out(bench):
    found = trained(bench, best=1, matched=-1)
    assert found["hyper.lr"].values.tolist() == [0.1] and found["role"].values.tolist() == ["best"]


def test_where_no_rule_is_met_the_middle_is_trained_for_the_record(bench):
    found = trained(bench, best=-1, matched=-1)
    assert found["hyper.lr"].values.tolist() == [0.1] and found["role"].values.tolist() == [""]


def test_a_recipe_without_search_is_fixed(bench):
    found = bench.run("train", bench.spec("train", {**SGD, "hyper": {"lr": 0.25}}, **FLEET), data=bench.data())
    assert found["role"].values.tolist() == ["fixed"] and found["hyper.lr"].values.tolist() == [0.25]


def test_it_carries_what_it_was_made_from(bench):
    found = trained(bench, best=1)
    assert found.attrs["stage"] == "train" and '"data.zarr.zip"' in found.attrs["made_from"]
    assert '"torch"' in found.attrs["spec"]


def test_the_same_bytes_twice(bench):
    trained(bench, best=1)
    first = bench.path("train").read_bytes()
    trained(bench, best=1)
    assert bench.path("train").read_bytes() == first


def test_an_interrupted_job_goes_on_and_leaves_nothing_behind(bench, monkeypatch):
    expected = trained(bench, best=1)
    resume = bench.folder.parents[1] / "resume"
    assert not resume.exists() or not list(resume.iterdir())

    def stopped(*arguments, **options):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("imprint.stages.train.store.write", stopped)
        plan = bench.spec("train", {**SGD, "hyper": {"lr": 0.1}, "sees": "network"}, **FLEET)
        with pytest.raises(KeyboardInterrupt):
            bench.run("train", plan, out="stopped", data=bench.path("data"))
    assert [path.name for path in resume.iterdir()] == ["stopped"]
    found = bench.run("train", plan, out="stopped", data=bench.path("data"))
    for seed in (0, 1):
        np.testing.assert_array_equal(weights_of(found, 0, seed), weights_of(expected, 0, seed))
    assert not list(resume.iterdir())

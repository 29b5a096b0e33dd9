"""From real searches to the atlas: what is gathered is what was measured of that setting's network."""

import numpy as np
import pytest
import xarray as xr
from fleet_example import small_task

from imprint.stages.gather import collect

RECIPES = {"sgd": ("torch.optim:SGD", [0.01, 1.0]), "adam": ("torch.optim:Adam", [1e-3, 1e-1])}
BEST = {"best": {"validation_loss": "min"}}
EXPERIMENT = {"select": BEST, "recipes": ["plain", "adam", "sgd"], "stop": {"steps": {}}, "probes": []}


@pytest.fixture
def searches(bench):
    """Search, selection, a fleet of the chosen setting, and the probe of each recipe's search, as files."""
    data, places = bench.data(), []
    fleet = {"stop": {"steps": 12}, "snapshots": {}, "evaluate_every": 6}
    for count, (name, (update, space)) in enumerate(RECIPES.items()):
        recipe = {"update": update, "search": {"lr": space}} | ({"sees": "elements"} if name == "sgd" else {})
        more = {"seeds": [1000, 1001], "settings": 3 + count, "extend": 0, "select": BEST}
        bench.run("search", bench.spec("search", recipe, **fleet, **more), f"search-{name}", data=data)
        bench.run(
            "select", bench.coded("select", {"select": BEST}), f"select-{name}", search=bench.path(f"search-{name}")
        )
        spec = bench.spec("train", recipe, **fleet, seeds=[0])
        bench.run("train", spec, f"training-{name}", data=data, select=bench.path(f"select-{name}"))
        spec = {"probe": "distance", "options": {}, "task": bench.task}
        spec = bench.coded("probe", spec, ("imprint.probes.weights.distance", "imprint.models.mlp"))
        bench.run("probe", spec, f"search_probe-{name}", train=bench.path(f"search-{name}"), data=data)
        for kind in ("search", "select", "training", "search_probe"):
            probe = "distance" if kind == "search_probe" else ""
            file = bench.path(f"{kind}-{name}")
            places.append({"kind": kind, "stop": "steps", "recipe": name, "probe": probe, "file": str(file)})
    return places


@pytest.fixture
def groups(searches):
    return collect(EXPERIMENT, searches)


def test_every_setting_and_seed_has_the_measure_of_its_own_network(bench, groups):
    space = groups["search_space/distance"]
    assert space["distance"].dims == ("stop", "recipe", "setting", "seed", "snapshot")
    assert space["recipe"].values.tolist() == ["adam", "sgd"], "in their order, without the one that is not searched"
    names = [name for name, _ in small_task().model.named_parameters()]
    for recipe, settings in (("sgd", 3), ("adam", 4)):
        with xr.open_zarr(f"zip::{bench.path(f'search-{recipe}')}", consolidated=False) as store:
            fleet = store.load()
        for setting in range(settings):
            for seed in (1000, 1001):
                own = fleet.sel(setting=setting, seed=seed)
                squares = [
                    np.square(own[f"weight.{name}"].sel(snapshot="final") - own[f"weight.{name}"].sel(snapshot="init"))
                    for name in names
                ]
                found = space["distance"].sel(recipe=recipe, setting=setting, seed=seed, snapshot="final").item()
                assert found == pytest.approx(np.sqrt(sum(float(square.sum()) for square in squares)), rel=1e-12)


def test_the_values_tried_are_there_and_shorter_grids_are_padded(groups):
    space = groups["search_space/distance"].isel(stop=0)
    rates = space["hyper.lr"]
    assert rates.dims == ("recipe", "setting")
    np.testing.assert_allclose(rates.sel(recipe="sgd"), [0.01, 0.1, 1.0, np.nan], rtol=1e-14)
    np.testing.assert_allclose(rates.sel(recipe="adam"), np.geomspace(1e-3, 1e-1, 4), rtol=1e-14)
    assert np.isnan(space["distance"].sel(recipe="sgd", setting=3)).all()
    np.testing.assert_array_equal(rates, groups["search"]["lr"].isel(stop=0).transpose(*rates.dims))


def test_settings_are_those_of_the_search(groups):
    search, space = groups["search"], groups["search_space/distance"]
    assert search["setting"].values.tolist() == space["setting"].values.tolist()
    assert search["seed"].values.tolist() == space["seed"].values.tolist() == [1000, 1001]


def test_without_probes_of_the_search_there_is_no_such_group(searches):
    groups = collect(EXPERIMENT, [place for place in searches if place["kind"] != "search_probe"])
    assert set(groups) == {"training", "trace", "search"}

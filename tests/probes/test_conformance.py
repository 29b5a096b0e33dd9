"""What every probe promises, tested for every file of the folder from its birth."""

import ast
import functools
import importlib
import inspect
import types
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr

import imprint.probes
from imprint import plugins, store
from imprint.search_probes import LACKING, lacking
from imprint.solution import Solution

FOLDER = Path(imprint.probes.__file__).parent
FILES = sorted(path for path in FOLDER.glob("*/*.py") if path.stem != "__init__")
PROBES = [f"{path.parent.name}.{path.stem}" for path in FILES]

# Where the default fleet, an MLP on digits, is not what a probe looks at.
TASK_OF_VIEW = {"blocks": "slabs", "cues": "sprites", "stages": "split_classes"}
SPECIAL = {"margins": {"task": "separable", "model": {"name": "mlp", "hidden": [], "bias": False}}}
TASK_OF_VIEW["modes"] = "modes"
TASK_OF_VIEW |= {"features": "staircase", "flipped": "patches"}
TASK_OF_VIEW |= {"clones": "clones", "factors": "easy_hard"}
TASK_OF_VIEW |= {"true_labels": "noisy_labels"}
SPECIAL["class_losses"] = {"task": "heavy_tail"}
SPECIAL["least_squares_gap"] = {"task": "least_squares", "model": {"name": "offset_linear"}}
SPECIAL["mode_times"] = {"task": "modes", "model": {"name": "deep_linear", "hidden": [5]}}

# In float64 the summation order, which may depend on the number of replicas, changes a result by about 1e-13;
# eigenvectors and cosines of small vectors amplify this by their condition, at most about 1e4 here.
CLOSE = {"rtol": 1e-9, "atol": 1e-9}


def literals(path):
    tree = ast.parse(path.read_text())
    targets = {node.targets[0].id: node.value for node in tree.body if isinstance(node, ast.Assign)}
    return {name: ast.literal_eval(targets[name]) for name in ("NEEDS", "MEASURES")}


def load(probe):
    return importlib.import_module(f"imprint.probes.{probe}")


@pytest.fixture
def case(request, fleet):
    module = load(request.param)
    special = SPECIAL.get(request.param.split(".")[1])
    views = [TASK_OF_VIEW[view] for view in module.NEEDS]
    solution, task = fleet(**(special or {"task": views[0] if views else "classification"}))
    if getattr(module, "ACROSS", False):
        turned = solution.data.isel(seed=[1, 2, 0]).assign_coords(seed=solution.data["seed"])
        measure = functools.partial(module.measure, others={"first": solution, "second": Solution(turned)})
        module = types.SimpleNamespace(MEASURES=module.MEASURES, measure=measure)
    return module, solution, task


def test_names_are_unique():
    assert PROBES
    assert max(Counter(path.stem for path in FILES).values()) == 1


@pytest.mark.parametrize("path", FILES, ids=PROBES)
def test_literals(path):
    found = literals(path)
    assert isinstance(found["NEEDS"], tuple)
    assert found["MEASURES"]
    for name, entry in found["MEASURES"].items():
        assert name.isidentifier()
        assert set(entry) == {"long_name", "units", "dims", "prefer", "source"}, name
        assert all(entry[key] and isinstance(entry[key], str) for key in ("long_name", "units", "source")), name
        assert isinstance(entry["dims"], tuple) and all(dim.isidentifier() for dim in entry["dims"]), name
        assert entry["prefer"] in ("high", "low", None), name


@pytest.mark.parametrize("probe", PROBES)
def test_signature(probe):
    module = load(probe)
    parameters = list(inspect.signature(module.measure).parameters.values())
    assert [parameter.name for parameter in parameters[:2]] == ["solution", "task"]
    for option in parameters[2:]:
        assert option.kind is inspect.Parameter.KEYWORD_ONLY
        assert option.default is not inspect.Parameter.empty, f"option {option.name} has no default"
    own = [value for value in vars(module).values() if getattr(value, "__module__", "") == module.__name__]
    assert all(value.__doc__ for value in own if inspect.isfunction(value))


@pytest.mark.parametrize("case", PROBES, indirect=True)
def test_measures_and_labels(case):
    module, solution, task = case
    before = solution.data.copy(deep=True)
    measured = module.measure(solution, task)
    store.check(measured)
    assert set(measured.data_vars) == set(module.MEASURES)
    for name, entry in module.MEASURES.items():
        assert measured[name].dims == ("setting", "seed", "snapshot", *entry["dims"]), name
        assert measured[name].attrs["prefer"] == (entry["prefer"] or "none"), name
        assert not np.isinf(measured[name]).any(), name
        # only rows of absent classes may be unknown at the end
        assert np.isfinite(measured[name].sel(snapshot="final")).any(), name
    for dim in measured.dims:
        assert dim in measured.coords, f"{dim} has no labels"
    for dim in ("setting", "seed", "snapshot"):
        np.testing.assert_array_equal(measured[dim], solution.data[dim])
    xr.testing.assert_identical(solution.data, before)


ABLE = [probe for probe in PROBES if not lacking(probe.partition(".")[2])]


@pytest.mark.parametrize("path", FILES, ids=PROBES)
def test_what_must_be_kept_is_named_in_known_words(path):
    assert set(plugins.find("probes", path.stem).literals.get("KEPT", ())) <= set(LACKING)


@pytest.mark.parametrize("case", ABLE, indirect=True)
def test_the_solution_of_a_search_is_measured_or_refused(case):
    """A search keeps the weights at its ends and at those of its tasks, and nothing beside them."""
    module, solution, task = case
    kept = [name for name in solution.data["snapshot"].values if name in ("init", "final") or name.startswith("task_")]
    beside = [name for name in solution.data if str(name).startswith(("state.", "update."))]
    ends = Solution(solution.data.drop_vars(beside).sel(snapshot=kept))
    measured = module.measure(ends, task)
    for name in module.MEASURES:
        assert np.isfinite(measured[name].sel(snapshot="final")).any(), name


@pytest.mark.slow
@pytest.mark.parametrize("case", PROBES, indirect=True)
def test_deterministic(case):
    module, solution, task = case
    first = module.measure(solution, task)
    torch.rand(1)  # the global stream moves on and must not matter
    xr.testing.assert_identical(first, module.measure(solution, task))


@pytest.mark.slow
@pytest.mark.parametrize("case", PROBES, indirect=True)
def test_a_diverged_replica_is_nan_and_disturbs_no_other(case):
    module, solution, task = case
    data = solution.data.copy(deep=True)
    parameter = solution.parameters[0]
    for snapshot in data["snapshot"].values[1:]:
        data[f"weight.{parameter}"].loc[{"setting": 1, "seed": 0, "snapshot": snapshot}] = np.nan
    whole, holed = module.measure(solution, task), module.measure(Solution(data), task)
    for name in module.MEASURES:
        gone = holed[name].sel(setting=1, seed=0).isel(snapshot=slice(1, None))
        assert np.isnan(gone).all(), name
    dead = (whole["setting"] == 1) & (whole["seed"] == 0) & (whole["snapshot"] != "init")
    xr.testing.assert_allclose(whole.where(~dead), holed, **CLOSE)


@pytest.mark.parametrize("case", PROBES, indirect=True)
def test_each_replica_alone_and_in_another_order(case):
    module, solution, task = case
    whole = module.measure(solution, task)
    cells = {"setting": [1, 0], "seed": [2, 0, 1]}
    reordered = module.measure(Solution(solution.data.isel(cells)), task)
    xr.testing.assert_allclose(whole.isel(cells), reordered, **CLOSE)
    alone = {"setting": [1], "seed": [2]}
    xr.testing.assert_allclose(whole.isel(alone), module.measure(Solution(solution.data.isel(alone)), task), **CLOSE)

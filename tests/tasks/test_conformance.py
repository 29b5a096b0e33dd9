"""Every file of tasks/ that has ``build`` keeps the contract of a task, from birth."""

import ast
import hashlib
import importlib
import inspect
import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import xarray as xr

import imprint.tasks

FOLDER = pathlib.Path(imprint.tasks.__file__).parent
SPLITS = ("train", "validation", "test")
COLUMNS = ("x", "y", "stage", "index")
LITERALS = {"SEEDED": bool, "VIEWS": tuple, "LOSS": str}


def tree_of(name):
    return ast.parse((FOLDER / f"{name}.py").read_text())


def functions_of(name):
    return [node.name for node in tree_of(name).body if isinstance(node, ast.FunctionDef)]


TASKS = sorted(path.stem for path in FOLDER.glob("*.py") if "build" in functions_of(path.stem))


def literals_of(name):
    """Constants in capitals, read as planning does: from the syntax tree."""
    return {
        target.id: ast.literal_eval(node.value)
        for node in tree_of(name).body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if target.id.isupper() and target.id in (*LITERALS, "EXAMPLE")
    }


def build(name, seed=0):
    """The task at its EXAMPLE options, or at its defaults."""
    module, literals = importlib.import_module(f"imprint.tasks.{name}"), literals_of(name)
    return module.build(**literals.get("EXAMPLE", {}), **({"seed": seed} if literals["SEEDED"] else {}))


@pytest.fixture(scope="module", params=TASKS)
def task(request):
    return request.param, literals_of(request.param), build(request.param)


def test_there_are_tasks():
    assert {"classification", "separable", "slabs", "split_classes"} <= set(TASKS)


@pytest.mark.parametrize("name", TASKS)
def test_literals(name):
    literals = literals_of(name)
    for constant, kind in LITERALS.items():
        assert isinstance(literals[constant], kind), f"{name}.{constant} is missing or no {kind.__name__} literal"
    assert all(isinstance(view, str) for view in literals["VIEWS"])


@pytest.mark.parametrize("name", TASKS)
def test_signature(name):
    signature = inspect.signature(importlib.import_module(f"imprint.tasks.{name}").build)
    assert ("seed" in signature.parameters) == literals_of(name)["SEEDED"]
    for option, parameter in signature.parameters.items():
        assert parameter.kind is parameter.KEYWORD_ONLY, f"{name}: {option} is not keyword-only"
        assert (parameter.default is parameter.empty) == (option == "seed"), f"{name}: default of {option}"
    assert signature.return_annotation is xr.Dataset


@pytest.mark.parametrize("name", TASKS)
def test_defaults_are_literals(name):
    (node,) = [node for node in tree_of(name).body if getattr(node, "name", None) == "build"]
    for default in filter(None, node.args.kw_defaults):
        ast.literal_eval(default)


@pytest.mark.parametrize("name", TASKS)
def test_docstring_has_every_option(name):
    text = importlib.import_module(f"imprint.tasks.{name}").build.__doc__
    for option in inspect.signature(importlib.import_module(f"imprint.tasks.{name}").build).parameters:
        assert f"        {option}: " in text, f"{name}: {option} is not in the docstring"
    for section in ("Args:", "Returns:", "Raises:"):
        assert section in text


def test_splits(task):
    _, _, data = task
    for split in SPLITS:
        x, y = data[f"x_{split}"], data[f"y_{split}"]
        assert x.dims == (split, "feature")
        assert y.dims == (split,)
        assert x.dtype in (np.float32, np.float64)
        assert y.dtype == np.int64
        assert len(y) > 0
        assert np.isfinite(x).all()
        assert 0 <= y.min() <= y.max() < data.attrs["classes"]
    assert data.attrs["inputs"] == data.sizes["feature"]
    assert len({data[f"x_{split}"].dtype for split in SPLITS}) == 1


def test_no_input_is_in_two_splits(task):
    _, _, data = task
    rows = np.concatenate([data[f"x_{split}"].values for split in SPLITS])
    assert len(np.unique(rows, axis=0)) == len(rows)


def test_sequence(task):
    _, literals, data = task
    assert ("stages" in literals["VIEWS"]) == ("stages" in data.attrs)
    for split in SPLITS:
        assert (f"stage_{split}" in data) == ("stages" in data.attrs)
        if "stages" in data.attrs:
            stage = data[f"stage_{split}"]
            assert stage.dims == (split,)
            assert stage.dtype == np.int64
            assert np.unique(stage).tolist() == list(range(data.attrs["stages"]))


def test_variables_are_columns_or_of_a_view(task):
    _, literals, data = task
    columns = {f"{column}_{split}" for column in COLUMNS for split in SPLITS}
    for view in set(literals["VIEWS"]) - {"stages"}:
        of_view = {name for name in data.data_vars if name.startswith(f"{view}_")}
        assert of_view, f"view {view} has no variable"
        columns |= of_view
    assert set(data.data_vars) <= columns


def test_attributes(task):
    _, _, data = task
    for name, variable in data.variables.items():
        for key in ("long_name", "units", "source"):
            assert isinstance(variable.attrs.get(key), str), f"{name} has no {key}"
            assert variable.attrs[key], f"{name} has an empty {key}"
    assert data.attrs["source"]
    for attrs in (data.attrs, *(variable.attrs for variable in data.variables.values())):
        assert json.loads(json.dumps(attrs)) == attrs


def test_same_options_give_the_same_data_and_leave_the_global_stream(task):
    name, _, data = task
    before = np.random.get_state()
    xr.testing.assert_identical(data, build(name))
    after = np.random.get_state()
    np.testing.assert_array_equal(before[1], after[1])
    assert before[2:] == after[2:]


def test_seeds_differ_and_stack(task):
    name, literals, data = task
    if literals["SEEDED"]:
        other = build(name, seed=1)
        for split in SPLITS:
            assert not np.array_equal(data[f"x_{split}"], other[f"x_{split}"])
        assert data.attrs == other.attrs  # else what differs is lost when seeds are stacked
        stacked = xr.concat([data, other], "seed")
        assert stacked["x_train"].dims == ("seed", "train", "feature")
        assert {key: stacked.sizes[key] for key in data.sizes} == dict(data.sizes)
    else:
        assert "seed" not in data.dims


def digest(data):
    content = b"".join(data[name].values.tobytes() for name in sorted(data.data_vars))
    return hashlib.sha256(content).hexdigest()


def test_another_process_gives_the_same_data_without_torch():
    code = (
        "import json, sys, test_conformance as here\n"
        "print(json.dumps({name: here.digest(here.build(name)) for name in here.TASKS}))\n"
        "raise SystemExit('torch' in sys.modules)"
    )
    environment = os.environ | {"PYTHONHASHSEED": "1", "PYTHONPATH": str(pathlib.Path(__file__).parent)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr or "torch was imported"
    assert json.loads(done.stdout) == {name: digest(build(name)) for name in TASKS}

"""Where parts live, without importing them."""

import importlib.metadata
import subprocess
import sys

import pytest
from fleet_example import known_recipes

from imprint import code_version
from imprint.recipes.names import libraries, modules, update_path
from imprint.recipes.resolve import update_class


def test_paths():
    assert update_path("torch.optim:Adam") == "torch.optim:Adam"
    assert update_path("sign_descent") == "imprint.recipes.update.sign_descent:SignDescent"


def test_modules_of_a_recipe():
    recipe = {
        "update": "muon",
        "rest": {"update": "her_package.module:Her"},
        "decay": {"name": "decoupled"},
        "schedule": {"name": "inverse_sqrt"},
    }
    assert modules(recipe) == [
        "imprint.recipes.update.muon",
        "her_package.module",
        "imprint.recipes.gradient.backprop",
        "imprint.recipes.decay.decoupled",
        "imprint.recipes.schedule.inverse_sqrt",
    ]
    assert modules({"update": "torch.optim:SGD"}) == [
        "torch.optim",
        "imprint.recipes.gradient.backprop",
        "imprint.recipes.schedule.constant",
    ]


@pytest.mark.parametrize("name", known_recipes())
def test_every_known_recipe_names_what_exists(name):
    recipe = known_recipes()[name]
    updates = [recipe["update"]] + ([recipe["rest"]["update"]] if "rest" in recipe else [])
    for update in updates:
        cls = update_class(name, update)
        assert f"{cls.__module__}:{cls.__name__}".endswith(update_path(update).partition(":")[2])
    for module in modules(recipe):
        __import__(module)


def test_names_import_nothing_heavy():
    code = "import sys, imprint.recipes.names; sys.exit(any(name in sys.modules for name in ('torch', 'numpy')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_an_update_s_own_package_counts():
    assert libraries("kfac") == ["singd"] and libraries("muon") == []
    assert "singd" in modules({"update": "kfac"})
    known = code_version.version(modules({"update": "kfac"}))
    assert known["libraries"]["singd"] == importlib.metadata.version("singd")

"""The pins: one set of versions, in the lock and in Snakemake's environment, that satisfies what is declared."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LOCK = [line for line in (ROOT / "requirements.lock").read_text().splitlines() if not line.startswith("#")]
ENVIRONMENT = yaml.safe_load((ROOT / "envs" / "imprint.yaml").read_text())["dependencies"]
PINS = dict(line.split("==") for line in LOCK)


def test_every_line_is_one_exact_pin():
    for line in LOCK:
        assert re.fullmatch(r"[a-z0-9-]+==[0-9][a-z0-9.]*", line), line
    names = [line.split("==")[0] for line in LOCK]
    assert names == sorted(set(names)) == [canonicalize_name(name) for name in names]


def test_environment_of_snakemake_has_the_same_pins():
    (pip,) = [entry["pip"] for entry in ENVIRONMENT if isinstance(entry, dict)]
    assert pip == LOCK


def test_environment_of_snakemake_has_a_python_that_the_project_allows():
    (python,) = [entry for entry in ENVIRONMENT if isinstance(entry, str) and entry.startswith("python=")]
    assert f"{python.removeprefix('python=')}.0" in SpecifierSet(PROJECT["requires-python"])


@pytest.mark.parametrize("declared", [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["dev"]])
def test_every_declared_dependency_is_pinned_to_a_version_it_allows(declared):
    requirement = Requirement(declared)
    name = canonicalize_name(requirement.name)
    assert name in PINS
    assert PINS[name] in requirement.specifier


@pytest.mark.parametrize("name", ["torchvision", "lightning"])
def test_what_breaks_the_environment_is_not_pinned(name):
    assert name not in PINS

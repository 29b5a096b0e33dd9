"""Makes the example tasks importable, and runs a stage as a job does: options in, a file out."""

import importlib
import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from fleet_example import gaussian_blobs  # noqa: E402

from imprint import code_version, equivalent, store  # noqa: E402
from imprint.identity import canonical  # noqa: E402
from imprint.plan import LIBRARIES  # noqa: E402
from imprint.recipes.names import modules  # noqa: E402

MLP = "imprint.models.mlp"
TASK = {"model": {"name": "mlp", "hidden": [7, 5]}, "loss": "cross_entropy", "precision": "float64", "device": "cpu"}


class Bench:
    """A folder of stores, and the stages that write them."""

    task = TASK

    def __init__(self, folder):
        self.folder = folder

    def data(self, **options):
        """Write Gaussian classes as the data stage would."""
        store.write(gaussian_blobs(**options), self.folder / "data.zarr.zip", stage="data")
        return self.folder / "data.zarr.zip"

    @staticmethod
    def coded(stage, spec, modules=()):
        """Return a spec with the version of the code that is there now."""
        version = code_version.version((f"imprint.stages.{stage}", *modules), LIBRARIES[stage])
        return {**spec, "code": {"modules": sorted(modules), "files": [], **version}}

    def spec(self, stage, recipe, **changes):
        """Return a fleet's spec with the code that is there now."""
        plain = {"task": TASK, "recipe": recipe, "batch_size": 10, "executor": "stacked", "block": 3}
        return self.coded(stage, {**plain, **changes}, (MLP, *modules(recipe)))

    def run(self, stage, spec, out=None, label="", **inputs):
        """Run a stage in this process and read what it wrote."""
        out = self.folder / f"{out or stage}.zarr.zip"
        argv = ["--spec", canonical(spec), "--out", str(out), "--label", label]
        for role, paths in inputs.items():
            for path in paths if isinstance(paths, list) else [paths]:
                argv += ["--input", f"{role}={path}"]
        importlib.import_module(f"imprint.stages.{stage}").main(argv)
        return store.read(out)

    def path(self, name):
        """Return the file of a unit by name."""
        return self.folder / f"{name}.zarr.zip"

    @staticmethod
    def ran(result):
        """Return what a recipe job says about the recipe as it ran."""
        return json.loads(result.attrs["ran"])


@pytest.fixture(autouse=True)
def nothing_declared(monkeypatch, tmp_path):
    """Code counts as itself, whatever the project in whose folder the tests run declares to be equivalent."""
    monkeypatch.setattr(equivalent, "NAME", str(tmp_path / "equivalent.csv"))


@pytest.fixture
def bench(tmp_path):
    """Return a folder in which stages run."""
    return Bench(tmp_path / "results" / "store" / "units")

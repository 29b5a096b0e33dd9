"""A finished small study: every unit made by its stage, in this process, and put where a study's results lie."""

import contextlib
import csv
import importlib
import json
import shlex
import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parents[1]))
import study_example  # noqa: E402

import imprint  # noqa: E402
from imprint import plan as planning  # noqa: E402
from imprint import store  # noqa: E402
from imprint.naming import sealed  # noqa: E402
from imprint.stages.publish import INDEX  # noqa: E402

RECIPES = {
    "adam": {"update": "torch.optim:Adam", "sees": "elements", "search": {"lr": [0.001, 0.1]}},
    "muon": {
        "update": "muon",
        "sees": "matrices",
        "rest": {"update": "torch.optim:Adam", "sees": "elements", "hyper": {"lr": 0.001}},
        "search": {"lr": [0.005, 0.2]},
    },
    "burst": {  # its weights grow by a factor of 999 in each step
        "update": "torch.optim:SGD",
        "sees": "elements",
        "hyper": {"lr": 1000.0},
        "decay": {"name": "coupled", "weight_decay": 1.0},
    },
}
COMMON = {
    "question": "What does the reader see?",
    "search": {"settings": 3, "seeds": 1, "extend": 0},
    "select": {"best": {"validation_loss": "min"}},
}
DIGITS = {
    **COMMON,
    "title": "Shared data, a layer of hidden units, two blocks of seeds",
    "task": {
        "name": "classification",
        "pool": 2,
        "limit": 200,
        "model": {"name": "mlp", "hidden": [16]},
        "batch_size": 50,
    },
    "recipes": ["adam", "muon"],
    "stop": {"steps": {"epochs": 8}, "loss": {"train_loss": 1.0, "at_most": {"epochs": 8}}},
    "evaluate_every": 4,
    "snapshots": {"matched_loss": {"train_loss": 1.5}},
    "seeds": ["0-3", "4-5"],
    "probes": ["performance", "sparsity", "effective_rank"],
    "claims": {
        "lower_loss": {
            "says": "Muon ends at a lower loss.",
            "source": "none",
            "measure": "performance.test_loss",
            "contrast": ["muon", "adam"],
            "expect": {"less_by": 0.01},
        }
    },
}
PAIRS = {
    **COMMON,
    "title": "Data drawn per seed, two tasks, a recipe that diverges",
    "task": {"name": "separable", "classes": 3, "dimensions": 5, "points": 12, "validation": 20, "test": 30},
    "tasks": {
        "wide": {"task": {"model": {"name": "mlp", "hidden": [8]}}},
        "narrow": {"task": {"model": {"name": "mlp", "hidden": [4]}}},
    },
    "recipes": ["adam", "muon", "burst"],
    "stop": {"steps": {"steps": 80}},
    "evaluate_every": 20,
    "snapshots": {"never": {"train_loss": 1e-12}},
    "seeds": ["0-5"],
    "probes": ["performance"],
}
PAIRS["task"] |= {"batch_size": "full", "precision": "float64", "model": {"name": "mlp", "hidden": [8]}}


class Results:
    """A project whose study is finished, made unit by unit."""

    def __init__(self, root: Path):
        self.root = root
        project = study_example.Project(root)
        project.config |= {"study": "small", "studies": {"small": {"tier": "small"}}}
        project.recipes, project.experiments = RECIPES, {"digits": DIGITS, "pairs": PAIRS}
        self.plan = project.plan()
        self.folder = root / "results" / self.plan.study.name

    def make(self) -> Path:
        """Make what a study publishes and a reader opens."""
        with contextlib.chdir(self.root):
            for unit in self.plan.units["plan"].values():
                Path(unit.path).parent.mkdir(parents=True, exist_ok=True)
                Path(unit.path).write_text(json.dumps(sealed(planning.written(self.plan, unit))))
            (claims,) = self.plan.units["claims"].values()
            self._unit(claims)
            (atlas,) = claims.inputs["atlas"]
            store.unpack(atlas.path, self.folder / "atlas.zarr")
            (self.folder / "claims.csv").write_bytes(Path(claims.path).read_bytes())
        with open(self.folder / "index.csv", "w", newline="") as handle:
            writer = csv.DictWriter(handle, INDEX)
            writer.writeheader()
            writer.writerows({**row, "fields": json.dumps(row["fields"])} for row in planning.index(self.plan))
        return self.folder

    def _unit(self, unit) -> None:
        for other in (each for units in unit.inputs.values() for each in units):
            self._unit(other)
        if not Path(unit.path).exists():
            argv = [*shlex.split(planning.command(self.plan, unit)), "--out", unit.path]
            importlib.import_module(f"imprint.stages.{unit.stage}").main(argv)


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> Path:
    """The folder of the finished study. Not to be edited."""
    torch.set_num_threads(1)
    return Results(tmp_path_factory.mktemp("project")).make()


@pytest.fixture(scope="session")
def study(finished):
    """The finished study, opened."""
    return imprint.open(finished)

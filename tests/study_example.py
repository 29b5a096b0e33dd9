"""A small study in a folder of its own, to plan and to break."""

import copy
import csv
import json
from pathlib import Path

import numpy as np
import xarray as xr
import yaml

from imprint import plan, seal, store, study
from imprint.plan import Plan
from imprint.stages.publish import INDEX

REFERENCES = "@article{kingma2015, title={Adam}}\n@misc{robbins1951,\n title={SGD}}\n"
CONFIG = {
    "study": "quick",
    "studies": {
        "quick": {"tier": "quick", "pilot": True},
        "core": {"tier": "core", "experiments": ["toy"], "pilot": True},
    },
    "device": "cpu",
}
RECIPES = {
    "sgd": {"update": "torch.optim:SGD", "sees": "elements", "search": {"lr": [0.01, 1.0]}},
    "adam": {"update": "torch.optim:Adam", "hyper": {"betas": [0.9, 0.99]}, "search": {"lr": [1e-4, 0.1]}},
    "plain": {"update": "torch.optim:SGD", "hyper": {"lr": 0.1}},
}
TOY = {
    "title": "A toy?",
    "question": "Does it plan?",
    "task": {
        "name": "classification",
        "limit": 100,
        "model": {"name": "mlp", "hidden": [8]},
        "batch_size": 32,
    },
    "recipes": ["sgd", "adam", "plain"],
    "search": {"settings": 3, "seeds": 2},
    "select": {"best": {"validation_loss": "min"}},
    "stop": {"steps": {"epochs": 2}},
    "evaluate_every": 5,
    "snapshots": {"early": {"step": 5}},
    "seeds": ["0-1", "2"],
    "probes": ["performance", "activation_rank"],
    "claims": {
        "adam_is_better": {
            "says": "Adam is better.",
            "source": "none",
            "measure": "performance.test_accuracy",
            "contrast": ["adam", "sgd"],
            "expect": {"greater_by": 0.1},
        },
        "solved": {
            "says": "All solve it.",
            "source": "none",
            "kind": "control",
            "measure": "performance.test_accuracy",
            "recipe": "all",
            "expect": {"at_least": 0.5},
        },
    },
}


class Project:
    """Files of a study as mappings; change them, then read or plan what they say."""

    def __init__(self, root: Path):
        self.root = root
        self.config = copy.deepcopy(CONFIG)
        self.recipes = copy.deepcopy(RECIPES)
        self.experiments = {"toy": copy.deepcopy(TOY)}

    @property
    def toy(self) -> dict:
        """The one experiment."""
        return self.experiments["toy"]

    @property
    def claim(self) -> dict:
        """A contrast of the one experiment."""
        return self.toy["claims"]["adam_is_better"]

    def write(self) -> Path:
        """Write the files as they are now."""
        folder = self.root / "experiments"
        folder.mkdir(parents=True, exist_ok=True)
        for file in folder.glob("*.yaml"):
            file.unlink()
        files = {"config.yaml": self.config, "recipes.yaml": self.recipes}
        files |= {f"experiments/{name}.yaml": content for name, content in self.experiments.items()}
        (self.root / "references.bib").write_text(REFERENCES, encoding="utf-8")
        for name, content in files.items():
            (self.root / name).write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
        return self.root

    def load(self, name: str | None = None) -> study.Study:
        """Read the study."""
        return study.load(self.write(), name)

    def plan(self, name: str | None = None) -> Plan:
        """Plan the study."""
        return plan.build(self.write(), name)

    def publish(self, name: str | None = None) -> Plan:
        """Leave what a run of the study leaves: stores with how they were made and no content, files with less."""
        made = self.plan(name)
        for unit in plan.all_units(made):
            for file in plan.files(unit):
                if not (self.root / file).exists():
                    self.put(unit, file)
        for frozen in made.units["plan"].values():
            (self.root / frozen.path).write_text(json.dumps(plan.written(made, frozen)))
        names = {role: [Path(other.path).name for other in units] for role, units in made.final.inputs.items()}
        receipt = {"plan": plan.frozen_for(made, made.final).digest, "made_from": names, "files": {}}
        (self.root / made.final.path).write_text(seal.text(receipt))
        for file in plan.published(made):
            (self.root / file).parent.mkdir(parents=True, exist_ok=True)
            (self.root / file).touch()
        with open(self.root / f"results/{made.study.name}/index.csv", "w", newline="") as handle:
            writer = csv.DictWriter(handle, INDEX)
            writer.writeheader()
            writer.writerows({**row, "fields": json.dumps(row["fields"])} for row in plan.index(made))
        return made

    def put(self, unit, file: str) -> None:
        """Put an almost empty file where one of a unit's files would be, with its log and its benchmark."""
        path = self.root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        if file.endswith(".zarr.zip"):
            made_from = {role: [Path(other.path).name for other in units] for role, units in unit.inputs.items()}
            about = {"long_name": "x", "units": "1"}
            store.write(xr.Dataset({"x": ("seed", np.zeros(1), about)}), path, spec=unit.spec, made_from=made_from)
        else:
            path.touch()
        for kind, suffix, content in (("logs", "log", "said\n"), ("benchmarks", "jsonl", '{"s": 2.0}\n')):
            beside = self.root / f"results/{kind}/{unit.stage}/{unit.name}.{suffix}"
            beside.parent.mkdir(parents=True, exist_ok=True)
            beside.write_text(content)

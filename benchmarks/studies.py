"""Synthetic studies of the real stages: classification on digits, planned and never run."""

import csv
import itertools
import json
import shutil
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import yaml

from imprint import plan as planning
from imprint.identity import Unit
from imprint.plan import Plan
from imprint.stages.publish import INDEX

ROOT = Path(__file__).parents[1]
COPIED = ("Snakefile", "rules", "profiles/default", "envs", "recipes.yaml", "references.bib", "equivalent.csv")
PROBES = (
    "performance", "calibration", "hessian", "effective_rank", "activation_rank", "sparsity", "distance",
    "path_length", "kurtosis", "box", "update_rank", "neural_collapse", "dead_units", "twonn", "class_cosine",
)  # fmt: skip


@dataclass(frozen=True)
class Shape:
    """The size of a study: how many experiments, recipes of each, blocks of seeds, seeds of a block, probes."""

    experiments: int = 15
    recipes: int = 60
    blocks: int = 1
    seeds: int = 8
    probes: int = 7

    @property
    def replicas(self) -> int:
        """Replicas of the evaluation, one per experiment, recipe and seed."""
        return self.experiments * self.recipes * self.blocks * self.seeds

    def __str__(self) -> str:
        return f"{self.experiments} x {self.recipes} x {self.blocks} of {self.seeds} x {self.probes}"


def write(shape: Shape, folder: Path) -> Path:
    """Write a study of a shape, with the project's own rules and recipes, into a new folder; return the folder."""
    copy(COPIED, folder)
    recipes = yaml.safe_load((ROOT / "recipes.yaml").read_text(encoding="utf-8"))
    names = list(itertools.islice((name for name, recipe in recipes.items() if "search" in recipe), shape.recipes))
    if len(names) < shape.recipes:
        raise SystemExit(f"{shape.recipes} recipes are asked for, recipes.yaml has {len(names)} with a search")
    config = {"study": "wide", "studies": {"wide": {"tier": "wide", "experiments": "all"}}, "device": "cpu"}
    (folder / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
    (folder / "experiments").mkdir()
    for number in range(shape.experiments):
        text = yaml.safe_dump(experiment(number, names, shape), sort_keys=False)
        (folder / "experiments" / f"experiment_{number}.yaml").write_text(text, encoding="utf-8")
    return folder


def copy(names: Iterable[str], folder: Path) -> None:
    """Copy files and folders of the project."""
    for name in names:
        source, target = ROOT / name, folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(source, target) if source.is_dir() else shutil.copyfile(source, target)


def experiment(number: int, recipes: list[str], shape: Shape) -> dict:
    """Return an experiment that shares no cell with another: its networks have another width."""
    starts = range(0, shape.blocks * shape.seeds, shape.seeds)
    return {
        "title": f"Experiment {number}",
        "question": "How much of a study can be planned?",
        "sources": ["pascanu2025"],
        "task": {
            "name": "classification",
            "data": "digits",
            "model": {"name": "mlp", "hidden": [16 + number, 16 + number]},
            "batch_size": 64,
        },
        "recipes": recipes,
        "search": {"settings": 7, "seeds": 2},
        "select": {"best": {"validation_loss": "min"}},
        "stop": {"steps": {"epochs": 40}},
        "evaluate_every": 5,
        "snapshots": {"matched_loss": {"train_loss": 0.1}},
        "seeds": [f"{start}-{start + shape.seeds - 1}" for start in starts],
        "probes": list(PROBES[: shape.probes]),
        "claims": {
            "differ": {
                "says": "The second recipe is the more accurate one.",
                "source": "declared for this benchmark",
                "measure": "performance.test_accuracy",
                "contrast": recipes[1::-1],
                "expect": {"greater_by": 0.01},
            }
        },
    }


def finish(folder: Path) -> Plan:
    """Put what a run leaves where planning looks for it: stores that say how they were made and hold nothing more."""
    plan = planning.build(folder)
    for unit in planning.all_units(plan):
        for file in planning.files(unit):
            put(unit, folder / file)
        times = folder / "results" / "benchmarks" / unit.stage / f"{unit.name}.jsonl"
        times.parent.mkdir(parents=True, exist_ok=True)
        times.write_text('{"s": 2.0}\n', encoding="utf-8")
    made_from = {role: [Path(other.path).name for other in units] for role, units in plan.final.inputs.items()}
    frozen = planning.frozen_for(plan, plan.final)
    (folder / frozen.path).write_text(json.dumps(planning.written(plan, frozen)), encoding="utf-8")
    (folder / plan.final.path).write_text(json.dumps({"plan": frozen.digest, "made_from": made_from}), encoding="utf-8")
    for file in planning.published(plan):
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).touch()
    with open(folder / "results" / plan.study.name / "index.csv", "w", newline="", encoding="utf-8") as handle:
        writer = csv.DictWriter(handle, INDEX)
        writer.writeheader()
        writer.writerows({**row, "fields": json.dumps(row["fields"])} for row in planning.index(plan))
    return plan


def put(unit: Unit, path: Path) -> None:
    """Put an almost empty file where one of a unit's files would be."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.name.endswith(".zarr.zip"):
        path.touch()
        return
    made_from = {role: [Path(other.path).name for other in units] for role, units in unit.inputs.items()}
    attributes = {"spec": json.dumps(unit.spec), "made_from": json.dumps(made_from)}
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("zarr.json", json.dumps({"attributes": attributes}))

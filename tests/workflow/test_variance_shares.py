"""Shares of variance from config to report: tasks that are an axis, and orders that are crossed."""

import csv
import shutil

import pytest
import yaml

pytestmark = pytest.mark.slow

TASK = {
    "name": "separable",
    "classes": 3,
    "dimensions": 5,
    "points": 24,
    "validation": 20,
    "test": 30,
    "model": {"name": "mlp", "hidden": [4]},
    "batch_size": 8,
}
EXPERIMENT = {
    "title": "Where does the variance come from?",
    "question": "Two tasks, and two orders of the examples of one of them.",
    "task": TASK,
    "tasks": {
        "few": {},
        "many": {"task": {"points": 48}},
        "order_0": {"task": {"order": 0}},
        "order_1": {"task": {"order": 1}},
    },
    "recipes": ["slow", "fast"],
    "stop": {"steps": {"steps": 30}},
    "evaluate_every": 10,
    "seeds": ["0-2"],
    "probes": ["performance", "distance"],
    "figure": "variance_shares",
    "claims": {},
}
RECIPES = {
    name: {"says": f"{name} gradient descent", "update": "torch.optim:SGD", "sees": "elements", "hyper": {"lr": lr}}
    for name, lr in (("slow", 0.05), ("fast", 0.5))
}


def rows(path) -> list[dict]:
    with open(path, newline="") as handle:
        return list(csv.DictReader(handle))


def test_shares_of_a_study(fresh):
    shutil.rmtree(fresh / "experiments")
    (fresh / "experiments").mkdir()
    (fresh / "experiments/toy.yaml").write_text(yaml.safe_dump(EXPERIMENT, sort_keys=False))
    (fresh / "recipes.yaml").write_text(yaml.safe_dump(RECIPES, sort_keys=False))
    fresh.study()
    drawn = sorted((fresh / "results/tiny/figures").glob("*variance_shares*.csv"))
    assert [path.name.partition("-")[0] for path in drawn] == ["toy.few", "toy.order_0"]
    tasks, orders = ({row["axes"] for row in rows(path) if row["kind"] == "share"} for path in drawn)
    assert tasks >= {"task", "optimizer", "seed", "task x optimizer", "task x optimizer x seed"}
    assert orders >= {"optimizer", "init", "order", "init x order", "optimizer x init x order"}
    assert {row["method"] for path in drawn for row in rows(path)} >= {"REML"}
    page = (fresh / "results/tiny/report.html").read_text(encoding="utf-8")
    assert page.count("How much of it is the optimizer") >= 2 and "restricted maximum likelihood" in page

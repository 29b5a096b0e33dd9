"""Telling optimizers apart, from an experiment's file to the report."""

import pandas as pd
import pytest

pytestmark = pytest.mark.slow
RECIPE = """
{name}:
  says: One of three rates.
  update: torch.optim:{update}
  hyper: {{lr: {rate}}}
  sees: elements
"""
EXPERIMENT = """
title: Which optimizer was it?
question: Can one tell two optimizers apart at equal loss?
task:
  name: classification
  data: digits
  pool: 2
  limit: 200
  model: {name: mlp, hidden: [16]}
  batch_size: 50
recipes: [sgd_low, sgd_middle, sgd_high, adam_low, adam_middle, adam_high]
stop:
  steps: {epochs: 40}
evaluate_every: 2
snapshots:
  matched_loss: {train_loss: 1.0}
seeds: ["0-2"]
probes:
  sparsity: {}
  path_length: {}
claims: {}
"""
RATES = {"sgd": ("SGD", (0.3, 0.5, 0.8)), "adam": ("Adam", (0.005, 0.01, 0.02))}


def test_from_an_experiment_to_the_report(fresh):
    for file in ("images", "lines"):
        (fresh / f"experiments/{file}.yaml").unlink()
    for optimizer, (update, rates) in RATES.items():
        for place, rate in zip(("low", "middle", "high"), rates, strict=True):
            fresh.append("recipes.yaml", RECIPE.format(name=f"{optimizer}_{place}", update=update, rate=rate))
    (fresh / "experiments/rates.yaml").write_text(EXPERIMENT)
    fresh.study()
    table = pd.read_csv(fresh / "results/tiny/figures/rates-which_optimizer.csv")
    counts = table[table["kind"] == "taken"]
    assert counts["value"].sum() == 18 and counts["name"].tolist() == ["sgd", "sgd", "adam", "adam"]
    dropped = table[table["kind"] == "dropped"]
    assert dropped["value"].tolist() == [0, 0] and dropped["runs"].tolist() == [9, 9]
    assert "path_length.passes" in table.loc[table["kind"] == "excluded", "name"].tolist()
    report = (fresh / "results/tiny/report.html").read_text()
    assert report.count('id="figure-rates-which_optimizer"') == 1 and "No run is dropped" in report

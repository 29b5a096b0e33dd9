"""An optimizer in a file outside the project, from the command to its page; and what happens when it raises."""

import os

import pandas as pd
import pytest

from imprint import documents
from imprint.words import NOTHING_TO_DO

pytestmark = pytest.mark.slow

HERS = """
import torch


class MyOptimizer(torch.optim.Optimizer):
    fails_at = None

    def __init__(self, params, lr=0.3):
        super().__init__(params, {"lr": lr})
        self.steps = 0

    @torch.no_grad()
    def step(self, closure=None):
        self.steps += 1
        if self.steps == self.fails_at:
            raise LookupError("mine went wrong")
        for group in self.param_groups:
            for parameter in group["params"]:
                parameter.sub_(parameter.grad, alpha=group["lr"])


class Fails(MyOptimizer):
    fails_at = 6
"""
EXPERIMENT = """
title: What does it leave?
question: A search, a loss that is reached on the way, five seeds.
task:
  name: classification
  data: digits
  pool: 2
  limit: 200
  model: {{name: mlp, hidden: [{width}]}}
  batch_size: 50
recipes: {recipes}
search: {{settings: 3, seeds: 1, extend: 0}}
select:
  best: {{validation_loss: min}}
stop:
  {stop}
evaluate_every: 4
seeds: ["0-4"]
probes: {probes}
claims: {{}}
"""
LENGTH = "steps: {epochs: 12}\nsnapshots:\n  matched_loss: {train_loss: 2.1}"
TO_LOSS = "loss: {train_loss: 2.1, at_most: {epochs: 12}}"


@pytest.fixture(scope="module")
def hers(tmp_path_factory):
    """Her folder, which is not the project's."""
    folder = tmp_path_factory.mktemp("hers")
    (folder / "her_optimizer.py").write_text(HERS)
    return folder


def profile(project, hers, *arguments):
    path = os.pathsep.join([str(project / "src"), str(hers)])
    return project.imprint("profile", *arguments, PYTHONPATH=path)


@pytest.fixture(scope="module")
def made(shared, hers):
    """A project in which hers was profiled, and what the command said."""
    project = shared
    for file in ("images", "lines"):
        (project / f"experiments/{file}.yaml").unlink()
    digits = EXPERIMENT.format(width=8, stop=LENGTH, recipes="[sgd, adam, momentum]", probes="[performance, sparsity]")
    (project / "experiments/digits.yaml").write_text(digits)
    also = EXPERIMENT.format(width=6, stop=TO_LOSS, recipes="[sgd, momentum]", probes="[sparsity]")
    (project / "experiments/also.yaml").write_text(also)
    return project, profile(project, hers, "her_optimizer:MyOptimizer", "--lr", "0.05..1")


def stores(project) -> dict[str, int]:
    """Stored results of training and probing, with their times."""
    files = [file for stage in ("search", "select", "train", "probe") for file in project.stores(stage)]
    return {str(file): file.stat().st_mtime_ns for file in files}


def test_the_page_names_it_and_the_first_page_comes_before(made):
    project, done = made
    assert done.returncode == 0, done.stdout
    first = done.stdout.index(
        f"first page, digits alone: {project.folder}/results/profile_my_optimizer.digits/profile.html"
    )
    assert first < done.stdout.index(f"\npage: {project.folder}/results/profile_my_optimizer/profile.html")
    page = (project / "results/profile_my_optimizer/profile.html").read_text()
    assert "<code>my_optimizer</code>" in page and "update: her_optimizer:MyOptimizer" in page
    assert all(f'id="experiment-{name}"' in page for name in ("digits", "also")) and "://" not in page
    alone = (project / "results/profile_my_optimizer.digits/profile.html").read_text()
    assert 'id="experiment-digits"' in alone and 'id="experiment-also"' not in alone


def test_gradient_descent_under_another_name_is_found_nearest_to_gradient_descent(made):
    """Hers makes the same steps as sgd; its grid of rates is another, so its chosen rate may be."""
    project, _ = made
    table = pd.read_csv(project / "results/profile_my_optimizer/profile.csv")
    assert set(table["kind"]) == {"contrast", "resemblance"}
    near = table[(table["kind"] == "resemblance") & (table["experiment"] == "all")]
    assert near["other"].iloc[0] == "sgd" and near["estimate"].is_monotonic_increasing
    contrasts = table[table["kind"] == "contrast"]
    assert set(contrasts["other"]) == {"sgd", "adam"} and set(contrasts["matched"]) == {"loss", "passes"}
    assert contrasts.loc[contrasts["experiment"] == "also", "matched"].unique().tolist() == ["loss"]


def test_the_base_study_has_nothing_left_to_train_and_hers_are_not_its(made):
    project, _ = made
    assert not {"data", "recipe", "search", "select", "train", "probe"} & set(project.planned())


def test_a_second_time_there_is_nothing_to_do(made, hers):
    project, _ = made
    before = project.results()
    done = profile(project, hers, "her_optimizer:MyOptimizer", "--lr", "0.05..1")
    assert done.returncode == 0 and NOTHING_TO_DO in done.stdout
    assert project.results() == before


def test_an_optimizer_that_raises_in_the_middle(made, hers):
    """It passes its proof of three steps; the search ends with her traceback, and all else is as it was."""
    project, _ = made
    before, times = project.results(), stores(project)
    done = profile(project, hers, "her_optimizer:Fails", "--lr", "0.05..1")
    assert done.returncode == 1
    assert "fails raised an error in search digits fails; it is of her_optimizer:" in done.stdout
    said = done.stdout[done.stdout.rindex("Traceback (most recent call last):") :]
    assert f'File "{hers}/her_optimizer.py", line 16, in step' in said and "LookupError: mine went wrong" in said
    assert not (project / "results/profile_fails/profile.html").exists()
    assert "page: " not in done.stdout
    after = project.results()
    assert {name: after.get(name) for name in before} == before
    assert {file: time for file, time in stores(project).items() if file in times} == times
    assert documents.load(project / "results/profile_fails/profile.yaml")["base"] == "tiny"

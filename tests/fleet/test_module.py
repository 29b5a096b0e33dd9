"""The Lightning side: one optimizer step per batch, and an end when everybody is done."""

import pytest
import pytorch_lightning as pl
import torch
from fleet_example import fleet_of, small_task

from imprint.fleet import module
from imprint.fleet.recorder import Recorder

SGD = {"update": "torch.optim:SGD", "sees": "elements"}
MUON = {"update": "muon", "sees": "matrices", "rest": {"update": "torch.optim:Adam", "hyper": {"lr": 1e-3}}}


@pytest.fixture
def trainers(monkeypatch):
    """Every Lightning trainer that is built, with the batches that it handed out."""
    built = []

    class Watched(pl.Trainer):
        def __init__(self, **options):
            self.batches, self.calls = 0, []
            super().__init__(callbacks=[Counter()], **options)
            built.append(self)

    class Counter(pl.Callback):
        def on_train_batch_end(self, trainer, *_):
            trainer.batches += 1
            trainer.calls.append((trainer.global_step, trainer.lightning_module.fleet.step_count))

    monkeypatch.setattr(module.pl, "Trainer", Watched)
    return built


@pytest.mark.parametrize(
    "recipe", [SGD, {"update": "torch.optim:Adam"}, MUON], ids=["elements", "network", "two parts"]
)
def test_global_step_equals_batches(trainers, recipe):
    fleet = fleet_of(small_task(), recipe, [{"lr": 0.01}, {"lr": 0.02}], [0, 1])
    module.fit(fleet, Recorder(fleet, {"steps": 17}, {}, 5))
    (trainer,) = trainers
    assert trainer.global_step == trainer.batches == fleet.step_count == 17
    assert trainer.calls == [(step, step) for step in range(1, 18)]
    assert trainer.lightning_module.automatic_optimization is False
    assert len(trainer.optimizers) == 1 and trainer.optimizers[0].fleet is fleet


def test_one_backward_pass_per_batch(trainers, monkeypatch):
    fleet = fleet_of(small_task(), SGD)
    right, made = torch.autograd.grad, []
    monkeypatch.setattr(torch.autograd, "grad", lambda *arguments: made.append(1) or right(*arguments))
    module.fit(fleet, Recorder(fleet, {"steps": 9}, {}, 3))
    assert len(made) == trainers[0].batches == fleet.passes.item() == 9


def test_it_ends_when_the_last_replica_has_left(trainers):
    fleet = fleet_of(small_task(), SGD, [{"lr": 0.1}], [0, 1])
    recorder = Recorder(fleet, {"train_loss": 1e3, "at_most": {"steps": 1000}}, {}, 5)
    module.fit(fleet, recorder)
    # holds at steps 0 and 5
    assert fleet.status_step.tolist() == [5, 5]
    assert trainers[0].global_step == trainers[0].batches == 5


def test_it_is_the_loop_by_hand():
    fleet, other = (fleet_of(small_task(), MUON, [{"lr": 0.01}], [0, 1]) for _ in range(2))
    recorder = Recorder(fleet, {"steps": 12}, {}, 4)
    module.fit(fleet, recorder)
    for _ in range(12):
        other.step()
    assert torch.equal(recorder.weights[recorder.names.index("final")], other.flat)


def test_cluster_variables_do_not_matter(monkeypatch, trainers):
    for name, value in {"SLURM_NTASKS": "4", "SLURM_JOB_ID": "1", "SLURM_JOB_NAME": "x", "SLURM_PROCID": "3"}.items():
        monkeypatch.setenv(name, value)
    fleet = fleet_of(small_task(), SGD)
    module.fit(fleet, Recorder(fleet, {"steps": 2}, {}, 2))
    assert trainers[0].world_size == 1 and trainers[0].global_step == 2

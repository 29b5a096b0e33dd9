"""Training on a machine that has Slurm."""

import os

from fleet_example import small_task, spec

from imprint.fleet.train import train

SGD = {"update": "torch.optim:SGD", "hyper": {"momentum": 0.5}, "sees": "elements"}


def test_that_srun_is_installed_is_no_warning(tmp_path, monkeypatch):
    srun = tmp_path / "srun"
    srun.write_text("#!/bin/sh\nexit 1\n")
    srun.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert (train(small_task(), spec(SGD, stop={"steps": 2}), [{"lr": 0.1}], [0])["status_step"] == 2).all()

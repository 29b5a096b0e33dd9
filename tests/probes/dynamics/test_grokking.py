"""Times to generalization on traces made by hand."""

import numpy as np
import pytest
import torch

from imprint.probes.dynamics.grokking import first_step, measure
from imprint.solution import Solution


def with_trace(solution, accuracy, steps):
    """The solution with another trace of validation accuracy, ``[setting, seed, evaluation]``."""
    data = solution.data.drop_dims("evaluation")
    about = {"long_name": "for a test", "units": "1"}
    values = np.broadcast_to(accuracy, (2, 3, len(steps))).copy()
    data = data.assign(validation_accuracy=(("setting", "seed", "evaluation"), values, about))
    return Solution(data.assign_coords(step=("evaluation", steps)))


@pytest.fixture
def planted(fleet):
    """Snapshots at 0, 10 and 20; the accuracy reaches 0.95 at 15, and falls again."""
    solution, task = fleet()
    return with_trace(solution, [0.1, 0.2, 0.949, 0.95, 0.3], [0, 5, 10, 15, 20]), task


def test_a_planted_time(planted):
    measured = measure(*planted).isel(setting=0, seed=0)
    assert measured["time"].values.tolist() == [0, 10, 15]
    assert measured["reached"].values.tolist() == [0, 0, 1]
    assert measured["best"].values.tolist() == [0.1, 0.949, 0.95]


def test_a_lower_threshold_is_reached_earlier(planted):
    measured = measure(*planted, accuracy=0.2).isel(setting=0, seed=0)
    assert measured["time"].values.tolist() == [0, 5, 5]


def test_evaluations_that_did_not_happen_do_not_count(planted):
    solution, task = planted
    data = solution.data.copy(deep=True)
    data["validation_accuracy"][0, 0, 3] = np.nan
    measured = measure(Solution(data), task)
    assert measured["time"].sel(snapshot="final")[0].values.tolist() == [20, 15, 15]
    assert measured["reached"].sel(snapshot="final")[0].values.tolist() == [0, 1, 1]


def test_against_a_loop():
    generator = torch.Generator().manual_seed(0)
    accuracy = torch.rand(40, 12, generator=generator)
    steps, ends = 7 * torch.arange(12), torch.randint(0, 80, (40,), generator=generator)
    for row in range(40):
        hits = [s for s, a in zip(steps.tolist(), accuracy[row].tolist(), strict=True) if a >= 0.8 and s <= ends[row]]
        expected = min(hits, default=ends[row].item())
        assert first_step(accuracy, steps, ends, 0.8)[row].item() == expected


@pytest.mark.parametrize("accuracy", [0.0, 1.5])
def test_a_threshold_is_an_accuracy(planted, accuracy):
    with pytest.raises(ValueError, match="accuracy=.*above 0, at most 1"):
        measure(*planted, accuracy=accuracy)

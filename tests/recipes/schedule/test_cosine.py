"""Cosine decay: its ends, torch's own, its warmup."""

import pytest
import torch

from imprint.recipes.schedule.cosine import multiplier


@pytest.mark.parametrize("final", [0.0, 0.1])
def test_against_torch(final):
    update = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(update, T_max=50, eta_min=final)
    for step in range(1, 51):
        # torch multiplies up fifty factors
        assert multiplier(step, 50, final=final) == pytest.approx(update.param_groups[0]["lr"], abs=1e-12)
        update.step()
        schedule.step()


def test_ends_and_middle():
    assert multiplier(1, 100, final=0.2) == 1
    assert multiplier(51, 100, final=0.2) == pytest.approx(0.6, abs=1e-15)
    assert multiplier(101, 100, final=0.2) == multiplier(500, 100, final=0.2) == 0.2


def test_warmup_rises_to_one_and_the_decay_begins_there():
    assert [multiplier(step, 100, warmup=0.04) for step in range(1, 6)] == [0.25, 0.5, 0.75, 1, 1]
    found = [multiplier(step, 100, warmup=0.04) for step in range(5, 102)]
    assert all(later < earlier for earlier, later in zip(found, found[1:], strict=False))
    # no step is larger than the steepest slope, pi / 2 per whole decay
    assert max(a - b for a, b in zip(found, found[1:], strict=False)) <= 1.5708 / 96


def test_one_step_has_the_whole_rate():
    assert multiplier(1, 1) == 1

"""Linear decay: its ends, torch's own, its warmup."""

import pytest
import torch

from imprint.recipes.schedule.linear import multiplier


@pytest.mark.parametrize("final", [0.0, 0.1])
def test_against_torch(final):
    update = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule = torch.optim.lr_scheduler.LinearLR(update, start_factor=1.0, end_factor=final, total_iters=50)
    for step in range(1, 51):
        # torch multiplies up fifty factors
        assert multiplier(step, 50, final=final) == pytest.approx(update.param_groups[0]["lr"], abs=1e-12)
        update.step()
        schedule.step()


def test_ends_and_warmup():
    found = [multiplier(step, 8, warmup=0.5) for step in range(1, 10)]
    assert found == [0.25, 0.5, 0.75, 1, 1, 0.75, 0.5, 0.25, 0]
    assert multiplier(100, 8, final=0.5) == 0.5


def test_one_step_has_the_whole_rate():
    assert multiplier(1, 1) == 1


@pytest.mark.parametrize("warmup", [1.0, -0.1])
def test_a_warmup_that_leaves_nothing_is_refused(warmup):
    with pytest.raises(ValueError, match=rf"warmup {warmup} is not a fraction in \[0, 1\)"):
        multiplier(1, 8, warmup=warmup)

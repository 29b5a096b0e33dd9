"""Shortened number formats are off unless they are asked for."""

import pytest
import torch
from fleet_example import small_task, spec

from imprint.fleet.arithmetic import arithmetic
from imprint.fleet.train import train

ADAM = {"update": "torch.optim:Adam", "sees": "elements"}


@pytest.mark.parametrize("allow", [[], ["tf32"]])
def test_tensor_cores_round_only_where_they_may(allow):
    before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    with arithmetic(allow, "cpu"):
        now = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    assert now == (bool(allow),) * 2
    assert before == (torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32)


def test_half_precision_is_what_was_asked_for():
    task = small_task(precision="float32")
    plain, same, short = (
        train(task, spec(ADAM, allow=allow), [{"lr": 0.01}], [0]) for allow in ([], ["tf32"], ["bfloat16"])
    )
    loss = [found["train_loss"].values[0, 0] for found in (plain, same, short)]
    assert plain.identical(same)  # on a CPU there is no TF32
    assert (loss[0][1:] != loss[2][1:]).all()
    # bfloat16 keeps 8 bits: 0.4 % of every product
    torch.testing.assert_close(torch.as_tensor(loss[0]), torch.as_tensor(loss[2]), rtol=0.03, atol=0)

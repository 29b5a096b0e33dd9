"""Means of the latest checkpoints."""

import pytest
import torch
from parts_example import numbers

from imprint.recipes.averaging.checkpoints import average, begin


@pytest.mark.parametrize(("every", "last"), [(1, 1), (3, 2), (4, 10), (5, 3)])
def test_the_mean_of_the_latest(every, last):
    path = numbers(31, 2, 3)
    memory = begin(path[0])
    for step in range(1, 31):
        memory = average(memory, path[step], step, every=every, last=last)
        taken = path[every : step + 1 : every][-last:]
        expected = taken.mean(0) if len(taken) else path[step]
        torch.testing.assert_close(memory["average"], expected, rtol=0, atol=1e-15)
        assert memory["checkpoints"].shape[1] <= last


@pytest.mark.parametrize("options", [{"every": 0}, {"every": 1, "last": 0}])
def test_what_cannot_be_is_refused(options):
    with pytest.raises(ValueError, match="must be at least 1"):
        average(begin(numbers(1, 2)), numbers(1, 2), 1, **options)

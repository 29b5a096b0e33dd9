"""Means of late iterates."""

import pytest
import torch
from parts_example import numbers

from imprint.recipes.averaging.swa import average, begin


@pytest.mark.parametrize(("start", "every"), [(1, 1), (5, 1), (5, 3), (30, 1)])
def test_the_mean_of_the_iterates_that_count(start, every):
    path = numbers(21, 2, 3)
    memory = begin(path[0])
    for step in range(1, 21):
        memory = average(memory, path[step], step, start=start, every=every)
        counted = path[start : step + 1 : every]
        if step < start or len(counted) == 1 and step == start:
            assert torch.equal(memory["average"], path[step])
        else:
            torch.testing.assert_close(memory["average"], counted.mean(0), rtol=0, atol=1e-14)


@pytest.mark.parametrize("options", [{"start": 0}, {"start": 1, "every": 0}])
def test_what_cannot_be_is_refused(options):
    with pytest.raises(ValueError, match="must be at least 1"):
        average(begin(numbers(1, 2)), numbers(1, 2), 1, **options)

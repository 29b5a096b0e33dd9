import numpy as np
import pytest

from imprint.tasks import bilevel


def test_every_split_has_the_same_loss():
    data = bilevel.build()
    residuals = np.array([0.7, -1.9])
    for split in ("train", "validation", "test"):
        # an orthogonal turn of two numbers: a few roundings
        assert np.square(data[f"x_{split}"].values @ residuals).sum() == pytest.approx(0.7**2 + 1.9**2, rel=1e-14)


def test_training_reads_one_residual_at_a_time():
    np.testing.assert_array_equal(bilevel.build()["x_train"], np.eye(2))


@pytest.mark.parametrize("turn", [0.0, 0.8])
def test_turns_that_repeat_examples_are_refused(turn):
    with pytest.raises(ValueError, match=f"turn={turn}: choose between 0 and pi/4"):
        bilevel.build(turn=turn)

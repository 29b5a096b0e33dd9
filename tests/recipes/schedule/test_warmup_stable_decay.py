"""Warmup, plateau and cooldown: their ends, shapes and joints."""

import math

import pytest

from imprint.recipes.schedule.warmup_stable_decay import SHAPES, cooldown, multiplier, warmed


@pytest.mark.parametrize("shape", SHAPES)
def test_shapes_fall_from_one_to_zero(shape):
    assert cooldown(0.0, shape) == 1
    assert cooldown(1.0, shape) == pytest.approx(0, abs=1e-16)
    found = [cooldown(place / 100, shape) for place in range(101)]
    assert all(later < earlier for earlier, later in zip(found, found[1:], strict=False))


def test_shapes_at_a_quarter():
    found = [cooldown(0.25, shape) for shape in ("linear", "cosine", "sqrt")]
    assert found == pytest.approx([0.75, (1 + math.sqrt(0.5)) / 2, 0.5], rel=1e-15)


def test_the_three_stages():
    found = [multiplier(step, 10, warmup=0.2, decay=0.4, shape="linear") for step in range(1, 12)]
    assert found == [0.5, 1, 1, 1, 1, 1, 1, 0.75, 0.5, 0.25, 0]


@pytest.mark.parametrize("shape", SHAPES)
def test_nothing_jumps(shape):
    length = 10_000
    found = [multiplier(step, length, warmup=0.1, decay=0.3, shape=shape) for step in range(1, length + 2)]
    jumps = [abs(a - b) for a, b in zip(found, found[1:], strict=False)]
    assert max(jumps[:1000]) == pytest.approx(1 / 1000, rel=1e-9)
    assert not any(jumps[1000:7000])
    # the steepest slopes: the square root's first step, the cosine's middle
    steepest = {"linear": 1 / 3000, "cosine": math.pi / 2 / 3000, "sqrt": math.sqrt(1 / 3000)}
    assert max(jumps[7000:]) == pytest.approx(steepest[shape], rel=1e-4)
    assert found[-1] == pytest.approx(0, abs=1e-16)


def test_without_warmup_and_cooldown_it_is_constant():
    assert {multiplier(step, 10, decay=0.0) for step in range(1, 20)} == {1.0}


def test_all_of_it_may_cool_down_and_fractions_may_add_to_one():
    assert [multiplier(step, 4, decay=1.0, shape="linear") for step in range(1, 5)] == [1, 0.75, 0.5, 0.25]
    assert multiplier(80, 100, warmup=0.8, decay=0.2) == 1  # 1 - 0.8 < 0.2 by a rounding


def test_a_short_training_that_only_warms_up():
    assert warmed(3, 3, 0.9) == (1.0, 0.0)
    assert warmed(4, 3, 0.9) == (1.0, 0.0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"shape": "step"}, "shape 'step' is not one of linear, cosine, sqrt"),
        ({"warmup": -0.1}, r"warmup -0.1 is not a fraction"),
        ({"decay": -0.1}, r"decay -0.1 is not a fraction"),
        ({"warmup": 0.5, "decay": 0.6}, r"decay 0.6 is not a fraction in \[0, 1 - warmup = 0.5\]"),
    ],
)
def test_what_cannot_be_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        multiplier(1, 10, **options)

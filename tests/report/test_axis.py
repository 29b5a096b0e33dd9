"""The axis of all verdicts: order, ends, zones."""

import numpy as np
import pytest

from imprint.report.axis import Axis

ROW = {"expect": "greater_by 0.1", "estimate": 0.2, "low": 0.1, "high": 0.3, "sd": 0.05}


def test_places_rise_and_are_the_same_on_both_sides():
    axis = Axis(1000.0)
    places = [axis.place(value) for value in (-2000, -1000, -10, -1, -0.5, 0, 0.5, 1, 10, 1000)]
    assert places == sorted(places) and places[0] == places[1] == 0.0 and places[-1] == 100.0
    assert [axis.place(-v) + axis.place(v) for v in (0.3, 1, 7, 300)] == pytest.approx([100] * 4, abs=0.11)
    assert axis.place(0.5) - 50 == pytest.approx(
        (axis.place(1) - 50) / 2, abs=0.06
    )  # linear inside; places are rounded


@pytest.mark.parametrize(("estimate", "reach"), [(0.2, 10), (2.0, 100), (-30.0, 1000), (9999.0, 1000)])
def test_the_axis_reaches_as_far_as_the_effects_and_not_too_far(estimate, reach):
    assert Axis.of([ROW | {"estimate": estimate}]).reach == reach


def test_ticks_are_powers_of_ten_and_zero():
    assert [tick["says"] for tick in Axis(10.0).ticks] == ["−10", "−1", "0", "1", "10"]
    assert [tick["at"] for tick in Axis(10.0).ticks] == [0.0, 25.0, 50.0, 75.0, 100.0]


def test_a_strip_in_units_of_the_margin():
    axis = Axis(10.0)
    strip = axis.strip(ROW)
    assert strip["at"] == axis.place(2.0) and strip["interval"] == [axis.place(1.0), axis.place(3.0)]
    assert strip["zone"] == [50.0, 100.0] and strip["says"] == "2"


def test_right_is_as_the_claim_says():
    axis = Axis(10.0)
    less = axis.strip(ROW | {"expect": "less_by 0.1"})
    assert less["at"] == axis.place(-2.0) and less["interval"] == [axis.place(-3.0), axis.place(-1.0)]
    assert axis.strip(ROW | {"expect": "equal_within 0.1"})["zone"] == [25.0, 75.0]


def test_what_was_not_estimated_is_not_drawn_and_what_was_not_tested_has_no_interval():
    missing = ROW | {"low": np.nan, "high": np.nan}
    assert Axis(10.0).strip(missing)["interval"] == []
    assert Axis(10.0).strip(missing | {"estimate": np.nan}) is None

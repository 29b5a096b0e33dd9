"""A drawing's SVG: equal bytes although the layout's last digits may differ, and every clip defined once."""

import re

import pytest

from imprint.figures import style


@style.styled
def drawing(shift=0.0, sides=1):
    """Panels with a clipped line each, moved aside by so many parts of the width."""
    figure = style.figure(4, 3)
    figure.set_layout_engine("none")
    for side in range(sides):
        ax = figure.add_axes([0.1 + shift * (side + 1), 0.2, 0.7, 0.6])
        ax.plot([0, 1], [0, side + 1])
        ax.set(xlim=(0.2, 0.8))
    return figure


def test_the_last_digits_of_the_layout_are_not_in_the_bytes():
    assert style.as_svg(drawing(1e-14)) == style.as_svg(drawing())


def test_another_place_is_another_clip():
    names = [set(re.findall(r'clipPath id="(\w+)"', style.as_svg(drawing(shift)))) for shift in (0, 0.01)]
    assert len(names[0]) == len(names[1]) == 1 and names[0] != names[1]


@pytest.mark.parametrize(("shift", "clips"), [(0, 1), (1e-14, 1), (0.01, 2)])
def test_each_clip_that_is_used_is_defined_once(shift, clips):
    text = style.as_svg(drawing(shift, sides=2))
    defined = re.findall(r'clipPath id="(\w+)"', text)
    assert len(defined) == len(set(defined)) == clips
    assert set(re.findall(r'clip-path="url\(#(\w+)\)"', text)) == set(defined)

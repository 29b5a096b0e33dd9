"""Figures inside a page: what goes, what stays, and that nothing moves that one could see."""

import re

import numpy as np
import pytest

from imprint.figures import style
from imprint.report import inline

SVG = (
    '<?xml version="1.0"?><!DOCTYPE svg><svg xmlns="http://www.w3.org/2000/svg" '
    'xmlns:xlink="http://www.w3.org/1999/xlink" width="72pt" version="1.1">'
    '<metadata><a/></metadata><defs><style type="text/css">*{}</style></defs>%s</svg>'
)


def shown(content, says=""):
    """The inline form of a drawing."""
    return inline.inline(SVG % content, "k", says)


def test_references_keep_their_aims_under_other_names():
    found = shown(
        '<defs><path id="m1" d="M 0 0"/><clipPath id="p"/></defs>'
        '<g id="a"><use xlink:href="#m1" clip-path="url(#p)"/><image href="data:image/png;base64,#+/="/></g>'
    )
    assert found == (
        '<svg width="72pt" id="k"><defs><path d="M 0 0" id="k-0" /><clipPath id="k-1" /></defs>'
        '<use href="#k-0" clip-path="url(#k-1)" /><image href="data:image/png;base64,#+/=" /></svg>'
    )


def test_neutral_colours_become_the_pages_ink():
    found = shown(f'<path style="fill: {style.INK}; stroke: {style.FAINT}" stroke="#123456"/>')
    assert 'style="fill: var(--ink); stroke: var(--faint)"' in found and 'stroke="#123456"' in found


def test_styles_that_repeat_are_said_once_and_hold_in_this_figure_alone():
    found = shown('<path style="fill: red"/><path style="fill: red"/><path style="fill: blue"/>')
    assert "<style>#k .s0{fill: red}</style>" in found
    assert found.count('class="s0"') == 2 and found.count('style="fill: blue"') == 1


def test_groups_that_say_nothing_go_and_those_that_say_something_stay():
    found = shown('<g id="x">\n <g transform="translate(1 2)"><path d="M 0 0"/></g>\n<g/></g>')
    assert found == '<svg width="72pt" id="k"><g transform="translate(1 2)"><path d="M 0 0" /></g></svg>'


def test_words_stay_as_they_are():
    found = shown('<text x="1.25" transform="rotate(-0 1.2 3.4)">a <tspan>0.123456</tspan> b &amp; c</text>')
    assert "<text x=" in found and ">a <tspan>0.123456</tspan> b &amp; c</text>" in found and "rotate" not in found


def test_it_is_an_image_that_says_what_it_shows():
    assert 'role="img" aria-label="What &quot;it&quot; shows &amp; why."' in shown("<path/>", 'What "it" shows & why.')


@pytest.mark.parametrize(
    ("path", "short"), [("M 10.04 -0.01\nL 1e-05 200.96", "M 10 0 L 0 201"), ("M 100 20", "M 100 20")]
)
def test_places_are_rounded(path, short):
    assert f'd="{short}"' in shown(f'<path d="{path}"/>')


def test_a_factor_is_no_place():
    assert 'transform="translate(1.25 2) scale(0.015625)"' in shown(
        '<g transform="translate(1.25 2) scale(0.015625)"><path/></g>'
    )


def test_a_marker_is_drawn_finer_than_where_it_stands():
    found = shown('<defs><path id="m" d="M 0.123 0.456"/></defs><use xlink:href="#m" x="1.26"/>')
    assert 'd="M 0.12 0.46"' in found and 'x="1.3"' in found


@style.styled
def drawing():
    """A figure with lines, markers, cells and a clip."""
    figure = style.figure(4, 3)
    ax = figure.subplots()
    random = np.random.default_rng(0)
    ax.plot(random.normal(size=400).cumsum(), marker="o")
    ax.pcolormesh(random.normal(size=(4, 400)))
    ax.set_title("Some title & more")
    return figure


def test_a_real_figure_is_much_shorter_and_no_place_moves_by_a_tenth_of_a_point(tmp_path):
    style.save(drawing(), tmp_path / "a.svg", tmp_path / "a.png")
    text = (tmp_path / "a.svg").read_text(encoding="utf-8")
    found = inline.inline(text, "k")
    assert len(found) < 0.7 * len(text)
    uses = [np.array(re.findall(r'<use [^>]*?x="([-\d.]+)" y="([-\d.]+)"', each), float) for each in (text, found)]
    assert len(uses[0]) > 400 and np.abs(uses[0] - uses[1]).max() <= 0.05 + 1e-9  # half of the last digit kept
    assert "Some title &amp; more" in found


def test_width_in_pixels():
    assert inline.width(SVG % "") == 96  # a point is 4/3 CSS pixels


def test_packing_is_the_same_at_any_time(tmp_path):
    (tmp_path / "a.csv").write_text("a,b\n1,2\n" * 100)
    first = inline.packed(tmp_path / "a.csv")
    (tmp_path / "a.csv").touch()
    assert inline.packed(tmp_path / "a.csv") == first and len(first) < 100

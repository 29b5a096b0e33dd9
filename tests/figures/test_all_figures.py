"""Every file of the folder is a figure that draws, on the example study and on awkward parts of it."""

import ast
import functools
import os
import subprocess
import sys
from pathlib import Path

import atlas_example
import matplotlib
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from imprint.claims import design, settings
from imprint.figures import frames, render, style

pytestmark = pytest.mark.filterwarnings("error")
EXPERIMENTS = {
    "digits": atlas_example.digits,
    "forgetting": atlas_example.forgetting,
    "slabs": atlas_example.slabs,
    "margins": atlas_example.margins,
    "rare": atlas_example.rare,
    "sparsity": atlas_example.sparsity,
    "clones": atlas_example.clones,
    "easy_hard": atlas_example.easy_hard,
    "patches": atlas_example.patches,
    "sprites": atlas_example.sprites,
}


def cases():
    """(figure, experiment) as planning pairs them; an empty experiment is the whole study."""
    specs = {spec["name"]: spec for spec in atlas_example.experiments()}
    for name in render.names():
        module = render.module(name)
        if module.SCOPE == "study":
            yield name, ""
            continue
        for experiment, spec in specs.items():
            best = any({"min", "max"} & set(rule.values()) for rule in spec["select"].values())
            searched = spec["select"] or not getattr(module, "SEARCH", False)
            searched = searched and (best or not getattr(module, "ALIKE", False))
            searched = searched and (spec.get("search") or not getattr(module, "SEARCHED", False))
            shown = module.SCOPE != "tasks" or design.drawn(specs, experiment)
            told = not hasattr(module, "SETTINGS") or settings.matched_loss(spec["snapshots"])
            told = told and len(settings.by_optimizer(spec["recipes"], getattr(module, "SETTINGS", 1))) > 1
            told = told and len(spec["recipes"]) >= getattr(module, "RECIPES", 0)
            if searched and shown and told and set(module.PROBES) <= set(spec["probes"]):
                yield name, experiment


CASES = list(cases())
FIRST = list({name: (name, experiment) for name, experiment in reversed(CASES) if experiment}.values())


def given(name, specs, experiment):
    """What a figure is given of the specs: an experiment, the tasks that share its design, or all."""
    if render.module(name).SCOPE == "tasks":
        return [specs[task] for task in design.related(specs, experiment)]
    return specs[experiment] if experiment else list(specs.values())


def drawn(name, atlas, claims, spec):
    """The figure and the texts that it really paints."""
    figure = render.module(name).draw(atlas, claims, spec)
    canvas = FigureCanvasAgg(figure)
    painted = []
    paint = Text.draw

    def record(text, renderer, *args, **kwargs):
        if text.get_visible() and text.get_text().strip():
            painted.append(text)
        return paint(text, renderer, *args, **kwargs)

    Text.draw = record
    try:
        with matplotlib.rc_context(style.LOOK):
            canvas.draw()
    finally:
        Text.draw = paint
    return figure, list(dict.fromkeys(painted)), canvas.get_renderer()


@pytest.fixture(scope="module")
def painted(study):
    """`drawn` of the example study, once per figure and experiment."""
    atlas, claims, specs = study

    @functools.cache
    def paint(name, experiment):
        return drawn(name, atlas, claims, given(name, specs, experiment))

    return paint


def letters(text, renderer):
    """Box of a text without the blank lines above its first words."""
    box, lines = text.get_window_extent(renderer), text.get_text().split("\n")
    blank = next(i for i, line in enumerate(lines) if line.strip())
    return Bbox([[box.x0, box.y0], [box.x1, box.y1 - box.height * blank / len(lines)]])


@pytest.mark.parametrize("name", render.names())
def test_declares_what_planning_reads_without_importing(name):
    tree = ast.parse(Path(render.module(name).__file__).read_text(encoding="utf-8"))
    found = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and node.targets[0].id in ("PROBES", "SCOPE", "TITLE", "CAPTION"):
            found[node.targets[0].id] = ast.literal_eval(node.value)
    assert set(found) == {"PROBES", "SCOPE", "TITLE", "CAPTION"}
    assert isinstance(found["PROBES"], tuple) and found["SCOPE"] in ("experiment", "tasks", "study")
    assert found["CAPTION"].endswith(".") and len(found["CAPTION"]) > 80


@pytest.mark.parametrize(("name", "experiment"), CASES)
def test_texts_are_inside_and_apart(painted, name, experiment):
    figure, texts, renderer = painted(name, experiment)
    boxes = [(text, letters(text, renderer)) for text in texts]
    assert len(boxes) > 5
    width, height = figure.bbox.width, figure.bbox.height
    for text, box in boxes:  # one pixel for rounding
        inside = box.x0 >= -1 and box.y0 >= -1 and box.x1 <= width + 1 and box.y1 <= height + 1
        assert inside, f"{text.get_text()!r} is cut"
    upright = [(text, box) for text, box in boxes if text.get_rotation() % 90 == 0]
    for i, (one, a) in enumerate(upright):
        for other, b in upright[i + 1 :]:
            wide = min(a.x1, b.x1) - max(a.x0, b.x0)
            tall = min(a.y1, b.y1) - max(a.y0, b.y0)
            # line boxes reach past the letters by a fifth of their height; two pixels sideways are rounding
            touching = wide > 2 and tall > 0.25 * min(a.height, b.height)
            assert not touching, f"{one.get_text()!r} over {other.get_text()!r}"


@pytest.mark.slow
@pytest.mark.parametrize("awkward", ["one recipe", "one seed", "nothing finished", "an unknown recipe"])
@pytest.mark.parametrize(("name", "experiment"), FIRST)
def test_awkward_input_draws(study, name, experiment, awkward):
    spec = dict(study[2][experiment])
    recipes, seeds = spec["recipes"][:3], spec["seeds"]
    if awkward == "one recipe":
        recipes = recipes[:1]
    elif awkward == "one seed":
        seeds = [0]
    elif awkward == "an unknown recipe":
        recipes = [*recipes[:2], "her_own_optimizer_with_a_long_name"]
    groups = EXPERIMENTS[experiment](np.random.default_rng(1), list(recipes), seeds)
    if awkward == "nothing finished":
        groups = {key: data * np.nan for key, data in groups.items()}
    atlas = atlas_example.tree({experiment: groups})
    spec |= {"recipes": list(recipes), "seeds": seeds}
    figure, texts, _ = drawn(name, atlas, study[1].iloc[:0], given(name, {experiment: spec}, experiment))
    assert texts
    if awkward == "an unknown recipe" and name != "variance_shares":  # which names no recipe
        assert any("her_own_" in text.get_text() for text in texts)
    if awkward == "nothing finished":
        assert len(texts) == 1 and texts[0].get_text().endswith((".", "beforehand."))


def test_no_claims_is_said_in_words(study):
    atlas, claims, specs = study
    _, texts, _ = drawn("verdicts", atlas, claims.iloc[:0], list(specs.values()))
    assert [text.get_text() for text in texts] == ["No claim is declared."]


def test_a_recipe_missing_in_one_mode_is_named_there(painted):
    _, texts, _ = painted("seeds", "digits")
    words = [text.get_text() for text in texts]
    assert (
        words.count("no replica") == sum(word.endswith("\nmatched loss") for word in words) > 0
    )  # shampoo, in every panel of that mode
    assert "7/8" in words  # lion, seed 3 diverged


@pytest.mark.parametrize(("name", "experiment"), CASES)
def test_a_recipe_has_one_colour_and_marker(study, painted, name, experiment):
    figure, specs = painted(name, experiment)[0], study[2]
    known = {name: style.recipe(name) for spec in specs.values() for name in spec["recipes"]}
    entries = [handle for legend in figure.legends for handle in legend.legend_handles]
    for handle in entries:
        if handle.get_label() in known:
            assert (handle.get_color(), handle.get_marker()) == known[handle.get_label()]
    titles = [ax.title for ax in figure.axes] + [ax._left_title for ax in figure.axes]
    for title in titles:
        if title.get_text() in known:
            assert title.get_color() == known[title.get_text()][0]
    if name in ("seeds", "randomized_auc"):
        for ax in figure.axes:
            if not ax.get_visible():
                continue
            rows = {y: label.get_text() for y, label in enumerate(ax.get_yticklabels())}
            for line in ax.lines:
                marker, y = line.get_marker(), np.asarray(line.get_ydata(), float)
                if marker not in ("None", "") and len(y) == 1 and y[0] in rows and rows[y[0]]:
                    assert (line.get_color(), marker) == known[rows[y[0]]]


@pytest.mark.parametrize(("name", "experiment"), [("verdicts", ""), ("randomized_auc", "slabs")])
def test_equal_inputs_give_equal_bytes(study, tmp_path, name, experiment):
    atlas, claims, specs = study
    spec = specs[experiment] if experiment else list(specs.values())
    files = [[tmp_path / f"{k}.{end}" for end in ("svg", "png", "csv")] for k in (1, 2)]
    for three in files:
        render.render(name, atlas, claims, spec, *three)
    for one, other in zip(*files, strict=True):
        assert one.read_bytes() == other.read_bytes()
    svg = files[0][0].read_text(encoding="utf-8")
    assert "<text" in svg and "<dc:date>" not in svg and "Matplotlib v" not in svg


def test_equal_bytes_in_another_process(study, tmp_path):
    atlas, claims, specs = study
    render.render("margin_ratio", atlas, claims, specs["margins"], tmp_path / "a.svg", tmp_path / "a.png")
    code = (
        "import atlas_example as e; from imprint.figures.render import render; x = e.experiments()[3];"
        "render('margin_ratio', e.atlas(), e.claims(), x, 'b.svg', 'b.png')"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent), "PYTHONHASHSEED": "7"}
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, check=True)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_png_is_transparent(study, tmp_path):
    atlas, claims, specs = study
    render.render("margin_ratio", atlas, claims, specs["margins"], tmp_path / "a.svg", tmp_path / "a.png")
    image = matplotlib.image.imread(tmp_path / "a.png")
    assert image[0, 0, 3] == 0 and image[..., 3].max() == 1


def test_unknown_figure_names_those_that_exist():
    with pytest.raises(ValueError, match="no figure 'verdict'.*verdicts"):
        render.module("verdict")


def test_missing_probe_and_variable_are_named(study):
    atlas, claims, specs = study
    with pytest.raises(KeyError, match="no group /digits/margins.*performance"):
        render.module("margin_ratio").data(atlas, claims, specs["digits"])
    with pytest.raises(KeyError, match="/margins/margins lacks.*ratios.*bound"):
        frames.required(atlas, "margins", "margins", ("ratios",))

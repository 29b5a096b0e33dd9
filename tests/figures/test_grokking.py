"""The grokking figure shows every seed's curve and its time."""

import atlas_example
import numpy as np
import pytest
import xarray as xr
from matplotlib.backends.backend_agg import FigureCanvasAgg

from imprint.figures import grokking, render, style

RECIPES = ["perp_prieto", "adam_prieto"]
SPEC = {"name": "grokking", "recipes": RECIPES, "seeds": list(range(4)), "stop": {"steps": {}}, "select": {}}
STEPS = np.arange(0, 310, 10)


def atlas(recipes=RECIPES, seeds=4, curves=True):
    """The first recipe generalizes around step 150, the others never do."""
    base = {"stop": ["steps"], "select": ["fixed"], "recipe": list(recipes), "seed": range(seeds)}
    middle = 150 + 5.0 * np.arange(seeds)
    rising = 1 / (1 + np.exp(-(STEPS - middle[:, None]) / 12))
    accuracy = np.stack([rising if place == 0 else 0.01 + 0 * rising for place in range(len(recipes))])[None, None]
    there = accuracy >= 0.95
    time = np.where(there.any(-1), STEPS[there.argmax(-1)], 300).astype(float)
    final = {**base, "snapshot": ["init", "final"]}
    measured = {"time": time, "reached": there.any(-1).astype(float)}
    probe = {name: (tuple(final), np.stack([0 * value, value], -1)) for name, value in measured.items()}
    groups = {"grokking": xr.Dataset(probe, final)}
    if curves:
        axes = {**base, "step": STEPS}
        groups["trace"] = xr.Dataset({"validation_accuracy": (tuple(axes), accuracy)}, axes)
    return atlas_example.tree({"grokking": groups})


def lines(figure):
    FigureCanvasAgg(figure).draw()
    return [line for ax in figure.axes for line in ax.lines]


def test_every_seed_has_a_curve_and_a_time():
    found = lines(grokking.draw(atlas(), None, SPEC))
    curves = [line for line in found if len(line.get_xdata()) == len(STEPS)]
    times = [line for line in found if len(line.get_xdata()) == 1]
    assert len(curves) == 8 and len(times) == 8
    colours = {name: style.recipe(name)[0] for name in RECIPES}
    never = [line for line in times if line.get_markerfacecolor() == "none"]
    assert {line.get_color() for line in never} == {colours["adam_prieto"]}
    assert all(line.get_xdata()[0] == 300 for line in never)
    expected = atlas()["grokking/grokking"]["time"].sel(recipe="perp_prieto", snapshot="final").values.ravel()
    there = [line.get_xdata()[0] for line in times if line.get_color() == colours["perp_prieto"]]
    assert sorted(there) == sorted(expected) and max(there) < 300


@pytest.mark.parametrize("made", [{"seeds": 1}, {"recipes": ["adam_prieto"]}, {"curves": False}])
def test_awkward_input_draws(made):
    figure = grokking.draw(atlas(**made), None, SPEC)
    assert bool(lines(figure)) == made.get("curves", True)


def test_it_is_drawn_by_name(tmp_path):
    files = [tmp_path / f"a.{end}" for end in ("svg", "png", "csv")]
    render.render("grokking", atlas(), None, SPEC, *files)
    assert all(file.stat().st_size for file in files)

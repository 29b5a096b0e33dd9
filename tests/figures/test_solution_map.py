"""The map of solutions: places of known distances, seeds around their recipe, names apart."""

import itertools

import atlas_example
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy.spatial.distance import pdist, squareform
from test_all_figures import drawn

from imprint.figures import apart, render, solution_map, style

CLOSE = 2e-3  # of the largest distance: iterations end where the stress gains less than 1e-7 of the squared distances
RECIPES = ["sgd", "adam", "muon", "lion"]
SQUARE = np.array([[0.0, 0.0], [3.0, 0.0], [3.0, 1.0], [0.0, 1.0]])


def group(values, recipes=RECIPES, snapshots=("final",)):
    """Dataset of a probe: ``{measure: [recipe, seed, snapshot]}``."""
    arrays = {name: np.asarray(value, float) for name, value in values.items()}
    seeds = next(iter(arrays.values())).shape[1]
    coords = {"stop": ["steps"], "select": ["fixed"], "recipe": recipes, "seed": range(seeds), "snapshot": [*snapshots]}
    return xr.Dataset({name: (tuple(coords), value[None, None]) for name, value in arrays.items()}, coords)


def tables(probes, recipes=RECIPES, snapshots=("final",)):
    """What the figure shows of probes ``{name: {measure: [recipe, seed, snapshot]}}``: recipes' places, and all."""
    groups = {name: group(values, recipes, snapshots) for name, values in probes.items()}
    spec = {"name": "toy", "recipes": recipes, "probes": {name: {} for name in probes}}
    table = solution_map.data(atlas_example.tree({"toy": groups}), None, spec)
    return solution_map.centres(table), table


def seen(column, seeds=2):
    """A measure ``[recipe, seed, 1]`` that is the same at all seeds."""
    return np.repeat(np.asarray(column, float)[:, None, None], seeds, 1)


def test_distances_are_root_mean_squares_over_probes_of_standardized_differences():
    """Two probes, one measure each: a rectangle, in standard deviations over all runs."""
    places, table = tables({"performance": {"loss": seen(SQUARE[:, 0])}, "distance": {"far": seen(SQUARE[:, 1])}})
    expected = pdist(SQUARE / SQUARE.std(axis=0) / np.sqrt(2))
    found = pdist(places.loc[RECIPES].to_numpy())
    np.testing.assert_allclose(found, expected, atol=CLOSE * expected.max())
    assert (table["stress"] < CLOSE).all() and (table["measures"] == 2).all()
    seeds = table[table["seed"].notna()]
    np.testing.assert_allclose(seeds[["x", "y"]], places.loc[seeds["recipe"]], atol=1e-12)  # they differ in nothing


def test_stress_of_what_no_plane_holds():
    """Four recipes at equal distances end as a square, at stress-1 3 - sqrt(8).

    With side s, the misfit 4 (1 - s)^2 + 2 (1 - s sqrt(2))^2 is least at s = (2 + sqrt(2)) / 4.
    """
    place_KD, stress = solution_map.scaled(1 - np.eye(4))
    sides = np.sort(pdist(place_KD))
    np.testing.assert_allclose(sides[:4], (2 + np.sqrt(2)) / 4, atol=CLOSE)
    np.testing.assert_allclose(sides[4:], (2 + np.sqrt(2)) / 4 * np.sqrt(2), atol=CLOSE)
    assert stress == pytest.approx(3 - np.sqrt(8), abs=CLOSE)


def test_each_probe_counts_alike_however_many_measures_it_has():
    one = {"performance": {"loss": seen([0, 3, 3, 0])}, "distance": {"far": seen([0, 0, 1, 1])}}
    many = {**one, "performance": {name: seen([0, 3, 3, 0]) for name in ("loss", "error", "regret")}}
    np.testing.assert_allclose(tables(one)[0], tables(many)[0], atol=CLOSE)


def test_a_measure_over_decades_is_compared_in_logarithms():
    places, _ = tables({"performance": {"loss": seen([1e-4, 1e-2, 1.0, 1e-2])}})
    between = squareform(pdist(places.loc[["sgd", "adam", "muon"]]))
    np.testing.assert_allclose(between[1, [0, 2]], 2**0.5, atol=CLOSE * between.max())


def test_seeds_keep_their_differences_along_the_plane_and_lose_those_across():
    """Seeds of one recipe differ by +-e in a measure by which recipes differ, and in one of another probe alone."""
    loss, far, noise = seen(SQUARE[:, 0]), seen(SQUARE[:, 1]), seen([0, 0, 0, 0])
    loss[0, :, 0] += [0.3, -0.3]
    noise[1, :, 0] += [0.1, -0.1]
    probes = {"performance": {"loss": loss}, "distance": {"far": far}, "sparsity": {"hoyer": noise}}
    places, table = tables(probes)
    seeds = table[table["seed"].notna()].set_index(["recipe", "seed"])[["x", "y"]]
    away = {name: np.linalg.norm(seeds.loc[name] - places.loc[name], axis=1) for name in RECIPES}
    scale = loss.std() * np.sqrt(3)  # three probes
    np.testing.assert_allclose(away["sgd"], 0.3 / scale, atol=CLOSE)
    for name in RECIPES[1:]:
        np.testing.assert_allclose(away[name], 0, atol=CLOSE)


def test_the_mean_of_the_seeds_is_the_recipe():
    random = np.random.default_rng(3)
    values = {name: random.normal(size=(4, 6, 1)) for name in ("loss", "error", "gap", "norm")}
    places, table = tables({"performance": values})
    means = table[table["seed"].notna()].groupby("recipe")[["x", "y"]].mean()
    np.testing.assert_allclose(means.loc[RECIPES], places.loc[RECIPES], atol=1e-12)


def test_a_run_that_lacks_a_measure_is_placed_and_one_that_lacks_most_is_not():
    loss, far = seen(SQUARE[:, 0], 3), seen(SQUARE[:, 1], 3)
    more = {name: seen(SQUARE[:, 1], 3) for name in ("relative", "cosine")}
    loss[2, 1] = np.nan
    for values in (loss, far, more["cosine"]):
        values[3, 2] = np.nan
    places, table = tables({"performance": {"loss": loss}, "distance": {"far": far, **more}})
    runs = table[table["seed"].notna()].set_index(["recipe", "seed"])
    assert len(places) == 4 and ("muon", 1) in runs.index and ("lion", 2) not in runs.index and len(runs) == 11


def test_what_does_not_vary_is_no_measure():
    probes = {"performance": {"loss": seen(SQUARE[:, 0]), "one": seen([7.1] * 4)}, "distance": {"far": seen([0.1] * 4)}}
    assert (tables(probes)[1]["measures"] == 1).all()
    assert tables({"performance": {"one": seen([7.1] * 4)}})[1].empty


def test_a_later_panel_is_turned_to_the_first():
    """The same shape, twice as large, with its axes exchanged: each recipe lies in the same direction."""
    random = np.random.default_rng(1)
    first = random.normal(size=(4, 1, 2))
    values = np.stack([first, 2 * first[:, :, ::-1]], axis=-1)
    probes = {"performance": {"loss": values[:, :, 0]}, "distance": {"far": values[:, :, 1]}}
    table = tables(probes, snapshots=("early", "final"))[1]
    one, two = (solution_map.centres(part) for _, part in table.groupby("snapshot"))
    np.testing.assert_allclose(one.loc[RECIPES], two.loc[RECIPES], atol=CLOSE * 3)


@pytest.mark.parametrize("recipes", [["sgd", "adam"], ["sgd", "adam", "muon"]])
def test_two_recipes_are_no_map(recipes):
    places, _ = tables({"performance": {"loss": seen(SQUARE[: len(recipes), 0])}}, recipes)
    assert len(places) == (0 if len(recipes) == 2 else 3)


def test_every_panel_says_its_stress_scale_and_recipes(study):
    atlas, claims, specs = study
    _, texts, _ = drawn("solution_map", atlas, claims, specs["digits"])
    words = [text.get_text() for text in texts]
    assert words.count("sgd") == 3 and words.count("shampoo") == 2, "shampoo did not reach the loss"
    assert sum(word.startswith("stress 0.") and word.endswith(" measures") for word in words) == 3
    assert sum("standard deviation" in word for word in words) == 3


def test_equal_inputs_give_equal_bytes(study, tmp_path):
    atlas, claims, specs = study
    files = [[tmp_path / f"{k}.{end}" for end in ("svg", "png", "csv")] for k in (1, 2)]
    for three in files:
        render.render("solution_map", atlas, claims, specs["slabs"], *three)
    for one, other in zip(*files, strict=True):
        assert one.read_bytes() == other.read_bytes()
    assert list(pd.read_csv(files[0][2])) == solution_map.COLUMNS


# ------------------------------------------------------------------- names


def named(points, crowd=()):
    """Panel, texts and their boxes of names put beside points of the unit square."""
    drawing = style.figure(3.2, 3.0)
    ax = drawing.subplots()
    ax.set(xlim=(0, 1), ylim=(0, 1))
    drawing.draw_without_rendering()
    drawing.set_layout_engine("none")
    apart.name(ax, points, dict.fromkeys(points, "#000000"), np.reshape(crowd, (-1, 2)))
    drawing.draw_without_rendering()
    texts = [text for text in ax.texts if text.get_text()]
    assert [text.get_text() for text in texts] == list(points)
    return ax, texts, [text.get_window_extent() for text in texts]


@pytest.mark.parametrize("place", [(0.5, 0.5), (0.01, 0.01), (0.99, 0.6), (0.4, 1.0)])
def test_names_of_points_at_one_place_are_apart_and_inside(place):
    ax, _, boxes = named({f"recipe_{number}": place for number in range(8)})
    assert not any(one.overlaps(other) for one, other in itertools.combinations(boxes, 2))
    panel = ax.get_window_extent().padded(0.5)
    assert all(panel.contains(*box.min) and panel.contains(*box.max) for box in boxes)


def test_a_lone_name_is_at_its_point_without_a_line():
    ax, (text,), (box,) = named({"sgd": (0.5, 0.5)})
    point = ax.transData.transform((0.5, 0.5))
    assert 0 < box.x0 - point[0] < 12 and box.y0 < point[1] < box.y1
    assert len(ax.texts) == 1


def test_a_name_keeps_clear_of_other_marks():
    crowd = np.column_stack([np.linspace(0.52, 0.8, 15), np.full(15, 0.5)])
    ax, _, (box,) = named({"momentum": (0.5, 0.5)}, crowd)
    assert not box.count_contains(ax.transData.transform(crowd))

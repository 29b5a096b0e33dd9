"""What the figure of divergence times shows, recomputed from the atlas."""

import atlas_example
import numpy as np
import pytest

from imprint.figures import divergence


def test_marks_and_lines_are_means_over_seeds():
    groups = atlas_example.clones(np.random.default_rng(0))
    atlas = atlas_example.tree({"clones": groups})
    spec = next(spec for spec in atlas_example.experiments() if spec["name"] == "clones")
    table = divergence.data(atlas, None, spec).set_index(["recipe", "data", "after"])
    final = groups["divergence_times"].sel(snapshot="final", stop="length", select="best")
    row = table.loc["adam", "gaussian", 100]
    steps = final["steps"].sel(recipe="adam", clone="gaussian").values
    assert row["mean"] == pytest.approx(final["accuracy"].sel(recipe="adam", data="gaussian", after=100).values.mean())
    assert row["time"] == pytest.approx(np.exp(np.log(steps).mean()))
    assert row["behind"] == np.mean(steps <= 200) < 1  # the second recipe's copies are behind late or never
    assert table.loc["sgd", "gaussian", 0]["behind"] == 1
    assert np.isnan(table.loc["sgd", "real", 0]["time"])

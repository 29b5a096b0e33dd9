"""What the figure of the variance explained shows."""

import atlas_example
import numpy as np

from imprint.figures import variance_explained


def test_every_layer_of_every_seed_is_there():
    groups = atlas_example.easy_hard(np.random.default_rng(0))
    spec = next(spec for spec in atlas_example.experiments() if spec["name"] == "easy_hard")
    table = variance_explained.data(atlas_example.tree({"easy_hard": groups}), None, spec)
    assert len(table) == 3 * 8 * 4 * 2
    for feature in ("easy", "hard"):
        third = groups["variance_explained"][feature].sel(layer="hidden_3", recipe="adam", seed=5, snapshot="final")
        chosen = table.query("feature == @feature and layer == 3 and recipe == 'adam' and seed == 5")
        np.testing.assert_array_equal(chosen["value"], third.values.ravel())

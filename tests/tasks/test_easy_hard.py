"""The features are what they are called: independent, balanced, one linear and one invisible to linear models."""

import numpy as np
import pytest

from imprint.tasks.easy_hard import build

OPTIONS = {"dimensions": 12, "train": 20000, "validation": 50, "test": 20000, "seed": 3}


@pytest.mark.parametrize("width", [1, 3])
def test_features_by_their_definition(width):
    data = build(**OPTIONS, width=width)
    for split in ("validation", "test"):
        x = data[f"x_{split}"].values
        groups = [x[:, place * width : (place + 1) * width].sum(1) > 0 for place in range(3)]
        np.testing.assert_array_equal(data[f"factors_easy_{split}"], groups[0])
        np.testing.assert_array_equal(data[f"factors_hard_{split}"], groups[1] != groups[2])
        np.testing.assert_array_equal(
            data[f"y_{split}"], 2 * data[f"factors_easy_{split}"] + data[f"factors_hard_{split}"]
        )
    assert set(np.unique(data["x_train"])) == {-1, 1}


@pytest.mark.parametrize("width", [1, 3])
def test_classes_are_balanced_and_the_hard_feature_correlates_with_no_bit(width):
    data = build(**OPTIONS, width=width)
    share = np.bincount(data["y_train"]) / 20000
    np.testing.assert_allclose(share, 0.25, atol=5 * np.sqrt(0.25 * 0.75 / 20000))  # five standard errors
    bits = data["x_train"].values.T
    easy, hard = 2 * (data["y_train"].values // 2) - 1, 2 * (data["y_train"].values % 2) - 1
    chance = 5 / np.sqrt(20000)  # five standard errors of a correlation of 0
    assert np.abs(bits @ hard / 20000).max() < chance
    assert np.abs(bits[width:] @ easy / 20000).max() < chance
    # a bit agrees with the majority of three in three cases of four: correlation 1/2
    np.testing.assert_allclose(bits[:width] @ easy / 20000, 1 if width == 1 else 0.5, atol=chance)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"width": 2}, "width=2: a majority needs an odd"),
        ({"dimensions": 8, "width": 3}, "dimensions=8: .* at least 9"),
        ({"train": 0}, "train=0: at least one"),
    ],
)
def test_errors(options, message):
    with pytest.raises(ValueError, match=message):
        build(**(OPTIONS | options))

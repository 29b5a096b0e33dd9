"""Class-incremental sequences: stages, the classes kept, the split shared with classification."""

import numpy as np
import pytest

from imprint.tasks import classification, split_classes

SPLITS = ("train", "validation", "test")
PAIRS = [[3, 8], [1, 0], [7, 5]]


def test_stage_is_the_position_of_the_pair():
    data = split_classes.build(pairs=PAIRS)
    assert data.attrs["stages"] == 3
    assert data.attrs["classes"] == 10
    for split in SPLITS:
        for stage, pair in enumerate(PAIRS):
            there = data[f"y_{split}"].values[data[f"stage_{split}"].values == stage]
            assert set(there.tolist()) == set(pair)
        assert set(data[f"stage_{split}"].values.tolist()) == {0, 1, 2}


def test_all_pairs_are_the_whole_classification_problem():
    whole, sequence = classification.build(), split_classes.build()
    for split in SPLITS:
        for name in ("x", "y", "index"):
            np.testing.assert_array_equal(sequence[f"{name}_{split}"], whole[f"{name}_{split}"])
        np.testing.assert_array_equal(sequence[f"stage_{split}"], whole[f"y_{split}"] // 2)


def test_an_example_stays_in_its_split_whatever_is_kept():
    whole, sequence = classification.build(), split_classes.build(pairs=PAIRS)
    for split in SPLITS:
        kept = np.isin(whole[f"y_{split}"].values, np.ravel(PAIRS))
        np.testing.assert_array_equal(sequence[f"index_{split}"], whole[f"index_{split}"].values[kept])


def test_per_pair_counts():
    data = split_classes.build(pairs=PAIRS, per_pair=41)
    assert np.bincount(data["stage_train"]).tolist() == [41] * 3
    counts = np.bincount(data["y_train"], minlength=10)
    assert counts.tolist() == [20, 21, 0, 21, 0, 20, 0, 21, 20, 0]  # the first of a pair gets the odd one


def test_statistics_are_those_of_the_pairs():
    data = split_classes.build(pairs=PAIRS, per_pair=60)
    x = data["x_train"].values.astype(np.float64)
    # float32 entries of size up to 3 are each wrong by at most 2^-23; mean and deviation by no more
    assert x.mean() == pytest.approx(0, abs=2.0**-22)
    assert x.std() == pytest.approx(1, abs=2.0**-22)


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ([], "pairs is empty"),
        ([[0, 1], [2]], r"pairs\[1\]=\[2\] is not a pair of two different classes"),
        ([[4, 4]], r"pairs\[0\]=\[4, 4\] is not a pair"),
        ([[0, 1], [2, 10]], r"pairs\[1\]=\[2, 10\]: choose classes from 0 to 9"),
        ([[0, 1], [2, 0]], r"class 0 is in pairs\[0\] and pairs\[1\]"),
    ],
)
def test_pairs_that_are_none_are_refused(pairs, message):
    with pytest.raises(ValueError, match=message):
        split_classes.build(pairs=pairs)


def test_validation_without_a_class_is_refused():
    with pytest.raises(ValueError, match=r"validation=2 has no example of class \d; raise it"):
        split_classes.build(validation=2)


@pytest.mark.mnist
def test_split_mnist_pooled():
    data = split_classes.build(data="mnist", pool=2, per_pair=2000)
    assert data.sizes["train"] == 10000
    assert data.sizes["test"] == 10000
    assert np.bincount(data["stage_train"]).tolist() == [2000] * 5
    # pairs of the published test histogram, 980 + 1135 and so on
    assert np.bincount(data["stage_test"]).tolist() == [2115, 2042, 1874, 1986, 1983]

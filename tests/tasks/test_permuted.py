"""Permuted sequences: one image set, one permutation per task, the first the identity."""

import numpy as np
import pytest

from imprint.tasks import classification, permuted

SPLITS = ("train", "validation", "test")


def part(data, split, stage, name):
    """A column of one split in one task."""
    return data[f"{name}_{split}"].values[data[f"stage_{split}"].values == stage]


def test_the_first_task_is_the_classification_problem():
    whole, sequence = classification.build(limit=100), permuted.build(limit=100, tasks=2)
    for split in SPLITS:
        for name in ("x", "y", "index"):
            np.testing.assert_array_equal(part(sequence, split, 0, name), whole[f"{name}_{split}"])


def test_every_task_is_one_permutation_of_the_first_in_every_split():
    """Found without the package's order: pixels are matched by their values over all images."""
    data = permuted.build(limit=200, tasks=4)
    pixels = np.concatenate([part(data, split, 0, "x") for split in SPLITS]).T
    assert len(np.unique(pixels, axis=0)) > 50  # blank corners are alike
    seen = []
    for stage in range(4):
        shown = np.concatenate([part(data, split, stage, "x") for split in SPLITS]).T
        np.testing.assert_array_equal(np.unique(shown, axis=0), np.unique(pixels, axis=0))
        assert sorted(map(bytes, shown)) == sorted(map(bytes, pixels))
        seen.append(shown)
        for split in SPLITS:
            np.testing.assert_array_equal(part(data, split, stage, "y"), part(data, split, 0, "y"))
            np.testing.assert_array_equal(part(data, split, stage, "index"), part(data, split, 0, "index"))
    moved = [(one != other).any(1).sum() for place, one in enumerate(seen) for other in seen[:place]]
    assert min(moved) > 40  # of 64 pixels; a uniform permutation leaves one on average, and blank ones are alike


def test_orders():
    assert permuted.order(0, 9, 5).tolist() == list(range(9))
    for stage in (1, 2):
        assert sorted(permuted.order(stage, 64, 5)) == list(range(64))
    assert permuted.order(1, 64, 5).tolist() != permuted.order(2, 64, 5).tolist()
    assert permuted.order(1, 64, 5).tolist() != permuted.order(1, 64, 6).tolist()


def test_a_longer_sequence_begins_with_the_shorter_one():
    short, long = permuted.build(limit=50, tasks=2), permuted.build(limit=50, tasks=5)
    assert (short.attrs["stages"], long.attrs["stages"]) == (2, 5)
    for split in SPLITS:
        count = short.sizes[split]
        assert long.sizes[split] * 2 == count * 5
        np.testing.assert_array_equal(long[f"x_{split}"][:count], short[f"x_{split}"])


def test_no_task_is_refused():
    with pytest.raises(ValueError, match="tasks=0: a sequence has at least one task"):
        permuted.build(tasks=0)


@pytest.mark.mnist
def test_permuted_mnist_pooled():
    data = permuted.build(data="mnist", pool=2, tasks=3, limit=1000, validation=500, test=700)
    assert {split: data.sizes[split] for split in SPLITS} == {"train": 3000, "validation": 1500, "test": 2100}
    assert data.attrs["inputs"] == 196
    # a permutation leaves the mean and the deviation of all pixels; float32 entries are wrong by up to 2^-23
    for stage in range(3):
        x = part(data, "train", stage, "x").astype(np.float64)
        assert (x.mean(), x.std()) == pytest.approx((0, 1), abs=2.0**-21)

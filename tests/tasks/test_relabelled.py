"""Relabelled sequences: the same images in every task, other random labels, and noise on every appearance."""

import numpy as np
import pytest

from imprint.tasks import classification, relabelled

SPLITS = ("train", "validation", "test")
OPTIONS = {"images": 400, "shown": 150, "tasks": 4}


@pytest.fixture(scope="module")
def data():
    return relabelled.build(**OPTIONS, noise=0.3)


def part(data, split, stage, name):
    """A column of one split in one task."""
    return data[f"{name}_{split}"].values[data[f"stage_{split}"].values == stage]


def test_images_are_those_of_the_classification_problem_plus_noise_of_the_declared_size(data):
    whole = classification.build(limit=400)
    for split in SPLITS:
        for stage in range(4):
            rows = np.searchsorted(whole["index_train"].values, part(data, split, stage, "index"))
            noise = part(data, split, stage, "x").astype(np.float64) - whole["x_train"].values[rows]
            assert len(noise) == (400 if split == "train" else 150)
            # mean and standard deviation of at least 9,600 normal numbers: 5 standard errors, and float32 entries
            assert abs(noise.mean()) < 5 * 0.3 / noise.size**0.5 + 1e-6
            assert abs(noise.std() - 0.3) < 5 * 0.3 / (2 * noise.size) ** 0.5 + 1e-6


def test_noise_of_different_appearances_is_independent(data):
    shown = [part(data, split, stage, "x")[:150] for split in ("validation", "test") for stage in range(4)]
    noise = [x - np.mean(shown, axis=0) for x in shown]
    for place, one in enumerate(noise):
        for other in noise[:place]:
            # eight draws minus their mean correlate by -1/7; 5 standard errors of a correlation of 9,600 numbers
            assert np.corrcoef(one.ravel(), other.ravel())[0, 1] == pytest.approx(-1 / 7, abs=5 / 9600**0.5)


def test_an_image_has_one_label_within_a_task(data):
    for stage in range(4):
        labels = dict(zip(part(data, "train", stage, "index"), part(data, "train", stage, "y"), strict=True))
        for split in ("validation", "test"):
            index, y = part(data, split, stage, "index"), part(data, split, stage, "y")
            assert [labels[image] for image in index] == y.tolist()
            np.testing.assert_array_equal(index, part(data, split, 0, "index"))


def test_labels_are_uniform_and_tell_nothing_about_images_or_other_tasks(data):
    y = np.stack([part(data, "train", stage, "y") for stage in range(4)])
    counts = np.bincount(y.ravel(), minlength=10)
    # chi-squared with 9 degrees of freedom, beyond its 99.99 % point only in one draw of 10,000
    assert ((counts - 160) ** 2 / 160).sum() < 33.7
    classes = classification.build(limit=400)["y_train"].values
    for place, labels in enumerate([classes, *y]):
        for other in [classes, *y][:place]:
            # agreement of independent labels is binomial with mean 1/10: 5 standard deviations of 400 of them
            assert abs((labels == other).mean() - 0.1) < 5 * (0.09 / 400) ** 0.5


def test_a_longer_sequence_begins_with_the_shorter_one(data):
    longer = relabelled.build(**{**OPTIONS, "tasks": 6}, noise=0.3)
    for split in SPLITS:
        for name in ("x", "y", "index"):
            head = longer[f"{name}_{split}"].values[: data.sizes[split]]
            np.testing.assert_array_equal(head, data[f"{name}_{split}"].values)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tasks": 0}, "tasks=0: a sequence has at least one task"),
        ({"shown": 0}, "shown=0: choose between 1 and images=1000"),
        ({"images": 20, "shown": 21}, "shown=21: choose between 1 and images=20"),
        ({"noise": 0.0}, "noise=0.0: it is above 0"),
    ],
)
def test_options_outside_their_range_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        relabelled.build(**options)

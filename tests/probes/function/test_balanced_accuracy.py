import numpy as np
from sklearn.metrics import balanced_accuracy_score, recall_score

from imprint.probes.function import balanced_accuracy, performance


def test_against_scikit_learn(fleet):
    solution, task = fleet("heavy_tail", {"name": "deep_linear"}, classes=4, dimensions=5, noise=1.0, test=7)
    measured = balanced_accuracy.measure(solution, task)
    x, y = task.split("test")
    for seed in range(3):
        weight = solution.data["weight.layers.0.weight"].sel(snapshot="final").values[1, seed]
        guess = (x[seed].numpy() @ weight.T).argmax(1)
        cell = measured.sel(snapshot="final").isel(setting=1, seed=seed)
        # means of at most 7 ones and zeros, and of 4 of these
        np.testing.assert_allclose(cell["balanced_accuracy"], balanced_accuracy_score(y[seed], guess), rtol=1e-14)
        np.testing.assert_allclose(cell["recall"], recall_score(y[seed], guess, average=None), rtol=1e-14)
        assert cell["worst_class"] == cell["recall"].min()


def test_equal_classes_have_their_accuracy(fleet):
    """With equally many test examples of each class, balanced accuracy is accuracy."""
    solution, task = fleet("heavy_tail", {"name": "deep_linear"}, test=6, noise=1.0)
    balanced = balanced_accuracy.measure(solution, task)["balanced_accuracy"]
    np.testing.assert_allclose(balanced, performance.measure(solution, task)["test_accuracy"], rtol=1e-14)
    assert 0.1 < balanced.mean() < 0.9


def test_classes_without_test_examples_do_not_count(fleet):
    solution, task = fleet("split_classes")
    measured = balanced_accuracy.measure(solution, task)
    assert measured["recall"].isnull().sum("class").values.tolist() == [[[4] * 5] * 3] * 2
    np.testing.assert_allclose(measured["balanced_accuracy"], measured["recall"].mean("class"), rtol=1e-14)

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from imprint.probes.function import randomized_blocks


def test_against_plain_loops(fleet):
    """One replica, its latent test points permuted in numpy and rotated again, scored by scikit-learn."""
    solution, task = fleet("slabs")
    measured = randomized_blocks.measure(solution, task, permutations=3)
    assert measured["block"].values.tolist() == ["linear", "slab"]
    place = 1
    seed = solution.data["seed"].values[place]
    data = task.data.isel(seed=place)
    weights = {name: torch.as_tensor(solution.values(name, "final")[0, place]) for name in solution.parameters}
    for block, columns in (("linear", [0]), ("slab", list(range(1, 6)))):
        areas, hits = [], []
        for order in randomized_blocks.orders(int(seed), 3, data.sizes["test"]).numpy():
            latent = data["blocks_latent"].values.astype(float)
            latent[:, columns] = latent[order][:, columns]
            x = torch.as_tensor(latent @ data["blocks_rotation"].values.astype(float))
            logits = torch.func.functional_call(task.model, weights, (x,))
            areas.append(roc_auc_score(data["y_test"], logits[:, 1] - logits[:, 0]))
            hits.append((logits.argmax(-1).numpy() == data["y_test"].values).mean())
        cell = measured.sel(setting=0, seed=seed, snapshot="final", block=block)
        # stored inputs are rounded to float32: of 200 x 200 / 4 pairs and 200 examples a few may change sides
        np.testing.assert_allclose(cell["randomized_auc"], np.mean(areas), atol=1e-3)
        np.testing.assert_allclose(cell["randomized_accuracy"], np.mean(hits), atol=2 / 200)


def test_more_than_two_classes_are_refused(fleet):
    solution, task = fleet("classification")
    with pytest.raises(ValueError, match="task of 2 classes; this one has 10"):
        randomized_blocks.measure(solution, task)


def test_halves_of_images_against_plain_loops(fleet):
    """One replica, one half of its test images permuted in numpy, scored by scikit-learn."""
    solution, task = fleet("dominoes")
    measured = randomized_blocks.measure(solution, task, permutations=3)
    assert measured["block"].values.tolist() == ["top", "bottom"]
    place = 1
    seed = solution.data["seed"].values[place]
    weights = {name: torch.as_tensor(solution.values(name, "final")[0, place]) for name in solution.parameters}
    y = task.data["y_test"].values

    def score(x):
        logits = torch.func.functional_call(task.model, weights, (torch.as_tensor(x),))
        return (logits[:, 1] - logits[:, 0]).numpy(), (logits.argmax(-1).numpy() == y).mean()

    plain = score(task.data["x_test"].values.astype(float))
    for block, rows in (("top", slice(8)), ("bottom", slice(8, None))):
        areas, hits = [], []
        for order in randomized_blocks.orders(int(seed), 3, len(y)).numpy():
            x = task.data["x_test"].values.astype(float).reshape(-1, 16, 8)
            x[:, rows] = x[order][:, rows]
            scores, right = score(x.reshape(len(x), -1))
            areas.append(roc_auc_score(y, scores))
            hits.append(right)
        cell = measured.sel(setting=0, seed=seed, snapshot="final", block=block)
        # the same float64 inputs: ranks and signs are equal, their means to rounding
        np.testing.assert_allclose(cell["randomized_auc"], np.mean(areas), rtol=1e-12)
        np.testing.assert_allclose(cell["randomized_accuracy"], np.mean(hits), rtol=1e-12)
        np.testing.assert_allclose(cell["accuracy_drop"], plain[1] - np.mean(hits), atol=1e-12)
    np.testing.assert_allclose(cell["auc"], roc_auc_score(y, plain[0]), rtol=1e-12)


def test_a_half_that_is_not_read_costs_nothing(fleet):
    """A linear classifier with weights 0 on the lower half."""
    solution, task = fleet("dominoes", model={"name": "mlp", "hidden": []})
    weight = solution.data["weight.layers.0.weight"]
    weight[..., weight.shape[-1] // 2 :] = 0
    measured = randomized_blocks.measure(solution, task, permutations=40)
    np.testing.assert_array_equal(measured["accuracy_drop"].sel(block="bottom"), 0)
    # the mean of 40 equal numbers, rounded
    np.testing.assert_allclose(measured["randomized_auc"].sel(block="bottom"), measured["auc"], rtol=1e-14)
    # 30 examples of each class: an area has the standard error sqrt(61 / 12 / 900) = 0.075; 40 permutations, 4 errors
    top = measured["randomized_auc"].sel(block="top")
    assert np.abs(top - 0.5).max() < 4 * 0.075 / np.sqrt(40)

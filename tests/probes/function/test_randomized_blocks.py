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
